/** What a container was before its start was tried: a start that fails leaves it as it was, or, where it was not there, nothing. */
import { removeTree } from "../../ffi/linux/directory.ts";
import { readFile, replaceFile } from "../../ffi/linux/file.ts";
import { SyscallError } from "../../ffi/linux/run.ts";
import { bootId } from "../state/identity.ts";
import type { ContainerPlaces, ProjectPlaces } from "../state/places.ts";
import { readContainer } from "../state/project.ts";
import { type ContainerRecord, type Former, isBroken, writeRecord } from "../state/record.ts";

interface Where {
  readonly places: ContainerPlaces;
  readonly project: ProjectPlaces;
}

/**
 * `undefined`: it is not there, or nothing that is worth to be kept: broken, of an earlier boot, of a first start that was not finished.
 */
export function formerOf({ places, project }: Where, name: string): Former | undefined {
  const record = readContainer(project, name);
  if (record === undefined || isBroken(record)) return undefined;
  if (record.boot !== bootId()) return undefined;
  if (record.phase === "starting") return record.former;
  const desired = readFile(places.desired);
  return desired === undefined ? undefined : { record, desired };
}

/**
 * Its start has failed, and everything of it was taken back but what `made` names. Where its records can't be written they go: then it
 * is not there, and the next `up` makes it.
 */
export function giveUp(
  { places }: Where,
  former: Former | undefined,
  made: ContainerRecord["made"],
): void {
  const kept = former !== undefined && replaceFile(places.desired, former.desired) === undefined &&
    writeRecord(places.record, { ...former.record, made }) === undefined;
  if (kept) return;
  try {
    removeTree(places.directory);
  } catch (error) {
    // Why it did not start is what is to be told; `gc` takes what is left.
    if (!(error instanceof SyscallError)) throw error;
  }
}

/** A start that was cut off, and of which nothing is left: the container is what it was before. Gives the reason when that can't be written. */
export function restore({ places }: Pick<Where, "places">, former: Former): string | undefined {
  const { paused: _, ...record } = former.record;
  return replaceFile(places.desired, former.desired) ??
    writeRecord(places.record, { ...record, made: [], unfinished: true });
}
