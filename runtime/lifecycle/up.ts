/** What is wanted ⇄ what there is: containers are started, replaced or removed until nothing is left to do. */
import type { Desired, DesiredContainer } from "../../spec/model/desired.ts";
import { SYSTEM_ROOTS } from "../plan/system_roots.ts";
import { observeHost } from "../observe/host.ts";
import { factsOf } from "../apply/facts.ts";
import type { ErrorFacts } from "../plan/error.ts";
import type { Ending } from "../state/record.ts";
import { forgetSupervisor, writeSupervisor } from "../state/supervised.ts";
import { listContainers, placesOf } from "../state/project.ts";
import { replacedName } from "../state/places.ts";
import { type ContainerView, desiredOf, viewOne, viewProject, viewSome } from "./containers.ts";
import { type DetachedStart, startDetached } from "./detached.ts";
import { createDetachedPlanner, type DetachedPlanner } from "./detached_plan.ts";
import { collectEnded, hasUncollected } from "./collect.ts";
import { specDigests } from "./digest.ts";
import { writeRoster } from "./roster.ts";
import { adoptLeft, noteOver, type OpenProject, openProject } from "./project.ts";
import { startOrder } from "../../spec/model/depends.ts";
import { endSupervisor, startSupervisor } from "./supervise/launch.ts";
import { healthOf, type Orderly, startOrderly } from "./supervise/orderly.ts";
import type { WatchOrder } from "./supervise/watcher.ts";
import { needsSupervisor } from "./supervise/supervision.ts";
import { type Change, changesOf } from "./reconcile.ts";
import { endAndRemove, endForAnother } from "./remove.ts";
import { storedLayers } from "./stored.ts";
import { killUnrecorded } from "./take_back.ts";

/** How one change went. */
export interface Done extends Change {
  readonly start?: DetachedStart;
  /** It has a health check, and passes it. */
  readonly healthy?: boolean;
  /** Another waited for its end. */
  readonly ending?: Ending;
  readonly ms: number;
}

export interface UpResult {
  readonly done: readonly Done[];
  /** What failed, of all changes. */
  readonly failures: readonly { readonly name: string; readonly facts: ErrorFacts }[];
  /** Pid of the project's supervisor, where one is needed. */
  readonly supervisor?: number;
}

export interface UpOptions {
  /** Absolute paths of the files that were merged over the spec. */
  readonly over?: readonly string[];
  /** The supervisor does it again whenever one of these files changes. */
  readonly watch?: WatchOrder;
  /** Called as each change is done. */
  readonly onDone?: (done: Done) => void;
  /** Called when the project is there and nothing was done yet. */
  readonly onOpen?: () => void;
  /** True: nothing more is begun. */
  readonly isAborted?: () => boolean;
}

/** Makes what is wanted of the project in `file` (an absolute path). Throws ContainervError where it can't begin. */
export async function up(
  desired: Desired,
  file: string,
  options: UpOptions = {},
): Promise<UpResult> {
  const places = placesOf(desired.project, file);
  using project = await openProject(places, { name: desired.project, file });
  options.onOpen?.();
  await adoptLeft(project);
  // While the project is ours so is its supervision.
  await endSupervisor(places);
  const watches = options.watch === undefined ? {} : { watches: true as const };
  const needs = options.watch !== undefined || desired.containers.some(needsSupervisor);
  // Missed from now on, should we be killed before it is there.
  if (needs) writeSupervisor(places, watches);
  const round = beginRound(project, desired, options);
  const before = viewProject(places);
  killUnrecorded(before);
  const due = before.containers.filter((one) => one.state === "exited" && hasUncollected(one));
  round.failures.push(...await collectEnded(due));
  const isSettled = await settleLeft(round, desired);
  const view = isSettled || due.length > 0 ? viewProject(places) : before;
  for (const change of changesOf(desired.containers, view)) {
    if (change.action === "remove") await carryOut(round, change);
    else round.changes.set(change.name, change);
  }
  const watched = watchedOf(desired.containers);
  const begin = async (container: DesiredContainer): Promise<void> => {
    const change = round.changes.get(container.name);
    // What is checked as the new one says is the new one: not the old one beside it.
    const late = container.update === "startFirst" && change?.action === "replace";
    if (watched.has(container.name) && !late) round.orderly.supervision.watch(container);
    if (round.isAborted()) return;
    if (change !== undefined) await carryOut(round, change, container);
    if (!watched.has(container.name) || !late) return;
    for (const one of asTheyAre(round.project, [container])) round.orderly.supervision.watch(one);
  };
  const ordered = startOrder(desired.containers).flat();
  const independent = ordered.every(({ dependsOn }) => dependsOn.length === 0);
  await inParallel(ordered, independent && ordered.length >= MANY ? AT_ONCE : 1, begin);
  noteOver(project, options.over ?? []);
  finishAwaited(round, round.endings);
  // Each look says of those that have become healthy, or never will.
  for (const { container } of [...round.unsettled]) await round.orderly.awaitHealth(container);
  const supervisor = await handOver(round, desired, options.watch);
  writeRoster(places);
  const { done, failures } = round;
  return { done, failures, ...(supervisor === undefined ? {} : { supervisor }) };
}

