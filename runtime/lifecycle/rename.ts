/** Another name for a container, whatever it does at the moment. */
import { entryKind } from "../../ffi/linux/file.ts";
import type { DesiredContainer } from "../../spec/model/desired.ts";
import { isName } from "../../spec/model/name.ts";
import { ContainervError } from "../plan/error.ts";
import { noteEvent } from "../state/events.ts";
import { containerPlaces } from "../state/places.ts";
import { writeRecord } from "../state/record.ts";
import { type ContainerView, desiredOf } from "./containers.ts";
import { digestOf } from "./digest.ts";
import { noteRenamed } from "./names.ts";
import { type OpenProject, saveContainer } from "./project.ts";
import { moveRecords } from "./stored.ts";
import { supervisorOf } from "./supervise/launch.ts";
import { needsSupervisor } from "./supervise/supervision.ts";

/**
 * Its directory, its record and its name in what was asked for. Groups and the file of its log keep the names that they were made with,
 * its host name until it is started again. Throws ContainervError: BAD_NAME, NAME_TAKEN, SUPERVISED.
 */
export async function renameContainer(
  project: OpenProject,
  view: ContainerView,
  to: string,
): Promise<void> {
  if (!isName(to)) {
    throw new ContainervError({
      code: "BAD_NAME",
      message: `"${to.slice(0, 80)}" is no name for a container`,
      fix: "small letters, digits, `_`, `.` and `-`, at most 63, the first a letter or digit",
    });
  }
  const { record, name: from } = view;
  if (record === undefined) throw broken(view);
  const before = desiredOf(view);
  if (needsSupervisor(before) && supervisorOf(project.places) !== undefined) {
    throw new ContainervError({
      code: "SUPERVISED",
      message: `${from} is looked after by the project's supervisor, which knows it by its name`,
      fix: `change its name in ${project.file}, then containerv up -d`,
    });
  }
  const places = containerPlaces(project.places, to);
  if (entryKind(places.directory) !== undefined) throw taken(view, to);
  // First: whoever takes the name it had must not take its groups and its log for free.
  const problem = noteRenamed(project.places);
  if (problem !== undefined) throw new ContainervError({ code: "NO_STATE", message: problem });
  // Cut off behind the move, it has its groups nevertheless: they are not called as its directory is.
  const instance = record.instance ?? view.id;
  saveContainer(view, { ...record, instance });
  await moveRecords(before, { from: view.places.directory, to: places.directory });
  const after = named(before, to);
  writeRecord(places.desired, after);
  const digest = { ...record.digest, spec: digestUnder(before.name, after) };
  saveContainer({ places, project: project.places }, { ...record, name: to, instance, digest });
  noteEvent(project.places, { type: "renamed", container: to, from });
}

const taken = ({ name }: ContainerView, to: string): ContainervError =>
  new ContainervError({
    code: "NAME_TAKEN",
    message: `${name} can't be renamed: the project has a container "${to}" already`,
    fix: `containerv rm ${to}, or take another name`,
  });

/** The host name is the container's where the spec does not say another. */
function named(container: DesiredContainer, to: string): DesiredContainer {
  const hostname = container.origins["hostname"] === undefined ? to : container.hostname;
  return { ...container, name: to, hostname };
}

/** As if the spec had always said the new name: where it does, `up` finds nothing changed. */
function digestUnder(before: string, container: DesiredContainer): string {
  const pointer = `/containers/${before}`;
  const renamed = (value: unknown): boolean =>
    typeof value === "string" && (value === pointer || value.startsWith(`${pointer}/`));
  const text = JSON.stringify(
    container,
    (_key, value: unknown) =>
      renamed(value)
        ? `/containers/${container.name}${String(value).slice(pointer.length)}`
        : value,
  );
  return digestOf(JSON.parse(text));
}

function broken({ id }: ContainerView): ContainervError {
  return new ContainervError({
    code: "STATE_BROKEN",
    message: `cannot rename ${id}: its record is broken`,
    fix: `containerv rm --force ${id}`,
  });
}
