/**
 * `update: startFirst`: the new container is started beside the old one, under a name of its own; when it is ready the old one is ended
 * and the new one takes the name. A runner that is killed on the way leaves both, and the next `gc` or `up` settles which one stays.
 */
import type { DesiredContainer } from "../../spec/model/desired.ts";
import type { ErrorFacts } from "../plan/error.ts";
import { containerPlaces, replacedName } from "../state/places.ts";
import { noteEvent } from "../state/events.ts";
import { writeRecord } from "../state/record.ts";
import { type ContainerView, desiredOf, viewOne, viewProject } from "./containers.ts";
import { collectEnded } from "./collect.ts";
import { type DetachedStart, startDetached } from "./detached.ts";
import type { DetachedPlanner } from "./detached_plan.ts";
import { specDigests } from "./digest.ts";
import { noState, type OpenProject, saveContainer } from "./project.ts";
import { endAndRemove, removeContainer } from "./remove.ts";
import { stopContainers } from "./stop.ts";
import { moveRecords } from "./stored.ts";
import { healthOf, type Orderly } from "./supervise/orderly.ts";

/** A name that neither the old one's record nor its groups have. */
function otherName({ name, record }: ContainerView): string {
  return record?.instance?.endsWith("~1") === true ? `${name}~2` : `${name}~1`;
}

export interface StartFirstOptions {
  readonly plan: DetachedPlanner;
  readonly orderly: Orderly;
}

/** The caller holds the project's lock, and nobody supervises. The result is a failure while the old one goes on. */
export async function startFirst(
  project: OpenProject,
  { container, old }: { readonly container: DesiredContainer; readonly old: ContainerView },
  { plan, orderly }: StartFirstOptions,
): Promise<DetachedStart> {
  const { healthcheck } = container;
  const beside: DesiredContainer = {
    ...container,
    name: otherName(old),
    restart: { policy: "no", backoffMs: 0 },
    ...(healthcheck === undefined ? {} : { healthcheck: { ...healthcheck, onFailure: "none" } }),
  };
  const start = await startDetached(project, { ...container, name: beside.name }, { plan });
  const wrong = start.failure ?? await readiness(project, beside, orderly);
  if (wrong !== undefined) {
    const left = await endAndRemove(project.places, beside.name);
    return { name: container.name, failure: keepsOld(wrong, container), leftovers: left };
  }
  await stopContainers([old]);
  const missed = (await collectEnded([old])).map(({ facts }) => facts);
  const left = removeContainer(old);
  if (left.length > 0) return { name: container.name, leftovers: [...missed, ...left] };
  await takeOver(project, beside.name);
  const record = viewOne(project.places, container.name)?.record;
  const leftovers = [...missed, ...start.leftovers];
  return { name: container.name, leftovers, ...(record === undefined ? {} : { record }) };
}

function keepsOld(facts: ErrorFacts, { name }: DesiredContainer): ErrorFacts {
  return {
    ...facts,
    message: facts.message.replaceAll(/~[12]\b/g, ""),
    undone: `the new ${name} was removed, the old one goes on`,
    fix: `containerv plan shows what the new one is`,
  };
}

/** Why it is not: it has ended, or its check fails. */
async function readiness(
  { places }: OpenProject,
  beside: DesiredContainer,
  orderly: Orderly,
): Promise<ErrorFacts | undefined> {
  const view = viewOne(places, beside.name);
  if (view?.state !== "running") {
    const { status = "no status" } = view?.ending ?? {};
    const message = `the new ${beside.name} ended with ${status} as soon as it was started`;
    return { code: "NOT_RUNNING", message, pointer: beside.origins["update"] ?? "" };
  }
  if (beside.healthcheck === undefined) return undefined;
  orderly.supervision.watch(beside);
  await orderly.awaitHealth(beside);
  const verdict = healthOf(beside, orderly.supervision);
  if (verdict === "good") return undefined;
  return verdict ??
    { code: "ABORTED", message: "it was told to stop before the new one was ready" };
}

/** The container `NAME~1` is `NAME` from now on; the names of its groups stay. Throws ContainervError, SyscallError. */
async function takeOver(project: OpenProject, from: string): Promise<void> {
  const view = viewOne(project.places, from);
  const name = replacedName(from);
  if (view?.record === undefined || name === undefined) return;
  const desired = { ...desiredOf(view), name };
  const problem = writeRecord(view.places.desired, desired);
  if (problem !== undefined) throw noState(project.places, problem);
  saveContainer(view, {
    ...view.record,
    name,
    instance: view.record.instance ?? view.id,
    digest: { ...view.record.digest, spec: specDigests(desired).spec },
  });
  const { directory } = containerPlaces(project.places, name);
  await moveRecords(desired, { from: view.places.directory, to: directory });
  noteEvent(project.places, { type: "renamed", container: name, from });
}

/** What became of replacements that did not come to their end. */
export interface SettledReplacements {
  /** A line for each. */
  readonly settled: readonly string[];
  readonly failures: readonly ErrorFacts[];
}

/**
 * What an earlier replacement left that did not come to its end: a new one beside an old one that runs goes, without an old one it
 * takes the name. Of all, or of those that are `wanted`. The caller holds the project's lock, so that nobody is at it.
 */
export async function settleReplacements(
  project: OpenProject,
  wanted?: ReadonlySet<string>,
): Promise<SettledReplacements> {
  const { containers } = viewProject(project.places);
  const settled: string[] = [];
  const failures: ErrorFacts[] = [];
  for (const view of containers) {
    const name = replacedName(view.name);
    if (name === undefined || wanted?.has(name) === false) continue;
    const old = containers.find((one) => one.name === name);
    const stays = takesPlace(view, old);
    const left = stays ? removeOld(old) : await endAndRemove(project.places, view.name);
    failures.push(...left);
    if (left.length > 0) continue;
    if (stays) await takeOver(project, view.name);
    const outcome = stays ? `it is ${name} now` : "it is gone";
    settled.push(`${view.id}: the replacement of ${name} was not finished: ${outcome}`);
  }
  return { settled, failures };
}

/** The old one is ended when the new one is ready: one that has ended since is nevertheless what was wanted. */
function takesPlace({ state }: ContainerView, old: ContainerView | undefined): boolean {
  if (old === undefined) return state === "running" || state === "exited";
  return state === "running" && old.state !== "running";
}

const removeOld = (old: ContainerView | undefined): readonly ErrorFacts[] =>
  old === undefined ? [] : removeContainer(old);
