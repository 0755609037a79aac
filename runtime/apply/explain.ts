/** The reports of a stage in which something failed → how the container ended and why. Pure. */
import { EAGAIN, ENOENT } from "../../ffi/abi/errno.ts";
import type { Instruction } from "../../ffi/stage/language.ts";
import type { Plan } from "../plan/plan.ts";
import type { Report } from "../plan/report.ts";
import { execStatus, failureOf } from "./failure.ts";
import { endingOutcome, type Outcome, OWN_STATUS } from "./outcome.ts";

export function explainedOutcome(
  reports: readonly Report[],
  plan: Plan,
  records: readonly Instruction[],
): Outcome {
  const exit = reports.findIndex((report) => report.kind === "exited");
  const failed = reports.filter((report) => report.kind === "failed");
  // What fails before the container's end kept it from running; what fails after it was to take something back.
  const isLate = (report: Report): boolean => exit >= 0 && reports.indexOf(report) > exit;
  const leftovers = failed.filter(isLate)
    .flatMap((report) => failureOf(report, plan, records)?.facts ?? []);
  const first = failed.find((report) => !isLate(report));
  const ending = { ...endingOutcome(reports), leftovers };
  return first === undefined ? ending : withFailure(ending, first, { reports, plan, records });
}

function withFailure(
  ending: Outcome,
  report: Report,
  from: {
    readonly reports: readonly Report[];
    readonly plan: Plan;
    readonly records: readonly Instruction[];
  },
): Outcome {
  const failure = failureOf(report, from.plan, from.records);
  const failed: Outcome = { ...ending, status: OWN_STATUS, reason: "failed" };
  if (failure === undefined) return failed;
  const undone = from.reports.some((one) => one.kind === "undone")
    ? "everything was taken back"
    : "the stage was killed before it could take everything back; the runner did it";
  const facts = { ...failure.facts, undone };
  const command = failure.op.command ?? 0;
  if (failure.op.kind !== "execute") return { ...failed, command, failure: facts };
  return {
    ...failed,
    status: execStatus(failure.errno),
    reason: "not started",
    command,
    failure: facts,
  };
}

/**
 * True: a path below the root led over "..", and meanwhile something on the machine was renamed or mounted: openat2(2) asks for another
 * try.
 */
export function isWalkDisturbed({ failure }: Outcome): boolean {
  return failure?.errno === EAGAIN && failure.syscall?.startsWith("openat2(") === true;
}

/** True: a layer was collected between our look and the stage's hold. Planned anew, it is unpacked anew. */
export function isLayerGone({ failure }: Outcome, plan: Plan): boolean {
  if (failure?.step === undefined) return false;
  const gone = failure.errno === ENOENT || failure.errno === EAGAIN;
  return gone && plan.ops[failure.step.number - 1]?.kind === "layer.hold";
}
