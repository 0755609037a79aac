/** A project's directory: made, locked, listed, read and removed. */
import { ENOENT } from "../../ffi/abi/errno.ts";
import { AT_REMOVEDIR } from "../../ffi/abi/fcntl.ts";
import { unlinkat } from "../../ffi/calls/path.ts";
import { listDirectory, removeTree } from "../../ffi/linux/directory.ts";
import type { Fd } from "../../ffi/linux/fd.ts";
import { getuid, makePrivateDirectory } from "../../ffi/linux/file.ts";
import { callSync, SyscallError } from "../../ffi/linux/run.ts";
import { lockFile } from "../../ffi/linux/lock_file.ts";
import {
  containerPlaces,
  isProjectKey,
  projectKey,
  type ProjectPlaces,
  projectPlaces,
  stateDirectory,
} from "./places.ts";
import {
  type Broken,
  type ContainerRecord,
  isContainerRecord,
  isProjectRecord,
  type ProjectRecord,
  readRecord,
} from "./record.ts";

/** Where this user's projects are recorded. */
export function ownStateDirectory(): string {
  return stateDirectory(process.env, getuid());
}

/** Places of the project of this name whose spec is at this absolute path. */
export function placesOf(name: string, file: string): ProjectPlaces {
  return projectPlaces(ownStateDirectory(), projectKey(name, file));
}

/** Every project of this user that has a directory. */
export function listProjects(): readonly ProjectPlaces[] {
  const state = ownStateDirectory();
  return listDirectory(state).filter(({ name, isDirectory }) => isDirectory && isProjectKey(name))
    .map(({ name }) => projectPlaces(state, name))
    .sort((a, b) => a.key < b.key ? -1 : 1);
}

/** The project's record; `undefined` when there is none. */
export function readProject(places: ProjectPlaces): ProjectRecord | Broken | undefined {
  return readRecord<ProjectRecord>(places.record, isProjectRecord);
}

/** A container's record; `undefined` when there is none. */
export function readContainer(
  places: ProjectPlaces,
  name: string,
): ContainerRecord | Broken | undefined {
  return readRecord<ContainerRecord>(containerPlaces(places, name).record, isContainerRecord);
}

/** Names of the project's containers, sorted. A directory without a record is one that was not made to its end. */
export function listContainers(places: ProjectPlaces): readonly string[] {
  return listDirectory(places.containers).map(({ name }) => name).sort();
}

/** Of `lockProject`: another has it. */
export const HELD = Symbol("held");
/** Of `lockProject`: there is none any more. */
export const GONE = Symbol("gone");

export interface LockProjectOptions {
  /** How long another that has it is waited for. Default: for as long as it takes. */
  readonly waitMs?: number;
  /** Nothing is made of a project that is not there. */
  readonly existing?: boolean;
}

/**
 * The right to change the project, until the result is disposed of. Its directories are there then; gives the reason where they
 * can't be. Another that has it is waited for.
 */
export async function lockProject(
  places: ProjectPlaces,
  { waitMs = Infinity, existing = false }: LockProjectOptions = {},
): Promise<Fd | string | typeof HELD | typeof GONE> {
  const deadline = performance.now() + waitMs;
  const state = places.directory.slice(0, places.directory.lastIndexOf("/"));
  for (;;) {
    const made = existing ? undefined : makePrivateDirectory(state);
    if (made !== undefined) return made;
    const lock = await lockFile(places.lock, {
      waitMs: deadline - performance.now(),
      create: !existing,
    }).then((fd) => fd ?? HELD, reasonOf);
    if (lock === undefined && existing) return GONE;
    // The directory may have been removed with the last project meanwhile.
    if (lock === undefined) continue;
    if (typeof lock === "string" || lock === HELD || existing) return lock;
    for (const directory of [places.directory, places.containers, places.logs]) {
      const problem = makePrivateDirectory(directory);
      if (problem === undefined) continue;
      lock[Symbol.dispose]();
      return problem;
    }
    return lock;
  }
}

/** `undefined` for what is to be tried again. */
function reasonOf(error: unknown): string | undefined {
  if (!(error instanceof SyscallError)) throw error;
  return error.errno === ENOENT ? undefined : error.message;
}

/** Removes the project's directory, its lock (which the caller holds) and, if it was the last, the directory of all. */
export function removeProject(places: ProjectPlaces): void {
  removeTree(places.directory);
  callSync(unlinkat({ pathname: places.lock, flags: 0 }));
  const state = places.directory.slice(0, places.directory.lastIndexOf("/"));
  callSync(unlinkat({ pathname: state, flags: AT_REMOVEDIR }));
}
