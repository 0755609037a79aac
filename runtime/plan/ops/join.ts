/**
 * Joining a container that runs. The stage stays outside and waits; a process of it, the joiner, enters the container's groups and
 * namespaces where nothing inside can see it, gives up every right that the container does not have, and only then makes
 * the process that the container sees (security rule R7).
 */
import { EINTR, ENOMEM } from "../../../ffi/abi/errno.ts";
import { O_CLOEXEC, O_DIRECTORY, O_PATH } from "../../../ffi/abi/fcntl.ts";
import { POLLIN } from "../../../ffi/abi/poll.ts";
import { PR_SET_DUMPABLE } from "../../../ffi/abi/prctl.ts";
import { CLONE_INTO_CGROUP, CLONE_PARENT, CLONE_PIDFD } from "../../../ffi/abi/sched.ts";
import { SIGCHLD, SIGKILL } from "../../../ffi/abi/signal.ts";
import { P_PIDFD, WEXITED } from "../../../ffi/abi/wait.ts";
import type { Cell } from "../../../ffi/calls/call.ts";
import { read, write } from "../../../ffi/calls/io.ts";
import { close, closeRange, dup3, openat, pipe2 } from "../../../ffi/calls/open.ts";
import { pidfdOpen, pidfdSendSignal } from "../../../ffi/calls/pidfd.ts";
import { pollCell, ppoll } from "../../../ffi/calls/poll.ts";
import { prctl } from "../../../ffi/calls/prctl.ts";
import { clone3, exitGroup, setns, waitid } from "../../../ffi/calls/process.ts";
import { branchOnErrno, type Emitter, FAIL, result } from "../emitter.ts";
import type { OpCommon, OpDefinition } from "../op.ts";
import { ANNOUNCE_FD, CONTROL_FD, JOIN_FD } from "../report.ts";
import {
  CHILD_PIDFD,
  endIfAlone,
  endWithParent,
  type Namespace,
  NAMESPACE_FLAGS,
} from "./namespace.ts";
import { ROOT } from "./root.ts";
import { unlessReady, waitForFd, watchFd } from "./polled.ts";
import { processLabel } from "./supervise.ts";

/** Starts the joiner, in the container's group where that is of version 2. */
export interface JoinClone extends OpCommon {
  readonly kind: "join.clone";
  /** Slot of the descriptor of the group (v2) that it is born in. */
  readonly group?: string;
  /** The runner waits for the command's execve: the stage gives its copy of the pipe away. */
  readonly announce: boolean;
}

/** The joiner enters the namespaces of the process that `JOIN_FD` names. */
export interface JoinNamespaces extends OpCommon {
  readonly kind: "join.namespaces";
  readonly namespaces: readonly Namespace[];
  /** The container's root is opened: mounts are attached below it. */
  readonly root?: true;
}

/** The joiner has done what it was there for, and ends. */
export interface JoinLeave extends OpCommon {
  readonly kind: "join.leave";
}

/** The joiner makes the process that the container sees, as a child of the stage, and ends. */
export interface JoinEnter extends OpCommon {
  readonly kind: "join.enter";
}

/** The stage learns which process that is. */
export interface JoinAdopt extends OpCommon {
  readonly kind: "join.adopt";
}

/** Closes every descriptor from `first` on; a joiner's not that of the pipe to its stage. */
export function closeOthers(
  to: Emitter,
  { first, keepsJoin }: { readonly first: number; readonly keepsJoin: boolean },
): void {
  if (keepsJoin) to.call(closeRange({ first, last: JOIN_FD - 1 }));
  to.call(closeRange({ first: keepsJoin ? JOIN_FD + 1 : first, last: 0xffffffff }));
}

/** Slots of the pipe from the joiner to the stage. The process that the container sees keeps the writing end until execve. */
const LINK = { read: "link read", write: "link write" } as const;
const ENTERED: Cell = { cell: "entered", size: 8 };

function loadPipe(to: Emitter): void {
  const pipefd = { cell: "link", size: 8 };
  to.call(pipe2({ pipefd, flags: O_CLOEXEC }));
  to.add(
    { kind: "load", into: LINK.read, address: pipefd, width: 4 },
    { kind: "load", into: LINK.write, address: { ...pipefd, offset: 4 }, width: 4 },
  );
}

export const joinClone: OpDefinition<JoinClone> = {
  describe: (op) => `clone3({${op.group === undefined ? "" : "INTO_CGROUP"}})`,
  lower(op, to) {
    loadPipe(to);
    const group = op.group === undefined ? {} : { cgroup: result(op.group) };
    const flags = CLONE_PIDFD | (op.group === undefined ? 0n : CLONE_INTO_CGROUP);
    to.call(clone3({ flags, exitSignal: SIGCHLD, pidfd: CHILD_PIDFD, ...group }), {
      into: "child",
    });
    to.add(
      { kind: "branch", when: "equal", left: result("child"), right: 0, to: "container" },
      { kind: "load", into: "child pidfd", address: CHILD_PIDFD, width: 4 },
    );
    to.call(close({ fd: result(LINK.write) }), { onError: "continue" });
    to.call(close({ fd: JOIN_FD }), { onError: "continue" });
    if (op.announce) to.call(close({ fd: ANNOUNCE_FD }), { onError: "continue" });
  },
  undo: (op) => [{ kind: "end", id: `${op.id}/undo`, where: "stage", origin: op.origin }],
};

