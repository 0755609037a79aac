/** What turns a process of the container into a command of the user: ids, rights, place, and execve. */
import { CAPABILITIES, type Capability, capabilityMask } from "../../../ffi/abi/capability.ts";
import { EACCES, ENOENT, ENOTDIR } from "../../../ffi/abi/errno.ts";
import { O_CLOEXEC, O_DIRECTORY, O_PATH } from "../../../ffi/abi/fcntl.ts";
import { TIOCSCTTY } from "../../../ffi/abi/ioctl.ts";
import { RESOLVE_NO_MAGICLINKS } from "../../../ffi/abi/openat2.ts";
import {
  PR_CAP_AMBIENT,
  PR_CAP_AMBIENT_RAISE,
  PR_CAPBSET_DROP,
  PR_SET_KEEPCAPS,
  PR_SET_NO_NEW_PRIVS,
} from "../../../ffi/abi/prctl.ts";
import { SIG_SETMASK } from "../../../ffi/abi/signal.ts";
import { capset } from "../../../ffi/calls/capability.ts";
import { setgroups, setresgid, setresuid } from "../../../ffi/calls/credentials.ts";
import { ioctl } from "../../../ffi/calls/ioctl.ts";
import { dup3, openat2 } from "../../../ffi/calls/open.ts";
import { fchdir, umask } from "../../../ffi/calls/path.ts";
import { prctl } from "../../../ffi/calls/prctl.ts";
import { execve, setsid } from "../../../ffi/calls/process.ts";
import { rtSigprocmask } from "../../../ffi/calls/signal.ts";
import { type Emitter, FAIL, result } from "../emitter.ts";
import type { OpCommon, OpDefinition } from "../op.ts";
import { quote } from "../quote.ts";
import { firstOwnFd, JOIN_FD } from "../report.ts";
import { STAGE_PIDFD } from "./namespace.ts";
import { closeOthers } from "./join.ts";
import { sendReport } from "./supervise.ts";

/** A new session: no terminal of the host can be reached through it. */
export interface NewSession extends OpCommon {
  readonly kind: "session";
  /** The container's own terminal, which standard input is, becomes its controlling one: that is what `^C` goes by. */
  readonly terminal?: true;
}

/** Bounding set and NoNewPrivs: what no process after this one can get back. */
export interface Bound extends OpCommon {
  readonly kind: "bound";
  /** What stays; everything else is dropped from the bounding set. */
  readonly keep: readonly Capability[];
  /** The newest capability that the kernel knows. */
  readonly last: number;
  readonly noNewPrivileges: boolean;
}

/** User, groups and the four other capability sets. */
export interface Identity extends OpCommon {
  readonly kind: "identity";
  readonly uid: number;
  readonly gid: number;
  /** Supplementary groups; absent where setgroups(2) is denied (a user namespace of one id). */
  readonly groups?: readonly number[];
  /** Permitted and effective. */
  readonly capabilities: readonly Capability[];
  /** Inheritable and ambient too, so that a user other than root keeps them over execve. */
  readonly ambient: boolean;
  /** In place of `ambient`, where they are not those of `capabilities`. */
  readonly sets?: {
    readonly inheritable: readonly Capability[];
    readonly ambient: readonly Capability[];
  };
}

export interface Workdir extends OpCommon {
  readonly kind: "workdir";
  readonly path: string;
  /** The runner waits for execve: the pipe stays open until then. */
  readonly announce: boolean;
  /** A joiner's: the pipe to its stage stays open. */
  readonly joins?: boolean;
  /** What shows the stage's death stays open, in that place. */
  readonly tethered?: boolean;
}

export interface Execute extends OpCommon {
  readonly kind: "execute";
  readonly argv: readonly string[];
  /** NAME=value. */
  readonly environment: readonly string[];
  /** Files to try, in order. */
  readonly candidates: readonly string[];
  readonly umask: number;
}

export const newSession: OpDefinition<NewSession> = {
  describe: (op) => op.terminal === true ? "setsid(), ioctl(0, TIOCSCTTY)" : "setsid()",
  lower(op, to) {
    // A container whose first process was cloned alone leads no group yet, so this can't fail with EPERM.
    to.call(setsid());
    if (op.terminal === true) to.call(ioctl({ fd: 0, request: TIOCSCTTY, arg: 0 }));
  },
};

export const bound: OpDefinition<Bound> = {
  describe(op) {
    const nnp = op.noNewPrivileges ? "prctl(PR_SET_NO_NEW_PRIVS, 1), " : "";
    return `${nnp}prctl(PR_CAPBSET_DROP, all but ${op.keep.join("|") || "none"})`;
  },
  lower(op, to) {
    const keep = capabilityMask(op.keep);
    for (let bit = 0; bit <= op.last; bit++) {
      if ((keep >> BigInt(bit)) & 1n) continue;
      to.call(prctl({ option: PR_CAPBSET_DROP, arg2: bit }));
    }
    if (op.noNewPrivileges) to.call(prctl({ option: PR_SET_NO_NEW_PRIVS, arg2: 1 }));
  },
};

