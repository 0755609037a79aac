/** The container's first process: clone3 into its namespaces, and what it needs before it can do anything. */
import { ENOSYS } from "../../../ffi/abi/errno.ts";
import { IFF_RUNNING, IFF_UP } from "../../../ffi/abi/if.ts";
import { POLLIN } from "../../../ffi/abi/poll.ts";
import { PR_SET_DUMPABLE, PR_SET_PDEATHSIG } from "../../../ffi/abi/prctl.ts";
import {
  CLONE_INTO_CGROUP,
  CLONE_NEWCGROUP,
  CLONE_NEWIPC,
  CLONE_NEWNET,
  CLONE_NEWNS,
  CLONE_NEWPID,
  CLONE_NEWTIME,
  CLONE_NEWUSER,
  CLONE_NEWUTS,
  CLONE_PIDFD,
} from "../../../ffi/abi/sched.ts";
import { SIGCHLD, SIGKILL } from "../../../ffi/abi/signal.ts";
import { AF_INET, SOCK_CLOEXEC, SOCK_DGRAM } from "../../../ffi/abi/socket.ts";
import { ioctlSiocsifflags } from "../../../ffi/calls/ioctl.ts";
import { keyctlJoinSessionKeyring } from "../../../ffi/calls/keyctl.ts";
import { close, closeRange } from "../../../ffi/calls/open.ts";
import { pidfdOpen } from "../../../ffi/calls/pidfd.ts";
import { pollCell, ppoll } from "../../../ffi/calls/poll.ts";
import { prctl } from "../../../ffi/calls/prctl.ts";
import { clone3, getpid, unshare } from "../../../ffi/calls/process.ts";
import { socket } from "../../../ffi/calls/socket.ts";
import { sethostname } from "../../../ffi/calls/uts.ts";
import { branchOnErrno, type Emitter, FAIL, result } from "../emitter.ts";
import type { Word } from "../../../ffi/calls/call.ts";
import type { OpCommon, OpDefinition } from "../op.ts";
import { quote } from "../quote.ts";
import { ANNOUNCE_FD, CONTROL_FD, FIRST_PASSED_FD, JOIN_FD } from "../report.ts";
import { watchFd } from "./polled.ts";
import { writeFile } from "./cgroup.ts";
import { makeGate } from "./userns.ts";

export type Namespace = "user" | "mount" | "pid" | "net" | "uts" | "ipc" | "cgroup" | "time";

export const NAMESPACE_FLAGS: Readonly<Record<Namespace, readonly [string, bigint]>> = {
  user: ["CLONE_NEWUSER", CLONE_NEWUSER],
  mount: ["CLONE_NEWNS", CLONE_NEWNS],
  pid: ["CLONE_NEWPID", CLONE_NEWPID],
  net: ["CLONE_NEWNET", CLONE_NEWNET],
  uts: ["CLONE_NEWUTS", CLONE_NEWUTS],
  ipc: ["CLONE_NEWIPC", CLONE_NEWIPC],
  cgroup: ["CLONE_NEWCGROUP", CLONE_NEWCGROUP],
  time: ["CLONE_NEWTIME", CLONE_NEWTIME],
};

/** Starts the container's first process in new namespaces. */
export interface CloneOp extends OpCommon {
  readonly kind: "clone";
  readonly namespaces: readonly Namespace[];
  /** Slot of the descriptor of the group (v2) that it is born in. */
  readonly group?: string;
  /** The runner waits for the first command's execve: the stage gives its copy of the pipe away. */
  readonly announce: boolean;
  /** Number of descriptors that were handed over for the container alone. */
  readonly passed?: number;
  /** The child waits at a gate until the runner has mapped its ids. */
  readonly gate?: boolean;
}

/** The ids of the new user namespace, one of each: `id` inside is `hostId` outside. */
export interface MapIds extends OpCommon {
  readonly kind: "idmap";
  readonly uid: number;
  readonly hostUid: number;
  readonly gid: number;
  readonly hostGid: number;
}

/** A cgroup namespace rooted at the groups that have been joined (v1: only then are all known). */
export interface UnshareCgroup extends OpCommon {
  readonly kind: "unshare.cgroup";
}

export interface Hostname extends OpCommon {
  readonly kind: "hostname";
  readonly name: string;
}

/** The loopback interface of the new network namespace is raised. */
export interface LoopbackUp extends OpCommon {
  readonly kind: "loopback";
}

/** A new session keyring: the caller's holds keys of the caller. */
export interface NewKeyring extends OpCommon {
  readonly kind: "keyring";
}

/** If the stage dies, so does the container; and it cannot be traced from inside. */
export interface Tether extends OpCommon {
  readonly kind: "tether";
  /** What shows the stage's death stays open, for `retether`. */
  readonly keeps?: true;
}

/** What `tether` bound is bound again: the kernel frees it when a process becomes another user. */
export interface Retether extends OpCommon {
  readonly kind: "retether";
}

/** A detached container outlives the stage that made it: what `tether` bound is free. */
export interface Untether extends OpCommon {
  readonly kind: "untether";
}

/** Cell that CLONE_PIDFD writes the descriptor of the container's first process to. */
export const CHILD_PIDFD = { cell: "child pidfd", size: 8 } as const;
/** Slot: pidfd of the stage itself, so that its child can see its death. */
export const STAGE_PIDFD = "stage pidfd";

