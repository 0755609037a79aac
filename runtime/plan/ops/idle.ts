/** PID 1 of a container without a command: it reaps what ends, and ends itself when it is told to stop. */
import { AT_EMPTY_PATH } from "../../../ffi/abi/fcntl.ts";
import { PR_SET_DUMPABLE } from "../../../ffi/abi/prctl.ts";
import { SIGCHLD } from "../../../ffi/abi/signal.ts";
import { P_ALL, WEXITED, WNOHANG } from "../../../ffi/abi/wait.ts";
import type { Cell } from "../../../ffi/calls/call.ts";
import { closeRange } from "../../../ffi/calls/open.ts";
import { prctl } from "../../../ffi/calls/prctl.ts";
import { execveat, exitGroup, waitid } from "../../../ffi/calls/process.ts";
import { rtSigtimedwait } from "../../../ffi/calls/signal.ts";
import type { Instruction, Program } from "../../../ffi/stage/language.ts";
import { type Emitter, result } from "../emitter.ts";
import type { OpCommon, OpDefinition } from "../op.ts";
import { REPORT_FD } from "../report.ts";

export interface Idle extends OpCommon {
  readonly kind: "idle";
  /** Numbers of the signals that end it; others are thrown away. */
  readonly endedBy: readonly number[];
  /** Descriptor of the program that PID 1 becomes (`idleProgram`); absent: the stage itself waits. */
  readonly executes?: number;
}

const ALL_SIGNALS = 0xffffffffffffffffn;

export const idle: OpDefinition<Idle> = {
  describe: (op) =>
    op.executes !== undefined ? `execveat(pause), rt_sigtimedwait(~[])` : "rt_sigtimedwait(~[])",
  lower(op, to) {
    if (op.executes !== undefined) {
      to.call(
        execveat({
          dirfd: op.executes,
          pathname: "",
          argv: ["containerv"],
          envp: [],
          flags: AT_EMPTY_PATH,
        }),
      );
      return;
    }
    // With the runner's pipe its end is seen: the container is ready.
    to.call(closeRange({ first: REPORT_FD, last: 0xffffffff }));
    waitForSignals(op.endedBy, to);
  },
};

function waitForSignals(endedBy: readonly number[], to: Emitter): void {
  const wait = to.label("wait");
  const reaping = to.label("reap");
  const end = to.label("end");
  const info: Cell = { cell: "reaped info", size: 128 };
  to.add({ kind: "label", name: wait });
  to.call(rtSigtimedwait({ set: ALL_SIGNALS }), { into: "signal", onError: wait });
  to.add({ kind: "branch", when: "equal", left: result("signal"), right: SIGCHLD, to: reaping });
  for (const number of endedBy) {
    to.add({ kind: "branch", when: "equal", left: result("signal"), right: number, to: end });
  }
  // siginfo_t: si_pid 16; it stays 0 when nobody has ended.
  const pid: Cell = { ...info, offset: 16 };
  to.add(
    { kind: "jump", to: wait },
    { kind: "label", name: reaping },
    { kind: "store", value: 0, address: pid, width: 4 },
  );
  to.call(waitid({ idtype: P_ALL, id: 0, infop: info, options: WEXITED | WNOHANG }), {
    onError: wait,
  });
  to.add(
    { kind: "load", into: "reaped", address: pid, width: 4 },
    { kind: "branch", when: "equal", left: result("reaped"), right: 0, to: wait },
    { kind: "jump", to: reaping },
    { kind: "label", name: end },
  );
  to.call(exitGroup({ status: 0 }));
}

/** The program that `executes` means. */
export function idleProgram(endedBy: readonly number[]): Program {
  const out: Instruction[] = [];
  const to: Emitter = {
    call: (call, { onError = "continue", into } = {}) =>
      out.push({
        kind: "syscall",
        call,
        step: 0,
        onError,
        ...(into === undefined ? {} : { into }),
      }),
    add: (...instructions) => out.push(...instructions),
    label: (name) => `${name} ${out.length}`,
  };
  to.call(prctl({ option: PR_SET_DUMPABLE, arg2: 0 }));
  waitForSignals(endedBy, to);
  return { instructions: out };
}
