/** Changes a container that runs: the plan of the change is carried out by a stage of its own, then its record says what it is now. */
import { O_CLOEXEC, O_RDWR } from "../../ffi/abi/fcntl.ts";
import { CLD_EXITED } from "../../ffi/abi/signal.ts";
import { openat } from "../../ffi/calls/open.ts";
import { awaitChild } from "../../ffi/linux/children.ts";
import { Fd } from "../../ffi/linux/fd.ts";
import { kernel } from "../../ffi/linux/libc.ts";
import { encode } from "../../ffi/stage/encode.ts";
import type { DesiredContainer } from "../../spec/model/desired.ts";
import { explainedOutcome } from "../apply/explain.ts";
import { drainReports, releaseStage, startStage } from "../apply/stage.ts";
import { undoInRunner } from "../apply/undo.ts";
import type { ErrorFacts } from "../plan/error.ts";
import { lowerPlan } from "../plan/lower.ts";
import type { MakeGroup } from "../plan/ops/cgroup.ts";
import type { Op } from "../plan/ops/registry.ts";
import type { Plan } from "../plan/plan.ts";
import { type ContainerRecord, writeRecord } from "../state/record.ts";
import { LIMITS } from "../subjects/limits/compile.ts";
import { compileChange, joins } from "../subjects/change/plan.ts";
import type { ContainerView } from "./containers.ts";
import { specDigests, withoutSecrets } from "./digest.ts";
import { openTarget } from "./exec.ts";
import { saveContainer } from "./project.ts";
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
  const { record, id } = view;
  if (record === undefined) return [];
  if (change.ops.length > 0) {
    const plan = compileChange(wanted, { instance: record.instance ?? id, ops: change.ops });
    const failures = await runChange(plan, record);
    if (failures.length > 0) return failures;
  }
  if (change.differences.length === 0) return [];
  const { groups } = change;
  // Values of secrets are settled: where they differ the container is made anew.
  const differs = (key: string): boolean =>
    change.differences.some((one) => one.key === key || one.key.startsWith(`${key}.`));
  writeRecord(view.places.desired, withoutSecrets(wanted));
  saveContainer(view, {
    ...record,
    digest: { ...record.digest, spec: specDigests(wanted).spec },
    made: groups === undefined ? record.made : withGroups(record.made, groups),
    ...(differs("limits") ? { limits: limitsText(wanted) } : {}),
    ...(differs("stop") ? { stop: { ...record.stop, graceMs: wanted.stop.graceMs } } : {}),
  });
  return [];
}

/** The groups stay; what has to be switched off above them with the last one may be more. */
function withGroups(made: readonly Op[], groups: readonly MakeGroup[]): readonly Op[] {
  return made.map((op) =>
    op.kind === "cgroup.make" ? groups.find(({ path }) => path === op.path) ?? op : op
  );
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
  await awaitChild(stage.pid);
  const reports = drainReports(stage);
  releaseStage(stage);
  const { failure, leftovers } = explainedOutcome(reports, plan, encoded.records);
  const undone = reports.some(({ kind }) => kind === "undone");
  const exit = reports.find(({ kind }) => kind === "exited")?.exit;
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