/** Names of those whose state somebody asks for while the others are started: each look reads their records. */
function watchedOf(containers: readonly DesiredContainer[]): ReadonlySet<string> {
  const awaited = containers.flatMap(({ dependsOn }) => dependsOn.map((one) => one.container));
  return new Set([...containers.filter(needsSupervisor).map(({ name }) => name), ...awaited]);
}

/** Fewer are started one after the other, in the order of the spec. */
const MANY = 20;
/** How many of many are on their way at a time: while one is made by its stage, the next is planned. */
const AT_ONCE = 4;

async function inParallel<Item>(
  items: readonly Item[],
  atOnce: number,
  act: (item: Item) => Promise<void>,
): Promise<void> {
  const queue = items.values();
  const work = async (): Promise<void> => {
    for (const item of queue) await act(item);
  };
  await Promise.all(Array.from({ length: atOnce }, work));
}

interface Round {
  readonly project: OpenProject;
  readonly orderly: Orderly;
  readonly changes: Map<string, Change>;
  readonly done: Done[];
  readonly failures: { name: string; facts: ErrorFacts }[];
  /** Started, and not healthy yet. */
  readonly unsettled: Set<Unsettled>;
  /** Names of those whose end another waits for; those of them that were started. */
  readonly endings: ReadonlySet<string>;
  readonly awaited: Map<string, Unsettled>;
  readonly finish: (done: Done) => void;
  readonly isAborted: () => boolean;
  /** What containers have in common is planned once. */
  plan?: DetachedPlanner;
}

interface Unsettled {
  readonly container: DesiredContainer;
  readonly done: Done;
  readonly begun: number;
}

function beginRound(project: OpenProject, desired: Desired, options: UpOptions): Round {
  const failures: Round["failures"] = [];
  const done: Done[] = [];
  const unsettled = new Set<Unsettled>();
  const awaited = new Map<string, Unsettled>();
  const finish = (one: Done): void => {
    done.push(one);
    options.onDone?.(one);
  };
  const orderly = startOrderly(project, {
    onFailure: (name, facts) => failures.push({ name, facts }),
    isGivenUp: (name) => failures.some((one) => one.name === name),
    ...(options.isAborted === undefined ? {} : { isAborted: options.isAborted }),
    onLook: () => {
      for (const one of unsettled) {
        const verdict = healthOf(one.container, orderly.supervision);
        if (verdict === undefined) continue;
        unsettled.delete(one);
        const ms = performance.now() - one.begun;
        if (verdict === "good") finish({ ...one.done, ms, healthy: true });
        else {
          failures.push({ name: one.container.name, facts: verdict });
          done.push({ ...one.done, ms });
        }
      }
    },
  });
  const isAborted = (): boolean => options.isAborted?.() === true;
  const changes = new Map<string, Change>();
  const endings = new Set(awaitedEnds(desired.containers));
  return {
    project,
    orderly,
    changes,
    done,
    failures,
    unsettled,
    endings,
    awaited,
    finish,
    isAborted,
  };
}

/** Nobody waits any longer for those of the names: how they ended belongs to what is said of them. */
function finishAwaited(round: Round, names: Iterable<string>): void {
  for (const name of names) {
    const one = round.awaited.get(name);
    if (one === undefined) continue;
    round.awaited.delete(name);
    const ending = viewOne(round.project.places, name)?.ending;
    if (ending === undefined) round.finish(one.done);
    else round.finish({ ...one.done, ending, ms: performance.now() - one.begun });
  }
}

/** Names of those whose end another container waits for. */
const awaitedEnds = (containers: readonly DesiredContainer[]): readonly string[] =>
  containers.flatMap(({ dependsOn }) =>
    dependsOn.filter(({ condition }) => condition === "completed").map((one) => one.container)
  );