export const joinNamespaces: OpDefinition<JoinNamespaces> = {
  describe(op) {
    const names = op.namespaces.map((name) => NAMESPACE_FLAGS[name][0]);
    return `setns(container, ${names.join("|")})`;
  },
  lower(op, to) {
    to.call(close({ fd: CONTROL_FD }));
    to.call(close({ fd: result(LINK.read) }));
    endWithParent(to);
    to.call(prctl({ option: PR_SET_DUMPABLE, arg2: 0 }));
    const nstype = op.namespaces.reduce((flags, name) => flags | NAMESPACE_FLAGS[name][1], 0n);
    to.call(setns({ fd: JOIN_FD, nstype }));
    // The container's own process is named no more; the pipe has the number that is known from here on.
    to.call(dup3({ oldfd: result(LINK.write), newfd: JOIN_FD, flags: O_CLOEXEC }));
    to.call(close({ fd: result(LINK.write) }));
    if (op.root !== true) return;
    to.call(openat({ pathname: "/", flags: O_PATH | O_DIRECTORY | O_CLOEXEC }), { into: ROOT });
  },
};

export const joinLeave: OpDefinition<JoinLeave> = {
  describe: () => "exit_group(0)",
  lower: (_op, to) => to.call(exitGroup({ status: 0 })),
};

export const joinEnter: OpDefinition<JoinEnter> = {
  describe: () => "clone3({PARENT}), prctl(PR_SET_PDEATHSIG, SIGKILL)",
  lower(_op, to) {
    const child = to.label("child");
    to.call(clone3({ flags: CLONE_PARENT }), { into: "entered" });
    to.add(
      { kind: "branch", when: "equal", left: result("entered"), right: 0, to: child },
      { kind: "store", value: result("entered"), address: ENTERED, width: 8 },
    );
    to.call(write({ fd: JOIN_FD, buf: ENTERED, count: ENTERED.size }));
    to.call(exitGroup({ status: 0 }));
    to.add({ kind: "label", name: child });
    endWithParent(to);
    endIfAlone(to, JOIN_FD);
    to.add({ kind: "jump", to: processLabel(0) });
  },
};

/** Waits for the pipe; ends the joiner when the runner is gone, which a frozen group would else make it wait for. */
function awaitLink(to: Emitter): void {
  const cell = pollCell("joining", 2);
  const [link, runner] = [{ cell, index: 0 }, { cell, index: 1 }];
  const [wait, ready, failed] = [to.label("wait"), to.label("ready"), to.label("poll failed")];
  watchFd(to, link, { fd: result(LINK.read), events: POLLIN });
  watchFd(to, runner, { fd: CONTROL_FD, events: 0 });
  to.add({ kind: "label", name: wait });
  to.call(ppoll({ fds: cell, nfds: 2 }), { onError: failed });
  unlessReady(to, runner, ready);
  to.call(pidfdSendSignal({ pidfd: result("child pidfd"), sig: SIGKILL }), { onError: "continue" });
  // A negative descriptor is left out by poll.
  waitForFd(to, runner, -1);
  to.add(
    { kind: "jump", to: wait },
    { kind: "label", name: failed },
    ...branchOnErrno([EINTR, ENOMEM], { to: wait, otherwise: FAIL.stage }),
    { kind: "label", name: ready },
  );
}

export const joinAdopt: OpDefinition<JoinAdopt> = {
  describe: () => "waitid(P_PIDFD, joiner, WEXITED), pidfd_open(child)",
  lower(_op, to) {
    const done = to.label("done");
    awaitLink(to);
    to.call(read({ fd: result(LINK.read), buf: ENTERED, count: ENTERED.size }), { into: "count" });
    // The joiner failed: then it is what `watch` waits for.
    to.add({
      kind: "branch",
      when: "less",
      left: result("count"),
      right: ENTERED.size,
      to: done,
    });
    to.call(waitid({ idtype: P_PIDFD, id: result("child pidfd"), options: WEXITED }));
    to.call(close({ fd: result("child pidfd") }), { onError: "continue" });
    // Its pid is its own until the stage, its parent, waits for it.
    to.add({ kind: "load", into: "pid", address: ENTERED, width: 4 });
    to.call(pidfdOpen({ pid: result("pid") }), { into: "child pidfd" });
    to.add({ kind: "label", name: done });
  },
};
