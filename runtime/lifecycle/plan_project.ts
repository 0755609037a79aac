/** What `up` would do about a project, and what of it is not as it was made. Changes nothing. */
import type { Desired, DesiredContainer } from "../../spec/model/desired.ts";
import { factsOf } from "../apply/facts.ts";
import { observeHost } from "../observe/host.ts";
import { HostError } from "../plan/host_error.ts";
import type { Plan } from "../plan/plan.ts";
import { SYSTEM_ROOTS } from "../plan/system_roots.ts";
import { placesOf } from "../state/project.ts";
import { missingSupervisor } from "../state/supervised.ts";
import { compileChange } from "../subjects/change/plan.ts";
import { type ProjectView, viewProject } from "./containers.ts";
import { createDetachedPlanner, type DetachedPlanner } from "./detached_plan.ts";
import { type Change, changesOf } from "./reconcile.ts";
import { surveyedLayers } from "./stored.ts";
import { supervisorOf } from "./supervise/launch.ts";
import { needsSupervisor } from "./supervise/supervision.ts";

/** Something that is lost of the project itself; `up` brings it back. */
export interface Lost {
  readonly what: "keeper" | "supervisor";
  readonly text: string;
}

export interface Compared {
  /** True: something of it is recorded. */
  readonly exists: boolean;
  readonly changes: readonly Change[];
  readonly lost: readonly Lost[];
}

/** `file`: absolute path of the spec. Throws SyscallError where its records can't be read. */
export function compareProject(desired: Desired, file: string): Compared {
  const view = viewProject(placesOf(desired.project, file));
  return {
    exists: view.containers.length > 0,
    changes: changesOf(desired.containers, view),
    lost: lostOf(desired, view),
  };
}

function lostOf({ containers }: Desired, view: ProjectView): readonly Lost[] {
  const running = view.containers.filter(({ state }) => state === "running");
  const lost: Lost[] = [];
  if (running.length > 0 && !view.kept) {
    const text = "the keeper is gone: nobody keeps what the containers write, or sees how they end";
    lost.push({ what: "keeper", text });
  }
  const watched = containers.filter((one) =>
    needsSupervisor(one) && running.some(({ name }) => name === one.name)
  );
  if (watched.length > 0 && supervisorOf(view.places) === undefined) {
    const names = watched.map(({ name }) => name).join(", ");
    lost.push({ what: "supervisor", text: `nobody restarts or checks ${names}` });
  }
  if (missingSupervisor(view.places)?.watches === true) {
    const text = "nobody looks for changes of the spec: containerv up -d --watch";
    lost.push({ what: "supervisor", text });
  }
  return lost;
}

/** True when `up` would do anything. */
export function wouldChange({ changes, lost }: Compared): boolean {
  return lost.length > 0 || changes.some(({ action }) => action !== "none");
}

/** A change, with the operations that it consists of; without any where nothing is made. */
export interface PlannedChange extends Change {
  readonly plan?: Plan;
}

/** The plans of what would be started, and of what would be changed. */
export async function planChanges(
  desired: Desired,
  file: string,
  changes: readonly Change[],
): Promise<readonly PlannedChange[]> {
  const places = placesOf(desired.project, file);
  let planner: DetachedPlanner | undefined;
  const planned: PlannedChange[] = [];
  for (const change of changes) {
    const container = desired.containers.find(({ name }) => name === change.name);
    if (change.action === "change" && container !== undefined && change.ops.length > 0) {
      const instance = `${places.key}/${change.name}`;
      planned.push({
        ...change,
        plan: compileChange(container, { instance, ops: change.ops, asks: change.asks }),
      });
      continue;
    }
    const makes = change.action === "start" || change.action === "replace";
    if (container === undefined || !makes) {
      planned.push(change);
      continue;
    }
    planner ??= createDetachedPlanner(
      { places },
      observeHost({ cgroups: true, roots: SYSTEM_ROOTS }),
    );
    planned.push(await planOne(container, change, planner));
  }
  return planned;
}

async function planOne(
  container: DesiredContainer,
  change: Change,
  planner: DetachedPlanner,
): Promise<PlannedChange> {
  try {
    const stored = (await surveyedLayers(container))?.stored;
    return { ...change, plan: planner(container, stored).explain().plan };
  } catch (error) {
    if (!(error instanceof HostError)) throw error;
    return { ...change, problem: factsOf(error) };
  }
}