export const cloneOp: OpDefinition<CloneOp> = {
  describe(op) {
    const names = op.namespaces.map((name) => NAMESPACE_FLAGS[name][0].replace("CLONE_", ""));
    return `clone3({${[...names, ...(op.group === undefined ? [] : ["INTO_CGROUP"])].join("|")}})`;
  },
  lower(op, to) {
    let flags = CLONE_PIDFD;
    for (const name of op.namespaces) flags |= NAMESPACE_FLAGS[name][1];
    if (op.group !== undefined) flags |= CLONE_INTO_CGROUP;
    if (op.gate === true) makeGate(to);
    to.call(getpid(), { into: "pid" });
    to.call(pidfdOpen({ pid: result("pid") }), { into: STAGE_PIDFD });
    to.call(
      clone3({
        flags,
        exitSignal: SIGCHLD,
        pidfd: CHILD_PIDFD,
        ...(op.group === undefined ? {} : { cgroup: result(op.group) }),
      }),
      { into: "child" },
    );
    to.add(
      { kind: "branch", when: "equal", left: result("child"), right: 0, to: "container" },
      { kind: "load", into: "child pidfd", address: CHILD_PIDFD, width: 4 },
    );
    to.call(close({ fd: result(STAGE_PIDFD) }), { onError: "continue" });
    if (op.announce) to.call(close({ fd: ANNOUNCE_FD }), { onError: "continue" });
    if (op.passed === undefined) return;
    const first = FIRST_PASSED_FD;
    to.call(closeRange({ first, last: first + op.passed - 1 }), { onError: "continue" });
  },
  undo: (op) => [{ kind: "end", id: `${op.id}/undo`, where: "stage", origin: op.origin }],
};

/** The kernel kills this process when its parent, the stage, ends. */
export function endWithParent(to: Emitter): void {
  to.call(prctl({ option: PR_SET_PDEATHSIG, arg2: SIGKILL }));
}

/**
 * The stage may have died before the prctl: then its pidfd is readable, and a pipe that it alone reads is broken, which poll says
 * unasked.
 */
export function endIfAlone(to: Emitter, fd: Word): void {
  const cell = pollCell("stage poll", 1);
  watchFd(to, { cell, index: 0 }, { fd, events: POLLIN });
  to.call(ppoll({ fds: cell, nfds: 1, timeout: { sec: 0, nsec: 0 } }), { into: "dead" });
  to.add({ kind: "branch", when: "less", left: 0, right: result("dead"), to: "container.end" });
}

export const tether: OpDefinition<Tether> = {
  describe: () => "prctl(PR_SET_PDEATHSIG, SIGKILL)",
  lower(op, to) {
    // The stage's alone: who has it takes the runner's signals, and speaks as the stage.
    to.call(close({ fd: CONTROL_FD }));
    endWithParent(to);
    to.call(prctl({ option: PR_SET_DUMPABLE, arg2: 0 }));
    endIfAlone(to, result(STAGE_PIDFD));
    if (op.keeps !== true) to.call(close({ fd: result(STAGE_PIDFD) }), { onError: "continue" });
  },
};

export const newKeyring: OpDefinition<NewKeyring> = {
  describe: () => "keyctl(KEYCTL_JOIN_SESSION_KEYRING, NULL)",
  lower(_op, to) {
    const none = to.label("no keyrings");
    const joined = to.label("joined");
    to.call(keyctlJoinSessionKeyring(), { onError: none });
    to.add(
      { kind: "jump", to: joined },
      { kind: "label", name: none },
      // A kernel without keyrings has none of the caller's either.
      ...branchOnErrno([ENOSYS], { to: joined, otherwise: FAIL.container }),
      { kind: "label", name: joined },
    );
  },
};

export const retether: OpDefinition<Retether> = {
  describe: () => "prctl(PR_SET_PDEATHSIG, SIGKILL)",
  lower(_op, to) {
    endWithParent(to);
    endIfAlone(to, JOIN_FD);
  },
};

export const untether: OpDefinition<Untether> = {
  describe: () => "prctl(PR_SET_PDEATHSIG, 0)",
  lower(_op, to) {
    to.call(prctl({ option: PR_SET_PDEATHSIG, arg2: 0 }));
  },
};

export const mapIds: OpDefinition<MapIds> = {
  describe: (op) =>
    `write("/proc/self/uid_map", "${op.uid} ${op.hostUid} 1"), gid_map "${op.gid} ${op.hostGid} 1"`,
  lower(op, to) {
    writeFile(to, { path: "/proc/self/setgroups", text: "deny" });
    writeFile(to, { path: "/proc/self/uid_map", text: `${op.uid} ${op.hostUid} 1` });
    writeFile(to, { path: "/proc/self/gid_map", text: `${op.gid} ${op.hostGid} 1` });
  },
};

export const unshareCgroup: OpDefinition<UnshareCgroup> = {
  describe: () => "unshare(CLONE_NEWCGROUP)",
  lower(_op, to) {
    to.call(unshare({ flags: CLONE_NEWCGROUP }));
  },
};

export const hostname: OpDefinition<Hostname> = {
  describe: (op) => `sethostname(${quote(op.name)})`,
  lower(op, to) {
    to.call(sethostname({ name: op.name }));
  },
};

export const loopbackUp: OpDefinition<LoopbackUp> = {
  describe: () => `ioctl(SIOCSIFFLAGS, {ifr_name="lo", ifr_flags=IFF_UP|IFF_RUNNING})`,
  lower(_op, to) {
    to.call(socket({ domain: AF_INET, type: SOCK_DGRAM | SOCK_CLOEXEC, protocol: 0 }), {
      into: "socket",
    });
    to.call(ioctlSiocsifflags({ fd: result("socket"), name: "lo", flags: IFF_UP | IFF_RUNNING }));
    to.call(close({ fd: result("socket") }), { onError: "continue" });
  },
};
