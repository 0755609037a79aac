/**
 * Undoes what a kill -9 left: starts that were not finished, records of an earlier boot, groups whose container is gone, files that
 * were not renamed, layers that nobody wants any more, caches of specs that are gone. What runs, and what has ended and is still
 * recorded, is left alone. To do it twice changes nothing.
 */
import { AT_REMOVEDIR } from "../../ffi/abi/fcntl.ts";
import { unlinkat } from "../../ffi/calls/path.ts";
import { listDirectory } from "../../ffi/linux/directory.ts";
import { entryKind, fileVersion, getuid, readFile } from "../../ffi/linux/file.ts";
import { isLocked } from "../../ffi/linux/lock_file.ts";
import { callSync } from "../../ffi/linux/run.ts";
import { collectLayers } from "../image/collect.ts";
import { ContainervError, type ErrorFacts } from "../plan/error.ts";
import { lockHolder } from "../observe/lock_holder.ts";
import { observeHost } from "../observe/host.ts";
import { identify } from "../state/identity.ts";
import { cacheDirectory, forgetGone } from "../state/spec_cache.ts";
import { isProjectKey, type ProjectPlaces, projectPlaces, replacedName } from "../state/places.ts";
import { listProjects, type LockProjectOptions, ownStateDirectory } from "../state/project.ts";
import { GROUP_DIRECTORY } from "../subjects/limits/compile.ts";
import { type ContainerView, viewProject } from "./containers.ts";
import { collectHalfCopies } from "./half_copies.ts";
import { forgetLaunches } from "./launch_file.ts";
import { collectEnded } from "./collect.ts";
import { dataDirectory } from "./data.ts";
import { restore } from "./former.ts";
import { adoptLeft, noState, type OpenProject, openProject } from "./project.ts";
import { removeContainer } from "./remove.ts";
import { openedByStages, stagePids } from "./stages.ts";
import { killUnrecorded, procsOf, takeBack } from "./take_back.ts";

/** What was found and taken away. */
export interface GcResult {
  /** One line each. */
  readonly removed: readonly string[];
  readonly failures: readonly ErrorFacts[];
  /** Containers that are kept again. */
  readonly adopted: number;
  /** Projects that another changes meanwhile, and who does: they are that one's, and nothing was done about them. A line each. */
  readonly passed: readonly string[];
}

export interface GcOptions {
  /** Nothing is changed: `removed` is what would be. */
  readonly dryRun?: boolean;
  /** Also layers that the archive or image which they come from could give again. */
  readonly layers?: boolean;
}

interface Collected {
  readonly dryRun: boolean;
  readonly removed: string[];
  readonly failures: ErrorFacts[];
  adopted: number;
  readonly passed: string[];
}

/** Throws SyscallError where the records can't be reached. */
export async function collectGarbage(options: GcOptions = {}): Promise<GcResult> {
  const { dryRun = false, layers = false } = options;
  const found: Collected = { dryRun, removed: [], failures: [], adopted: 0, passed: [] };
  const held: ProjectPlaces[] = [];
  for (const places of lockedProjects()) {
    const isFree = await collectFree(places, found, 0);
    if (!isFree) held.push(places);
  }
  // After all others, and all of them together no longer than that: whoever runs us from time to time must come to an end.
  const deadline = performance.now() + (dryRun ? 0 : HELD_MS);
  for (const places of held) {
    const leftMs = Math.max(0, deadline - performance.now());
    if (await collectFree(places, found, leftMs)) continue;
    const pid = lockHolder(places.lock);
    const who = pid === undefined ? "another process" : `process ${pid}`;
    found.passed.push(`${places.key}: ${who} changes it at the moment`);
  }
  // Those of containers that are gone are no longer told from the others.
  if (!dryRun) forgetLaunches();
  const cache = cacheDirectory(process.env, getuid());
  if (cache !== undefined) collectCache(cache, found);
  await collectGroups(found);
  await collectStore(layers, found);
  found.removed.push(...collectHalfCopies({ dryRun }));
  return found;
}

function collectCache(directory: string, found: Collected): void {
  removeTorn(directory, found);
  const gone = forgetGone(directory, found);
  if (gone > 0) found.removed.push(`${directory}: ${gone} specs that are not there any more`);
}

/** How long projects are waited for that others change. */
const HELD_MS = 2000;

