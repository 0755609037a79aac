/** The containers of a project as `ps` lists them. Changes nothing. */
import { type Groups, type GroupUsages, readGroupUsages } from "../observe/group_usage.ts";
import { containerPlaces, type ProjectPlaces } from "../state/places.ts";
import { listContainers } from "../state/project.ts";
import { readSupervised } from "../state/supervised.ts";
import {
  type BriefView,
  groupPlaces,
  stateOf,
  type Surroundings,
  surroundingsOf,
  viewContainer,
} from "./containers.ts";
import { readRoster, type Rostered } from "./roster.ts";

const NO_GROUPS: Groups = { above: [], name: "" };

/** A container of a list. */
export interface ListedView extends BriefView {
  readonly groups: Groups;
}

/** As `viewProject`, shorter: of those that the roster knows no record is read. Throws SyscallError where the project can't be read. */
export function listProject(places: ProjectPlaces): readonly ListedView[] {
  const roster = readRoster(places);
  if (roster === undefined) {
    const around = surroundingsOf(places);
    return listContainers(places).map((name) => viewListed(places, name, around));
  }
  // None of those that it knows had ended before.
  const since = surroundingsOf(places, roster.endingsFrom);
  const isUndisturbed = since.kept && !since.supervised &&
    since.endings.bytes === roster.endingsFrom;
  let all: Surroundings | undefined;
  return roster.rows.map((row) => {
    if (typeof row === "string") return viewListed(places, row, all ??= surroundingsOf(places));
    const { name, process: { pid }, groups } = row;
    const id = `${places.key}/${name}`;
    // Most of a thousand, and so without a question of each: copying an object takes longer than all else in a row.
    return isUndisturbed
      ? { name, id, state: "running", pid, record: row, groups }
      : viewRostered(places, row, since);
  });
}

function viewListed(places: ProjectPlaces, name: string, around: Surroundings): ListedView {
  const view = viewContainer(places, name, around);
  return { ...view, groups: view.record === undefined ? NO_GROUPS : groupPlaces(view.record) };
}

function viewRostered(places: ProjectPlaces, row: Rostered, around: Surroundings): ListedView {
  const { name, process, groups } = row;
  const supervised = around.supervised ? readSupervised(containerPlaces(places, name)) : undefined;
  return {
    name,
    id: `${places.key}/${name}`,
    record: row,
    groups,
    ...stateOf({ phase: "started", process }, around),
    ...(supervised === undefined ? {} : { supervised }),
  };
}

/** What those of the containers that run use, in their order. */
export function usagesOf(views: readonly ListedView[]): GroupUsages {
  // What one that has ended used nobody counts any more.
  return readGroupUsages(
    views.map(({ state, groups }) => state === "running" ? groups : NO_GROUPS),
  );
}