/** One change, after what it depends on; what fails is noted. */
async function carryOut(
  round: Round,
  change: Change,
  container?: DesiredContainer,
): Promise<void> {
  const { name, action } = change;
  const begun = performance.now();
  let start: DetachedStart | undefined;
  const failed = (facts: ErrorFacts): void => {
    round.failures.push({ name, facts });
  };
  if (change.problem !== undefined) return failed(change.problem);
  try {
    if (container !== undefined && action === "replace") await planFirst(round, container);
    const old = action === "replace" && container?.update === "startFirst"
      ? viewOne(round.project.places, name)
      : undefined;
    const startsFirst = old?.state === "running";
    const end = action === "remove" ? endAndRemove : endForAnother;
    if (action === "remove" || (action === "replace" && !startsFirst)) {
      for (const facts of await end(round.project.places, name)) failed(facts);
    }
    if (container !== undefined && action === "change") {
      const failures = await changeNamed(round.project, change, container);
      // A place that can't be made in a root that is read-only, and the like: then it is made anew.
      const [first] = failures;
      if (first !== undefined && change.ops.some(({ kind }) => kind === "join.clone")) {
        const why = `${change.why}; while it runs: ${first.message}`;
        return await carryOut(round, { ...change, action: "replace", why }, container);
      }
      if (failures.length > 0) return failures.forEach(failed);
    } else if (container !== undefined && action !== "none") {
      const never = await round.orderly.awaitDependencies(container);
      finishAwaited(round, awaitedEnds([container]));
      if (round.isAborted()) return;
      if (never !== undefined) return failed(never);
      start = startsFirst
        ? await replaceFirst(round, container, old)
        : await startDetached(round.project, container, { plan: plannerOf(round) });
      // After a failure of its own that stays the news: `wait` and `ps` say what is missing.
      const { collected, ended } = start.record ?? {};
      const missed = ended?.status === 0 ? collected?.missed ?? [] : [];
      for (const facts of [start.failure ?? [], ...start.leftovers, ...missed].flat()) {
        failed(facts);
      }
    }
  } catch (error) {
    return failed(factsOf(error));
  }
  const ms = performance.now() - begun;
  const one = { ...change, ...(start === undefined ? {} : { start }), ms };
  const runs = start === undefined
    ? action === "none" || action === "change"
    : start.record !== undefined && start.record.ended === undefined;
  if (container === undefined || !runs) return round.finish(one);
  const waiting = { container, done: one, begun };
  if (container.healthcheck !== undefined) round.unsettled.add(waiting);
  else if (round.endings.has(name)) round.awaited.set(name, waiting);
  else round.finish(one);
}

/** What has to be looked after when `up` is gone is a supervisor's. */
async function handOver(
  { project, failures }: Round,
  desired: Desired,
  watch: WatchOrder | undefined,
): Promise<number | undefined> {
  const { places, name, file } = project;
  const wanted = desired.containers.filter(needsSupervisor);
  if (wanted.length === 0 && watch === undefined) {
    forgetSupervisor(places);
    return undefined;
  }
  try {
    const containers = asTheyAre(project, wanted).filter(needsSupervisor);
    const order = { places, name, file, containers };
    return await startSupervisor(watch === undefined ? order : { ...order, watch });
  } catch (error) {
    failures.push({ name, facts: factsOf(error) });
    return undefined;
  }
}

/** As they were made: one that could not be changed goes on by the spec that it was made of. */
function asTheyAre(
  { places }: OpenProject,
  containers: readonly DesiredContainer[],
): readonly DesiredContainer[] {
  const names = new Set(containers.map(({ name }) => name));
  const views = new Map(viewSome(places, names).map((view) => [view.name, view]));
  return containers.map((container) => {
    const view = views.get(container.name);
    if (view?.record === undefined) return container;
    if (view.record.digest.spec === specDigests(container).spec) return container;
    // Values of secrets are in no record.
    return { ...desiredOf(view), secrets: container.secrets };
  });
}

function plannerOf(round: Round): DetachedPlanner {
  round.plan ??= createDetachedPlanner(
    round.project,
    observeHost({ cgroups: true, roots: SYSTEM_ROOTS }),
  );
  return round.plan;
}

/** What this machine can't have is said while the old container still runs. Throws HostError. */
async function planFirst(round: Round, container: DesiredContainer): Promise<void> {
  plannerOf(round)(container, (await storedLayers(container))?.stored);
}

async function replaceFirst(
  round: Round,
  container: DesiredContainer,
  old: ContainerView,
): Promise<DetachedStart> {
  const { startFirst } = await import("./start_first.ts");
  const { project, orderly } = round;
  return await startFirst(project, { container, old }, { plan: plannerOf(round), orderly });
}

/** A replacement that a killed runner began; where there is none, nothing is loaded, and it gives false. */
async function settleLeft({ project, failures }: Round, { containers }: Desired): Promise<boolean> {
  if (!listContainers(project.places).some((name) => replacedName(name) !== undefined)) {
    return false;
  }
  const { settleReplacements } = await import("./start_first.ts");
  const wanted = new Set(containers.map(({ name }) => name));
  const settled = await settleReplacements(project, wanted);
  for (const facts of settled.failures) failures.push({ name: project.name, facts });
  return true;
}

/** What can be done while it runs; loaded where it is needed. */
async function changeNamed(
  project: OpenProject,
  change: Change,
  container: DesiredContainer,
): Promise<readonly ErrorFacts[]> {
  const view = viewOne(project.places, change.name);
  if (view === undefined) return [];
  const { carryOutChange } = await import("./change.ts");
  return await carryOutChange(view, container, change);
}
