/** PID 1 of a container without a command: it reaps what ends, and ends itself when it is told to stop. */
import { SIGCHLD } from "../../../ffi/abi/signal.ts";
import { P_ALL, WEXITED, WNOHANG } from "../../../ffi/abi/wait.ts";
import type { Cell } from "../../../ffi/calls/call.ts";
import { closeRange } from "../../../ffi/calls/open.ts";
import { exitGroup, waitid } from "../../../ffi/calls/process.ts";
import { rtSigtimedwait } from "../../../ffi/calls/signal.ts";
import { type Emitter, result } from "../emitter.ts";
import type { OpCommon, OpDefinition } from "../op.ts";
import { REPORT_FD } from "../report.ts";

export interface Idle extends OpCommon {
  readonly kind: "idle";
  /** Numbers of the signals that end it; others are thrown away. */
  readonly endedBy: readonly number[];
}

const ALL_SIGNALS = 0xffffffffffffffffn;

export const idle: OpDefinition<Idle> = {
  describe: () => "rt_sigtimedwait(~[])",
  lower(op, to) {
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
