/**
 * PID 1 of an ordinary user's container executes the stage once more, inside. A process that can't be traced is joined and looked at by
 * those alone who have the right over the user namespace that its program was executed in (ptrace(2), "access mode checking"): of the
 * stage that is the host's, where its user has none.
 */
import { EINVAL } from "../../../ffi/abi/errno.ts";
import {
  AT_EMPTY_PATH,
  CLOSE_RANGE_CLOEXEC,
  F_GET_SEALS,
  F_SETFD,
} from "../../../ffi/abi/fcntl.ts";
import { PR_SET_DUMPABLE } from "../../../ffi/abi/prctl.ts";
import { close, closeRange, dup3, fcntl } from "../../../ffi/calls/open.ts";
import { prctl } from "../../../ffi/calls/prctl.ts";
import { execveat } from "../../../ffi/calls/process.ts";
import { branchOnErrno, type Emitter, FAIL, result } from "../emitter.ts";
import type { OpCommon, OpDefinition } from "../op.ts";
import { ANNOUNCE_FD, CONTROL_FD, PLAN_FD, REPORT_FD } from "../report.ts";

/** PID 1 becomes the same program, of the container's own user namespace; what stands behind this is done by that. */
export interface ExecuteInit extends OpCommon {
  readonly kind: "init.execute";
  /** The runner waits for the first command's execve: its pipe goes along. */
  readonly announce: boolean;
}

/** Slot of the descriptor of what the stage executes. */
export const SHELL = "shell";

const INSIDE = "container.again";

/**
 * In place of the control socket, which the stage alone has, PID 1 puts the plan. Only what has seals goes on inside: whatever else may
 * be wrong with a descriptor, a stage never takes itself for the container's first process.
 */
export function goOnInside(to: Emitter): void {
  const stage = to.label("the stage");
  const other = to.label("no seals");
  to.call(fcntl({ fd: CONTROL_FD, cmd: F_GET_SEALS }), { into: "seals", onError: other });
  to.add(
    { kind: "branch", when: "less", left: 0, right: result("seals"), to: INSIDE },
    { kind: "jump", to: stage },
    { kind: "label", name: other },
    ...branchOnErrno([EINVAL], { to: stage, otherwise: FAIL.stage }),
    { kind: "label", name: stage },
  );
}

export const executeInit: OpDefinition<ExecuteInit> = {
  describe: () => `execveat("/proc/self/exe"), prctl(PR_SET_DUMPABLE, 0)`,
  lower(op, to) {
    to.call(dup3({ oldfd: PLAN_FD, newfd: CONTROL_FD }));
    const kept = [REPORT_FD, ...(op.announce ? [ANNOUNCE_FD] : []), PLAN_FD];
    for (const fd of kept) to.call(fcntl({ fd, cmd: F_SETFD, arg: 0 }));
    to.call(execveat({
      dirfd: result(SHELL),
      pathname: "",
      argv: ["containerv"],
      envp: [],
      flags: AT_EMPTY_PATH,
    }));
    to.add({ kind: "label", name: INSIDE });
    to.call(prctl({ option: PR_SET_DUMPABLE, arg2: 0 }));
    for (const fd of [CONTROL_FD, PLAN_FD]) to.call(close({ fd }));
    to.call(closeRange({ first: REPORT_FD, last: ANNOUNCE_FD, flags: CLOSE_RANGE_CLOEXEC }));
  },
};
