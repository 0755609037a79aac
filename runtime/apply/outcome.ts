/** The reports of a stage → how the container ended. Pure. */
import { SIGKILL } from "../../ffi/abi/signal.ts";
import type { Instruction } from "../../ffi/stage/language.ts";
import type { ErrorFacts } from "../plan/error.ts";
import type { Plan } from "../plan/plan.ts";
import type { ChildExit, Report } from "../plan/report.ts";
import { execStatus, failureOf } from "./failure.ts";

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
  readonly reason: "exited" | "signal" | "timeout" | "not started" | "failed" | "lost";
  /** Index of the command that ended it. */
  readonly command: number;
  /** Why it did not start or could not be cleaned up. */
  readonly failure?: ErrorFacts;
  readonly cpuMicroseconds: number;
  readonly maxRssKib: number;
  /** What could not be taken back. */
  readonly leftovers: readonly ErrorFacts[];
  /** False: the stage was killed before it could take back what it had made. */
  readonly undone: boolean;
}

/** `records`: made only when something failed, since it takes an encoding of the plan. */
export function decodeOutcome(
  reports: readonly Report[],
  plan: Plan,
  records: () => readonly Instruction[],
): Outcome {
  const exited = reports.find((report) => report.kind === "exited");
  const usage = {
    cpuMicroseconds: exited?.exit?.cpuMicroseconds ?? 0,
    maxRssKib: exited?.exit?.maxRssKib ?? 0,
    undone: reports.some((report) => report.kind === "undone"),
  };
  const afterExit = exited === undefined ? reports.length : reports.indexOf(exited);
  const failed = reports.filter((report) => report.kind === "failed");
  const early = failed.filter((report) => reports.indexOf(report) < afterExit);
  const leftovers = failed.filter((report) => reports.indexOf(report) > afterExit)
    .map((report) => failureOf(report, plan, records())?.facts)
    .filter((facts) => facts !== undefined);
  const first = early[0];
  const rest = { ...usage, leftovers };
  if (first !== undefined) return { ...failedOutcome(first, reports, plan, records()), ...rest };
  const timeout = reports.find((report) => report.kind === "timeout");
  if (timeout !== undefined) {
    return {
      status: TIMEOUT_STATUS,
      signal: SIGKILL,
      reason: "timeout",
      command: timeout.a,
      ...rest,
    };
  }
  const step = reports.filter((report) => report.kind === "step").at(-1);
  const exit = step?.exit ?? exited?.exit;
  const command = step?.a ?? 0;
  if (exit === undefined) return { status: OWN_STATUS, reason: "lost", command, ...rest };
  return { ...exitOutcome(exit), command, ...rest };
}

function exitOutcome(exit: ChildExit): Pick<Outcome, "status" | "reason"> & { signal?: number } {
  if (exit.code === CLD_EXITED) return { status: exit.status & 0xff, reason: "exited" };
  return { status: 128 + exit.status, signal: exit.status, reason: "signal" };
}

function failedOutcome(
  report: Report,
  reports: readonly Report[],
  plan: Plan,
  records: readonly Instruction[],
): Pick<Outcome, "status" | "reason" | "command"> & { failure?: ErrorFacts } {
  const failure = failureOf(report, plan, records);
  const command = failure?.op.command ?? 0;
  if (failure === undefined) return { status: OWN_STATUS, reason: "failed", command };
  const state = reports.some((one) => one.kind === "undone")
    ? "everything was taken back"
    : "the stage was killed before it could take everything back";
  const facts = { ...failure.facts, undone: state };
  if (failure.op.kind === "execute") {
    return { status: execStatus(failure.errno), reason: "not started", command, failure: facts };
  }
  return { status: OWN_STATUS, reason: "failed", command, failure: facts };
}
