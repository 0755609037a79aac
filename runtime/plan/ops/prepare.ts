/** The first acts of a stage: it maps its plan, and gives up what it has of the runner. */
import { CLOSE_RANGE_CLOEXEC, O_CLOEXEC, O_PATH, O_RDONLY } from "../../../ffi/abi/fcntl.ts";
import { MAP_FIXED, MAP_PRIVATE, PROT_READ } from "../../../ffi/abi/mman.ts";
import { SIG_SETMASK } from "../../../ffi/abi/signal.ts";
import { mmap } from "../../../ffi/calls/mman.ts";
import { close, closeRange, openat } from "../../../ffi/calls/open.ts";
import { umask } from "../../../ffi/calls/path.ts";
import { exitGroup, setsid } from "../../../ffi/calls/process.ts";
import { rtSigprocmask } from "../../../ffi/calls/signal.ts";
import { DATA_BASE, DATA_LIMIT } from "../../../ffi/stage/layout.ts";
import { type Emitter, result } from "../emitter.ts";
import type { OpCommon, OpDefinition } from "../op.ts";
import { CONTROL_FD, firstOwnFd, PLAN_FD, STAGE_FAILED } from "../report.ts";
import { goOnInside, SHELL } from "./init.ts";
import { alarming, ALL_SIGNALS, sendReport } from "./supervise.ts";

/** The stage's first acts: no descriptor of the runner, no terminal, no signal, no mode bits taken away. */
export interface Prepare extends OpCommon {
  readonly kind: "prepare";
  /** The runner waits for the first command's execve. */
  readonly announce: boolean;
  /** Number of descriptors that are handed over, for the container alone. */
  readonly passed?: number;
  /** PID 1 will execute the stage once more (`init.execute`), and goes on where that says: the program and the plan stay open. */
  readonly again?: true;
}

/** The container's standard input is /dev/null, whatever the runner's is. */
export interface NoInput extends OpCommon {
  readonly kind: "stdin";
}

export const prepare: OpDefinition<Prepare> = {
  describe: () => "rt_sigprocmask(SIG_SETMASK, ~[])",
  lower(op, to) {
    loadPlan(to);
    if (op.again === true) goOnInside(to);
    const first = firstOwnFd(op.announce);
    const last = closeRunners(to, { first, passed: op.passed ?? 0, plan: op.again === true });
    to.call(closeRange({ first: last + 1, last: 0xffffffff }));
    if (op.again === true) {
      to.call(openat({ pathname: "/proc/self/exe", flags: O_PATH | O_CLOEXEC }), { into: SHELL });
    }
    // What the runner gave by dup2 is not close-on-exec: the container must not have it.
    to.call(closeRange({ first: CONTROL_FD, last, flags: CLOSE_RANGE_CLOEXEC }));
    // What a terminal or `kill -9 -GROUP` sends to the runner's group is the runner's: it passes signals on, once, and the
    // stage lives to take everything back.
    to.call(setsid());
    to.call(rtSigprocmask({ how: SIG_SETMASK, set: ALL_SIGNALS }));
    to.call(umask({ mask: 0 }));
  },
};

/** Closes what lies between the stage's own and what is handed over; the result is the last that stays. */
function closeRunners(
  to: Emitter,
  { first, passed, plan }: {
    readonly first: number;
    readonly passed: number;
    /** The plan stays open. */
    readonly plan: boolean;
  },
): number {
  if (passed === 0 && !plan) return first - 1;
  const last = plan ? PLAN_FD - 1 : PLAN_FD;
  if (first <= last) to.call(closeRange({ first, last }));
  return PLAN_FD + passed;
}

/** Why those calls are reached that stand in front of the plan. */
const NO_PLAN = "there is no plan";

/**
 * The first record maps the plan over the zeros that the executed file has in its place; what follows up to the label is in that
 * file too (`LOADER_RECORDS`), and is run only when there is no plan: by a command that executes /proc/self/exe, or for want of memory.
 */
function loadPlan(to: Emitter): void {
  const loaded = to.label("loaded");
  const failed = to.label(NO_PLAN);
  to.call(
    mmap({
      addr: DATA_BASE,
      length: DATA_LIMIT,
      prot: PROT_READ,
      flags: MAP_PRIVATE | MAP_FIXED,
      fd: PLAN_FD,
    }),
    { onError: failed },
  );
  to.add({ kind: "jump", to: loaded }, { kind: "label", name: failed });
  sendReport(to, "failed", {
    from: "stage",
    a: result("error.record"),
    b: result("error.errno"),
    alarm: NO_PLAN,
  });
  sendReport(to, "undone", { from: "stage", alarm: NO_PLAN });
  to.call(alarming(exitGroup({ status: STAGE_FAILED }), NO_PLAN));
  to.add({ kind: "label", name: loaded });
}

export const noInput: OpDefinition<NoInput> = {
  describe: () => `open("/dev/null", O_RDONLY) = 0`,
  lower(_op, to) {
    to.call(close({ fd: 0 }), { onError: "continue" });
    // The lowest number that is free: 0.
    to.call(openat({ pathname: "/dev/null", flags: O_RDONLY }));
  },
};
