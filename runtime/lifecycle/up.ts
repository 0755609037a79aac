/** What is wanted ⇄ what there is: containers are started, replaced or removed until nothing is left to do. */
import type { Desired, DesiredContainer } from "../../spec/model/desired.ts";
import { SYSTEM_ROOTS } from "../plan/system_roots.ts";
import { observeHost } from "../observe/host.ts";
import { factsOf } from "../apply/facts.ts";
import type { ErrorFacts } from "../plan/error.ts";
import type { Host } from "../plan/host.ts";
import { isAlive } from "../state/identity.ts";
import { placesOf } from "../state/project.ts";
import { type ContainerView, type ProjectView, viewProject } from "./containers.ts";
import { type DetachedStart, digestOf, startDetached } from "./detached.ts";
import { adoptLeft, type OpenProject, openProject } from "./project.ts";
import { removeContainer } from "./remove.ts";
import { stopContainers, type StopOptions } from "./stop.ts";

/** What is done about one container, and why. */
export interface Change {
  readonly name: string;
  readonly action: "start" | "replace" | "remove" | "none";
  readonly why: string;
}

/** Compares what is wanted with what there is. Pure but for what the views know. */
export function changesOf(
  desired: readonly DesiredContainer[],
  view: ProjectView,
): readonly Change[] {
  const there = new Map(view.containers.map((one) => [one.name, one]));
  const changes = desired.map((container): Change => {
    const one = there.get(container.name);
    const { name } = container;
    if (one === undefined) return { name, action: "start", why: "it is not there" };
    if (one.record === undefined) return { name, action: "replace", why: "its record is broken" };
    const changed = one.record.digest.spec !== digestOf(container);
    if (changed) return { name, action: "replace", why: "its spec has changed" };
    return changeOf(one);
  });
  const wanted = new Set(desired.map(({ name }) => name));
  const rest = view.containers.filter(({ name }) => !wanted.has(name));
  return [
    ...rest.map(({ name }): Change => ({ name, action: "remove", why: "the spec has it no more" })),
    ...changes,
  ];
}

function changeOf({ name, state, ending }: ContainerView): Change {
  switch (state) {
    case "running":
      return { name, action: "none", why: "it runs" };
    case "exited":
      return ending?.status === 0
        ? { name, action: "none", why: "it is completed" }
        : { name, action: "replace", why: `it ended with ${ending?.status ?? "?"}` };
    case "created":
      return { name, action: "start", why: "it was not started" };
    case "starting":
      return { name, action: "replace", why: "its start was not finished" };
    case "broken":
    case "stale":
      return { name, action: "replace", why: `it is ${state}` };
  }
}

/** How one change went. */
export interface Done extends Change {
  readonly start?: DetachedStart;
  readonly ms: number;
}

export interface UpResult {
  readonly done: readonly Done[];
  /** What failed, of all changes. */
  readonly failures: readonly { readonly name: string; readonly facts: ErrorFacts }[];
}

export interface UpOptions {
  /** Called as each change is done. */
  readonly onDone?: (done: Done) => void;
}

/** Makes what is wanted of the project in `file` (an absolute path). Throws ContainervError where it can't begin. */
export async function up(
  desired: Desired,
  file: string,
  options: UpOptions = {},
): Promise<UpResult> {
  const places = placesOf(desired.project, file);
  using project = await openProject(places, { name: desired.project, file });
  await adoptLeft(project);
  const changes = changesOf(desired.containers, viewProject(places));
  const containers = new Map(desired.containers.map((one) => [one.name, one]));
  const done: Done[] = [];
  const failures: { name: string; facts: ErrorFacts }[] = [];
  let host: Host | undefined;
  for (const change of changes) {
    const begun = performance.now();
    const container = containers.get(change.name);
    let start: DetachedStart | undefined;
    try {
      if (change.action === "remove" || change.action === "replace") {
        for (const facts of await removeNamed(project, change.name)) {
          failures.push({ name: change.name, facts });
        }
      }
      if (container !== undefined && change.action !== "none") {
        host ??= observeHost({ cgroups: true, roots: SYSTEM_ROOTS });
        start = await startDetached(project, container, { host });
        for (const facts of [start.failure ?? [], ...start.leftovers].flat()) {
          failures.push({ name: change.name, facts });
        }
      }
    } catch (error) {
      failures.push({ name: change.name, facts: factsOf(error) });
    }
    const one = {
      ...change,
      ...(start === undefined ? {} : { start }),
      ms: performance.now() - begun,
    };
    done.push(one);
    options.onDone?.(one);
  }
  return { done, failures };
}

async function removeNamed(project: OpenProject, name: string): Promise<readonly ErrorFacts[]> {
  const view = viewProject(project.places).containers.find((one) => one.name === name);
  if (view === undefined) return [];
  await stopContainers([view]);
  return removeContainer(view);
}

export interface DownResult {
  readonly removed: readonly string[];
  readonly failures: readonly { readonly name: string; readonly facts: ErrorFacts }[];
}

/** Ends and removes everything of a project. Throws ContainervError where it can't begin. */
export async function down(
  project: OpenProject,
  options: StopOptions = {},
): Promise<DownResult> {
  const view = viewProject(project.places);
  await stopContainers(view.containers, options);
  const removed: string[] = [];
  const failures: { name: string; facts: ErrorFacts }[] = [];
  // Last first: what the first one switched on for all is switched off by the last that goes.
  for (const one of [...view.containers].sort(byAge).reverse()) {
    const left = removeContainer(one);
    if (left.length === 0) removed.push(one.name);
    for (const facts of left) failures.push({ name: one.name, facts });
  }
  await awaitKeeper(view);
  return { removed, failures };
}

const byAge = (a: ContainerView, b: ContainerView): number =>
  (a.record?.created ?? 0) - (b.record?.created ?? 0);

/** The keeper ends with its last container: waited for, so that nothing of the project is left when `down` says so. */
async function awaitKeeper({ record }: ProjectView): Promise<void> {
  const keeper = record?.keeper;
  const deadline = performance.now() + KEEPER_END_MS;
  while (keeper !== undefined && isAlive(keeper) && performance.now() < deadline) {
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
}

const KEEPER_END_MS = 2000;