const names = (list: readonly Capability[]): string => list.join("|") || "none";

export const identity: OpDefinition<Identity> = {
  describe(op) {
    const { sets } = op;
    const others = sets === undefined ? "" : `, inheritable ${names(sets.inheritable)}, ` +
      `ambient ${names(sets.ambient)}`;
    return `setresuid(${op.uid}), setresgid(${op.gid}), capset(${names(op.capabilities)}${others})`;
  },
  lower(op, to) {
    const set = capabilityMask(op.capabilities);
    const ambient = op.sets?.ambient ?? (op.ambient ? op.capabilities : []);
    const inheritable = capabilityMask(op.sets?.inheritable ?? ambient);
    const keeps = op.uid !== 0 && (set | inheritable) !== 0n;
    if (keeps) to.call(prctl({ option: PR_SET_KEEPCAPS, arg2: 1 }));
    if (op.groups !== undefined) to.call(setgroups({ list: op.groups }));
    to.call(setresgid({ rgid: op.gid, egid: op.gid, sgid: op.gid }));
    to.call(setresuid({ ruid: op.uid, euid: op.uid, suid: op.uid }));
    to.call(capset({ effective: set, permitted: set, inheritable }));
    for (const name of ambient) {
      to.call(
        prctl({ option: PR_CAP_AMBIENT, arg2: PR_CAP_AMBIENT_RAISE, arg3: CAPABILITIES[name] }),
      );
    }
  },
};

export const workdir: OpDefinition<Workdir> = {
  describe: (op) => `chdir(${quote(op.path)})`,
  lower(op, to) {
    // Nothing of the host is open any more, and a magic link can't be followed: no working directory outside.
    const keepsJoin = op.joins === true || op.tethered === true;
    if (op.tethered === true) {
      // dup3(2) refuses to put a descriptor where it is.
      const there = to.label("tether there");
      const pidfd = result(STAGE_PIDFD);
      to.add({ kind: "branch", when: "equal", left: pidfd, right: JOIN_FD, to: there });
      to.call(dup3({ oldfd: pidfd, newfd: JOIN_FD, flags: O_CLOEXEC }));
      to.add({ kind: "label", name: there });
    }
    closeOthers(to, { first: firstOwnFd(op.announce), keepsJoin });
    to.call(
      openat2({
        pathname: op.path,
        flags: O_PATH | O_DIRECTORY | O_CLOEXEC,
        resolve: RESOLVE_NO_MAGICLINKS,
      }),
      { into: "workdir" },
    );
    to.call(fchdir({ fd: result("workdir") }));
  },
};

export const execute: OpDefinition<Execute> = {
  describe: (op) =>
    `execve(${quote(op.candidates[0] ?? "")}, [${op.argv.map(shorten).join(", ")}])`,
  lower(op, to) {
    to.call(umask({ mask: op.umask }));
    to.call(rtSigprocmask({ how: SIG_SETMASK, set: 0n }));
    if (op.candidates.length === 1) {
      {
        return tryExecute(to, op, { pathname: op.candidates[0] ?? "", onError: FAIL.container });
      }
    }
    searchPath(op, to);
  },
};

function shorten(text: string): string {
  return quote(text.length > 40 ? `${text.slice(0, 39)}…` : text);
}

function tryExecute(
  to: Emitter,
  op: Execute,
  { pathname, onError }: { readonly pathname: string; readonly onError: string },
): void {
  to.call(execve({ pathname, argv: op.argv, envp: op.environment }), { onError });
}

/** As execvp(3): the next entry after ENOENT and ENOTDIR, after EACCES too, but then EACCES is the answer. */
function searchPath(op: Execute, to: Emitter): void {
  to.add({ kind: "add", into: "denied", left: 0, right: 0 });
  for (const pathname of op.candidates) {
    const failed = to.label("failed");
    const next = to.label("next");
    const denied = to.label("denied");
    tryExecute(to, op, { pathname, onError: failed });
    to.add(
      { kind: "label", name: failed },
      branch(ENOENT, next),
      branch(ENOTDIR, next),
      branch(EACCES, denied),
      { kind: "jump", to: FAIL.container },
      { kind: "label", name: denied },
      { kind: "add", into: "denied", left: result("error.errno"), right: 0 },
      { kind: "add", into: "denied record", left: result("error.record"), right: 0 },
      { kind: "label", name: next },
    );
  }
  to.add(
    { kind: "branch", when: "equal", left: result("denied"), right: 0, to: FAIL.container },
  );
  sendReport(to, "failed", {
    from: "container",
    a: result("denied record"),
    b: result("denied"),
  });
  to.add({ kind: "jump", to: "container.end" });
}

function branch(errno: number, to: string): {
  kind: "branch";
  when: "equal";
  left: { result: string };
  right: number;
  to: string;
} {
  return { kind: "branch", when: "equal", left: { result: "error.errno" }, right: errno, to };
}