/** False: another has it, for longer than `waitMs`. */
async function collectFree(
  places: ProjectPlaces,
  found: Collected,
  waitMs: number,
): Promise<boolean> {
  const isThere = (): boolean => entryKind(places.lock) !== undefined;
  try {
    if (found.dryRun) return lookAtProject(places, found);
    // Whoever had it may have removed it since it was listed, and may do so now: nothing of it is made again.
    const existing = isThere();
    if (existing || entryKind(places.directory) !== undefined) {
      await collectProject(places, found, { waitMs, existing });
    }
  } catch (error) {
    // One that can't be had must not keep the others from being collected.
    if (!(error instanceof ContainervError)) throw error;
    if (error.code === "PROJECT_HELD") return false;
    if (!isThere()) return true;
    found.failures.push(error.facts);
  }
  return true;
}

/** After the containers: a container that is gone wants no layer. */
async function collectStore(unused: boolean, found: Collected): Promise<void> {
  const { dryRun, removed } = found;
  const data = dataDirectory(process.env, getuid());
  const { layers, unfinished } = await collectLayers(data, { dryRun, unused });
  if (unfinished > 0) removed.push(`${data}/layers: ${unfinished} not unpacked to their end`);
  const why = unused ? "no container has it" : "no container has it, and its archive is gone";
  for (const diffId of layers) removed.push(`layer ${diffId}: ${why}`);
}

/** Projects that have a directory, and those of which only the lock is left. */
function lockedProjects(): readonly ProjectPlaces[] {
  const state = ownStateDirectory();
  const known = new Map(listProjects().map((places) => [places.key, places]));
  for (const { name } of listDirectory(state)) {
    const key = /^\.(.+)\.lock$/.exec(name)?.[1];
    if (key !== undefined && isProjectKey(key) && !known.has(key)) {
      known.set(key, projectPlaces(state, key));
    }
  }
  return [...known.values()];
}

async function collectProject(
  places: ProjectPlaces,
  found: Collected,
  options: LockProjectOptions,
): Promise<void> {
  const { record } = viewProject(places);
  const file = record?.file ?? "";
  const named = { name: record?.name ?? places.key, file };
  using project = await openProject(places, named, options);
  found.adopted += await adoptLeft(project);
  endUnrecorded(places, found);
  const { containers } = viewProject(places);
  const ended = containers.filter(({ state }) => state === "exited");
  for (const { facts } of await collectEnded(ended)) found.failures.push(facts);
  for (const one of containers.filter(isLeft)) {
    const left = settleLeft(one);
    found.failures.push(...left);
    if (left.length === 0) found.removed.push(`${one.id}: ${whatWas(one)}`);
  }
  await settleReplaced(project, found);
  for (const directory of [places.directory, places.containers]) removeTorn(directory, found);
}

/** What `collectProject` would do. False: somebody changes it at the moment. */
function lookAtProject(places: ProjectPlaces, found: Collected): boolean {
  if (isLocked(places.lock)) return false;
  endUnrecorded(places, found);
  for (const one of viewProject(places).containers) {
    if (isLeft(one)) found.removed.push(`${one.id}: ${whatWas(one)}`);
    else if (isReplacement(one)) found.removed.push(`${one.id}: ${UNREPLACED}`);
  }
  for (const directory of [places.directory, places.containers]) removeTorn(directory, found);
  return true;
}

const UNREPLACED = "what it was to take the place of was not replaced to its end";

const isReplacement = ({ name }: Pick<ContainerView, "name">): boolean =>
  replacedName(name) !== undefined;

/** Which of the two stays is settled; where there is none nothing is loaded for it. */
async function settleReplaced(project: OpenProject, found: Collected): Promise<void> {
  if (!viewProject(project.places).containers.some(isReplacement)) return;
  const { settleReplacements } = await import("./start_first.ts");
  const { settled, failures } = await settleReplacements(project);
  found.removed.push(...settled);
  found.failures.push(...failures);
}

const isLeft = (one: ContainerView): boolean =>
  one.state === "starting" || one.state === "stale" || isUnrecorded(one);

/** It is removed, or what it was before its start was begun. */
function settleLeft(one: ContainerView): readonly ErrorFacts[] {
  const former = one.state === "starting" ? one.record?.former : undefined;
  if (former === undefined) return removeContainer(one);
  const left = takeBack(one);
  if (left.length > 0) return left;
  const problem = restore(one, former);
  return problem === undefined ? [] : [noState(one.project, problem).facts];
}

/** A directory that was made, and nothing written into it yet. */
const isUnrecorded = (one: ContainerView): boolean =>
  one.state === "broken" && readFile(one.places.record) === undefined;

