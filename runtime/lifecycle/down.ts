/** Ends and removes whole projects; what they keep on the disk is removed or said. */
import type { DesiredContainer } from "../../spec/model/desired.ts";
import { factsOf } from "../apply/facts.ts";
import { ContainervError, type ErrorFacts } from "../plan/error.ts";
import type { ProjectPlaces } from "../state/places.ts";
import { readProject } from "../state/project.ts";
import { isBroken } from "../state/record.ts";
import { desiredOf, viewProject } from "./containers.ts";
import { disksOf, type KeepingProject, keptOf, removeKept } from "./kept.ts";
import { down } from "./end_project.ts";
import { openProject } from "./project.ts";
import type { StopOptions } from "./stop.ts";

export interface DownOptions extends StopOptions {
  /** Also what is kept on the disk. */
  readonly volumes: boolean;
  /** Absolute path of the spec, for a project whose record is broken. */
  readonly file?: string;
}

export interface Downed {
  /** Names of the containers that are gone. */
  readonly removed: string[];
  /** Paths of what is kept and still there, and of what was removed of it. */
  readonly kept: string[];
  readonly removedKept: string[];
  readonly failures: ErrorFacts[];
  /** What else had to be done for that, a line each. */
  readonly notes: string[];
}

/** The rest is done when something fails. Throws ContainervError where a project can't be opened. */
export async function downProjects(
  projects: readonly ProjectPlaces[],
  { volumes, file = "", ...stop }: DownOptions,
): Promise<Downed> {
  const result: Downed = { removed: [], kept: [], removedKept: [], failures: [], notes: [] };
  for (const places of projects) {
    const record = readProject(places);
    const known = record === undefined || isBroken(record) ? undefined : record;
    const named = { name: known?.name ?? places.key, file: known?.file ?? file };
    using project = await openProject(places, named);
    const keeping = { ...named, disks: disksOf(knownContainers(places)) };
    const done = await down(project, stop);
    result.removed.push(...done.removed);
    result.notes.push(...done.notes);
    result.failures.push(...done.failures.map(({ facts }) => facts));
    endKept(result, keeping, volumes && done.failures.length === 0);
  }
  return result;
}

/** Those whose spec can be read: what is broken is removed all the same, but nobody knows of its disk. */
function knownContainers(places: ProjectPlaces): readonly DesiredContainer[] {
  return viewProject(places).containers.flatMap((view) => {
    try {
      return view.state === "broken" ? [] : [desiredOf(view)];
    } catch (error) {
      if (error instanceof ContainervError) return [];
      throw error;
    }
  });
}

/** Removes what a project keeps on the disk, or notes that it is there. */
export function endKept(result: Downed, keeping: KeepingProject, remove: boolean): void {
  for (const path of keptOf(keeping)) {
    if (!remove) {
      result.kept.push(path);
      continue;
    }
    try {
      removeKept(path);
      result.removedKept.push(path);
    } catch (error) {
      result.failures.push(factsOf(error));
    }
  }
}
