/** Changes a container that runs: the plan of the change is carried out by a stage of its own, then its record says what it is now. */
import { O_CLOEXEC, O_RDWR } from "../../ffi/abi/fcntl.ts";
import { CLD_EXITED } from "../../ffi/abi/signal.ts";
import { openat } from "../../ffi/calls/open.ts";
import { awaitChild } from "../../ffi/linux/children.ts";
import { Fd } from "../../ffi/linux/fd.ts";
import { readFile, replaceFile } from "../../ffi/linux/file.ts";
import { kernel } from "../../ffi/linux/libc.ts";
import { encode } from "../../ffi/stage/encode.ts";
import type { DesiredContainer } from "../../spec/model/desired.ts";
import { explainedOutcome } from "../apply/explain.ts";
import { answerAsks } from "../apply/asks.ts";
import { factsOf } from "../apply/facts.ts";
import { gather } from "../apply/freezer.ts";
import { drainReports, releaseStage, startStage } from "../apply/stage.ts";
import { undoInRunner } from "../apply/undo.ts";
import type { ErrorFacts } from "../plan/error.ts";
import { lowerPlan } from "../plan/lower.ts";
import type { MakeGroup } from "../plan/ops/cgroup.ts";
import type { Op } from "../plan/ops/registry.ts";
import type { Plan } from "../plan/plan.ts";
import type { Report } from "../plan/report.ts";
import { type ContainerRecord, writeRecord } from "../state/record.ts";
import { LIMITS } from "../subjects/limits/compile.ts";
import { compileChange, joins } from "../subjects/change/plan.ts";
import type { ContainerView } from "./containers.ts";
import { specDigests, withoutSecrets } from "./digest.ts";
import { openTarget } from "./exec.ts";
import { noState, saveContainer } from "./project.ts";
import type { Change } from "./reconcile.ts";

/**
 * Makes the change of a container that runs or has ended. Gives what kept it from being made: then everything is as it was. The
 * caller holds the project's lock. Throws ContainervError where it can't be recorded.
 */
export async function carryOutChange(
  view: ContainerView,
  wanted: DesiredContainer,
  change: Change,
): Promise<readonly ErrorFacts[]> {
  const { record, id, places } = view;
  if (record === undefined) return [];
  const { ops, asks, differences } = change;
  const desired = readFile(places.desired);
  let made: readonly MakeGroup[] = [];
  let done = false;
  try {
    // Recorded before the first act: what is killed in between shows as drift, and the next `up` mends it.
    if (differences.length > 0) recordChange({ ...view, record }, wanted, change);
    if (ops.length > 0) made = newGroups(record, change);
    // Groups that a killed runner leaves the container's removal takes away.
    if (made.length > 0 && differences.length === 0) {
      saveContainer(view, { ...record, made: [...record.made, ...made] });
    }
    const failures = ops.length === 0 ? [] : await runChange(
      compileChange(wanted, { instance: record.instance ?? id, ops, asks }),
      record,
    );
    done = failures.length === 0;
    return failures;
  } finally {
    if (!done && differences.length > 0) {
      if (desired !== undefined) replaceFile(places.desired, desired);
      writeRecord(places.record, { ...record, made: [...record.made, ...made] });
    }
  }
}

function recordChange(
  view: ContainerView & { readonly record: ContainerRecord },
  wanted: DesiredContainer,
  { differences, groups }: Change,
): void {
  const { record } = view;
  // Values of secrets are settled: where they differ the container is made anew.
  const differs = (key: string): boolean =>
    differences.some((one) => one.key === key || one.key.startsWith(`${key}.`));
  const problem = writeRecord(view.places.desired, withoutSecrets(wanted));
  if (problem !== undefined) throw noState(view.project, problem);
  saveContainer(view, {
    ...record,
    digest: { ...record.digest, spec: specDigests(wanted).spec },
    made: groups === undefined ? record.made : withGroups(record.made, groups),
    ...(differs("limits") ? { limits: limitsText(wanted) } : {}),
    ...(differs("stop") ? { stop: { ...record.stop, graceMs: wanted.stop.graceMs } } : {}),
  });
}

/** Groups that are made while it runs, and are not recorded; what an earlier change left of one that was cut off is taken back. */
function newGroups(
  { made }: ContainerRecord,
  { ops, asks = [] }: Pick<Change, "ops" | "asks">,
): readonly MakeGroup[] {
  const fresh = ops.filter((op): op is MakeGroup => op.kind === "cgroup.make");
  const left = fresh.filter((group) => isRecorded(made, group));
  for (const { to, back } of asks) {
    if (left.some(({ path }) => path === to)) gather(to, back);
  }
  undoInRunner({ ops: left });
  return fresh.filter((group) => !isRecorded(made, group));
}

const isRecorded = (made: readonly Op[], { path }: MakeGroup): boolean =>
  made.some((op) => op.kind === "cgroup.make" && op.path === path);

/** The groups stay; what has to be switched off above them with the last one may be more. */
function withGroups(made: readonly Op[], groups: readonly MakeGroup[]): readonly Op[] {
  const before = made.map((op) =>
    op.kind === "cgroup.make" ? groups.find(({ path }) => path === op.path) ?? op : op
  );
  return [...before, ...groups.filter((group) => !isRecorded(made, group))];
}

function limitsText({ limits }: DesiredContainer): readonly string[] {
  return LIMITS.filter((limit) => limit.asked(limits)).flatMap((limit) => limit.text(limits) ?? []);
}

/** Gives what failed; nothing of it is done then. Throws ContainervError when the container has ended meanwhile. */
async function runChange(
  plan: Plan,
  { process, name }: ContainerRecord,
): Promise<readonly ErrorFacts[]> {
  const encoded = encode(lowerPlan(plan), kernel().seam.architecture);
  using none = Fd.open(openat({ pathname: "/dev/null", flags: O_RDWR | O_CLOEXEC }));
  using target = joins(plan.ops) && process !== undefined
    ? openTarget({ name, ...process })
    : undefined;
  const stage = startStage(encoded.image, [none.number, none.number, none.number], {
    announce: false,
    ...(target === undefined ? {} : { passed: [target.number] }),
  });
  const reports: Report[] = [];
  const refused = plan.summary.asks === undefined
    ? undefined
    : await answerAsks(stage, plan.summary.asks, reports).then(() => undefined, factsOf);
  await awaitChild(stage.pid);
  reports.push(...drainReports(stage));
  releaseStage(stage);
  const { failure, leftovers } = explainedOutcome(reports, plan, encoded.records);
  const undone = reports.some(({ kind }) => kind === "undone");
  const exit = reports.find(({ kind }) => kind === "exited")?.exit;
  if (refused !== undefined && undone) return [refused, ...leftovers];
  const whole = undone && (exit === undefined || (exit.code === CLD_EXITED && exit.status === 0));
  if (whole) return failure === undefined ? leftovers : [failure, ...leftovers];
  // What failed in the container is no failure to the stage: it left all that it had done.
  const { ops } = plan;
  const left = undoInRunner({ ops: ops.filter(({ kind }) => kind !== "join.clone") });
  const lost = {
    code: "CHANGE_LOST",
    message: `${plan.container} is as it was: the program that was to change it was killed`,
    fix: "run the command again",
  };
  return [failure ?? lost, ...leftovers, ...left];
}
