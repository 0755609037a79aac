/** The reports of a stage → how the container ended, when nothing has to be explained. Pure and small: every start loads it. */
import { SIGKILL } from "../../ffi/abi/signal.ts";
import type { ErrorFacts } from "../plan/error.ts";
import type { Copied } from "../plan/ops/files.ts";
import { type ChildExit, type Counter, COUNTERS, type Report, SIGNALED } from "../plan/report.ts";

export type { Copied };

/** Exit status of a command whose time was over: what timeout(1) uses. */
export const TIMEOUT_STATUS = 124;
/** Exit status of containerv's own failures. */
export const OWN_STATUS = 125;

const CLD_EXITED = 1;

export interface Outcome {
  /** What `run` exits with. */
  readonly status: number;
  /** Number of the signal that ended the command. */
  readonly signal?: number;
  readonly reason:
    | "exited"
    | "signal"
    | "timeout"
    | "oom"
    | "pids"
    | "not started"
    | "failed"
    | "lost";
  /** What the limits did, however the container ended. */
  readonly pressure: Pressure;
  /** Index of the command that ended it. */
  readonly command: number;
  /** Why it did not start. */
  readonly failure?: ErrorFacts;
  /** User and system time of the container. */
  readonly cpuMicroseconds: number;
  /** Largest resident size of one of its processes. */
  readonly maxRssKib: number;
  /** What could not be taken back. */
  readonly leftovers: readonly ErrorFacts[];
  /** What was copied out of it. */
  readonly copied?: readonly Copied[];
  /** What was to be copied out and could not be, besides `failure`. */
  readonly missed?: readonly ErrorFacts[];
}

/** Why a stage said nothing more: what it ran is tethered to it. */
export const LOST: ErrorFacts = {
  code: "CONTAINER_LOST",
  message: "the stage was killed from outside; what it ran ended with it",
};

/** A stage that came to its end, and did not say how the command had ended. */
export const UNTOLD: ErrorFacts = {
  code: "CONTAINER_LOST",
  message: "the command has ended, and its stage could not report how",
};

/** What the kernel counted in the container's groups; 0 where no such limit is. */
export interface Pressure {
  /** Processes that were killed because the container's memory was at its limit. */
  readonly oomKills: number;
  /** Processes and threads that were refused at the limit of pids. */
  readonly pidsRefused: number;
  /** Periods of 100 ms in which the container had to wait because its CPU time was used up. */
  readonly throttled: number;
}

/** `undefined` when a call failed or the stage did not come to its end: `explainedOutcome` has to look at the plan. */
export function plainOutcome(reports: readonly Report[]): Outcome | undefined {
  if (last(reports, "undone") === undefined) return undefined;
  if (last(reports, "failed") !== undefined) return undefined;
  return endingOutcome(reports);
}

/** A loop, since the engine compiles its own `find` at the first use, and every start comes here. */
function last(reports: readonly Report[], kind: Report["kind"]): Report | undefined {
  let found: Report | undefined;
  for (const report of reports) if (report.kind === kind) found = report;
  return found;
}

/** How the commands ended, failures left aside. */
export function endingOutcome(reports: readonly Report[]): Outcome {
  const exited = last(reports, "exited")?.exit;
  const rest = {
    cpuMicroseconds: exited?.cpuMicroseconds ?? 0,
    maxRssKib: exited?.maxRssKib ?? 0,
    leftovers: [],
    pressure: pressureOf(reports),
  };
  const timeout = last(reports, "timeout");
  if (timeout !== undefined) {
    return {
      status: TIMEOUT_STATUS,
      signal: SIGKILL,
      reason: "timeout",
      command: timeout.a,
      ...rest,
    };
  }
  const step = last(reports, "step");
  const exit = step?.exit ?? exited;
  const command = step?.a ?? 0;
  if (exit === undefined) return { status: OWN_STATUS, reason: "lost", command, ...rest };
  const ended = exitOutcome(exit);
  return { ...ended, reason: limitBehind(rest.pressure, ended) ?? ended.reason, command, ...rest };
}

/** A container that fails after the kernel killed or refused something of it failed of that. */
function limitBehind(
  { oomKills, pidsRefused }: Pressure,
  { status }: Pick<Outcome, "status">,
): "oom" | "pids" | undefined {
  if (status === 0) return undefined;
  return oomKills > 0 ? "oom" : pidsRefused > 0 ? "pids" : undefined;
}

/** Line of a counter → its number: memory.events or memory.oom_control, pids.events, cpu.stat. */
const COUNTER_LINES: Readonly<Record<Counter, RegExp>> = {
  memory: /^oom_kill ([0-9]+)$/m,
  pids: /^max ([0-9]+)$/m,
  cpu: /^nr_throttled ([0-9]+)$/m,
};

function pressureOf(reports: readonly Report[]): Pressure {
  const counted = (counter: Counter): number => {
    const report = reports.find(({ kind, a }) => kind === "counters" && COUNTERS[a] === counter);
    return Number(COUNTER_LINES[counter].exec(report?.text ?? "")?.[1] ?? 0);
  };
  return {
    oomKills: counted("memory"),
    pidsRefused: counted("pids"),
    throttled: counted("cpu"),
  };
}

function exitOutcome(exit: ChildExit): Pick<Outcome, "status" | "reason"> & { signal?: number } {
  if (exit.code === CLD_EXITED) return { status: exit.status & 0xff, reason: "exited" };
  return { status: SIGNALED + exit.status, signal: exit.status, reason: "signal" };
}