function whatWas({ state, record }: ContainerView): string {
  if (state === "stale") return "of an earlier boot";
  if (state !== "starting") return "it was not recorded";
  const before = record?.former === undefined
    ? ""
    : `: it is ${record.former.record.phase === "created" ? "created" : "stopped"}, as before`;
  return `its start was not finished${before}`;
}

function endUnrecorded(places: ProjectPlaces, found: Collected): void {
  for (const pid of killUnrecorded(viewProject(places), found)) {
    found.removed.push(`${places.key}: process ${pid}, which no record names`);
  }
}

/** Names of what is written beside its place: of records, marks and caches. */
const TORN =
  /(?:\.json|\.run|^exec-[0-9a-f]{16}|^stopped|^supervised|^renamed|^watch|^[0-9a-f]{16})\.(\d+)$/;

/** `NAME.PID` is what its writer did not come to rename. */
function removeTorn(directory: string, found: Collected): void {
  for (const { name, isDirectory } of listDirectory(directory)) {
    if (isDirectory) {
      if (directory.endsWith("/containers")) removeTorn(`${directory}/${name}`, found);
      continue;
    }
    const pid = TORN.exec(name)?.[1];
    if (pid === undefined || identify(Number(pid)) !== undefined) continue;
    if (!found.dryRun) callSync(unlinkat({ pathname: `${directory}/${name}`, flags: 0 }));
    found.removed.push(`${directory}/${name}: it was not written to its end`);
  }
}

/** Groups below ours that no project names and that nobody is in: of runs whose runner and stage were killed. */
async function collectGroups(found: Collected): Promise<void> {
  const { cgroups } = observeHost({ cgroups: true, roots: [] });
  const mounts = new Set([...Object.values(cgroups.v1), cgroups.v2?.mount ?? ""]);
  mounts.delete("");
  const tops = [...mounts].map((mount) => `${mount}/${GROUP_DIRECTORY}`);
  const unknown = tops.flatMap(unknownGroups);
  // One that was just made may be somebody's who is about to open it: waited for once, however many there are.
  const waitMs = Math.max(0, ...unknown.filter(isEmptyGroup).map(youngMs));
  if (waitMs > 0 && stagePids().length > 0) {
    await new Promise((resolve) => setTimeout(resolve, waitMs));
  }
  const opened = unknown.length === 0 ? [] : openedByStages();
  for (const path of unknown) {
    if (opened.some((one) => `${one}/`.startsWith(`${path}/`))) continue;
    // One that is young again was made again meanwhile: a run that is started over and over has the same name.
    if (youngMs(path) <= 0 || stagePids().length === 0) removeGroup(path, found);
  }
  // With others in it it stays: EBUSY or ENOTEMPTY.
  for (const top of found.dryRun ? [] : tops) {
    callSync(unlinkat({ pathname: top, flags: AT_REMOVEDIR }));
  }
}

/** Groups below `top` that no project names, inner ones first. */
function unknownGroups(top: string): readonly string[] {
  return listDirectory(top).filter(({ isDirectory }) => isDirectory).flatMap(({ name }) => {
    const groups = listDirectory(`${top}/${name}`).filter(({ isDirectory }) => isDirectory);
    // Read after the groups: who makes one has recorded it before.
    const known = recordedGroups(name);
    return [
      ...groups.filter((inner) => known?.has(inner.name) !== true)
        .map((inner) => `${top}/${name}/${inner.name}`),
      ...(known === undefined ? [`${top}/${name}`] : []),
    ];
  });
}

/** What the groups of a project's containers are called; `undefined`: there is no such project. */
function recordedGroups(key: string): ReadonlySet<string> | undefined {
  const places = listProjects().find((one) => one.key === key);
  if (places === undefined) return undefined;
  return new Set(
    viewProject(places).containers.flatMap(({ name, record }) => [
      name,
      record?.instance?.split("/").at(-1) ?? name,
    ]),
  );
}

/** rmdir(2) of a group that has processes or groups in it fails, and then it is in use. */
function removeGroup(path: string, found: Collected): void {
  if (!isEmptyGroup(path)) return;
  const gone = found.dryRun ||
    Number(callSync(unlinkat({ pathname: path, flags: AT_REMOVEDIR }))) === 0;
  if (gone) found.removed.push(`${path}: nobody is in it`);
}

/** So long a group that was made may be without anybody in it. */
const YOUNG_MS = 1000;

/** How long it will be so. */
const youngMs = (path: string): number =>
  (fileVersion(path)?.changedMs ?? 0) + YOUNG_MS - Date.now();

function isEmptyGroup(path: string): boolean {
  return procsOf(path) === "" &&
    !listDirectory(path).some(({ isDirectory }) => isDirectory);
}
