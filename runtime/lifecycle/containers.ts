/** The detached containers that there are: records held against the kernel, and found by name. Changes nothing. */
import type { DesiredContainer } from "../../spec/model/desired.ts";
import { ContainervError } from "../plan/error.ts";
import { readFile } from "../../ffi/linux/file.ts";
import { isFrozen } from "../observe/frozen.ts";
import type { Groups } from "../observe/group_usage.ts";
import { type Endings, readEndings } from "../state/endings.ts";
import { bootId, isAlive } from "../state/identity.ts";
import { type ContainerPlaces, containerPlaces, type ProjectPlaces } from "../state/places.ts";
import { listContainers, listProjects, readContainer, readProject } from "../state/project.ts";
import {
  isMarkedStopped,
  readSupervised,
  type Supervised,
  wasSupervised,
} from "../state/supervised.ts";
import {
  type Broken,
  type ContainerRecord,
  type Ending,
  groupsOf,
  isBroken,
  type ProjectRecord,
} from "../state/record.ts";

/**
 * `created`: never started. `starting`: somebody is starting it, or was killed while doing so. `exited`: its ending is known.
 * `broken`: its record can't be read. `stale`: of an earlier boot, nothing of it is there any more.
 */
export type ContainerState = "created" | "starting" | "running" | "exited" | "broken" | "stale";

/** Of a record what lists say. */
export type BriefRecord = Pick<
  ContainerRecord,
  "created" | "started" | "limits" | "process" | "collected" | "unfinished"
>;

/** A container as lists show it. */
export interface BriefView {
  readonly name: string;
  /** `PROJECT-HASH/NAME`, unique on this machine. */
  readonly id: string;
  readonly state: ContainerState;
  /** Absent: it is broken. */
  readonly record?: BriefRecord;
  /** Pid of its first process, while it runs. */
  readonly pid?: number;
  readonly ending?: Ending;
  /** It runs, and its processes are stopped until `resume`. */
  readonly paused?: true;
  /** What its supervisor says of it. */
  readonly supervised?: Supervised;
  /** Why it is broken. */
  readonly problem?: string;
}

/** A container as it is now. */
export interface ContainerView extends BriefView {
  readonly record?: ContainerRecord;
  /** It has ended, and somebody asked for that: it is not started again. */
  readonly stopped: boolean;
  readonly places: ContainerPlaces;
  readonly project: ProjectPlaces;
}

/** A project as it is now. */
export interface ProjectView {
  readonly places: ProjectPlaces;
  /** Absent: there is none, or it is broken. */
  readonly record?: ProjectRecord;
  readonly problem?: string;
  /** True while its keeper runs. */
  readonly kept: boolean;
  readonly containers: readonly ContainerView[];
}

/** What is the same for all containers of a project. */
export interface Surroundings {
  readonly boot: string;
  readonly kept: boolean;
  readonly supervised: boolean;
  readonly endings: Endings;
}

/** Looks at one container of a project; `undefined` when it has none of that name. */
export function viewOne(places: ProjectPlaces, name: string): ContainerView | undefined {
  if (!listContainers(places).includes(name)) return undefined;
  return viewContainer(places, name, surroundingsOf(places));
}

/** Looks at those of a project's containers that have one of the names, in no order. */
export function viewSome(places: ProjectPlaces, names: ReadonlySet<string>): ContainerView[] {
  const around = surroundingsOf(places);
  return listContainers(places).filter((name) => names.has(name))
    .map((name) => viewContainer(places, name, around));
}

/** Looks at one project. Throws SyscallError where its directory can't be read. */
export function viewProject(places: ProjectPlaces): ProjectView {
  const { record, problem, ...around } = surroundingsOf(places);
  return {
    places,
    ...(record === undefined ? {} : { record }),
    ...(problem === undefined ? {} : { problem }),
    kept: around.kept,
    containers: listContainers(places).map((name) => viewContainer(places, name, around)),
  };
}

interface KnownProject extends Surroundings {
  readonly record: ProjectRecord | undefined;
  readonly problem: string | undefined;
}

/** `endingsFrom`: endings that were written before that byte of their file are left out. */
export function surroundingsOf(places: ProjectPlaces, endingsFrom = 0): KnownProject {
  const known = readProject(places);
  const record = known === undefined || isBroken(known) ? undefined : known;
  const boot = bootId();
  const kept = record !== undefined && isKept(record, boot);
  const problem = known === undefined ? undefined : isBroken(known) ? known.broken : undefined;
  const supervised = wasSupervised(places);
  return {
    record,
    problem,
    boot,
    kept,
    supervised,
    endings: readEndings(places.endings, endingsFrom),
  };
}

/** True while the project's keeper runs. */
export const isKept = ({ boot, keeper }: ProjectRecord, now = bootId()): boolean =>
  boot === now && keeper !== undefined && isAlive(keeper);

/** One of them. */
export function viewContainer(
  project: ProjectPlaces,
  name: string,
  around: Surroundings,
): ContainerView {
  const known: ContainerRecord | Broken = readContainer(project, name) ??
    { broken: "it has no record" };
  const places = containerPlaces(project, name);
  const supervised = around.supervised ? readSupervised(places) : undefined;
  const view = {
    name,
    id: `${project.key}/${name}`,
    places,
    project,
    stopped: false,
    ...(supervised === undefined ? {} : { supervised }),
  };
  if (isBroken(known)) return { ...view, state: "broken", problem: known.broken };
  if (known.boot !== around.boot) return { ...view, state: "stale", record: known };
  const now = stateOf(known, around);
  // Of one that runs nobody asks: a look less, which counts with a thousand of them.
  const stopped = now.state === "exited" && isMarkedStopped(places);
  return { ...view, record: known, stopped, ...now };
}

/** How it is, by its record of this boot. */
export function stateOf(
  record: Pick<ContainerRecord, "phase" | "process" | "ended" | "endingsFrom" | "paused">,
  { kept, endings }: Surroundings,
): Pick<ContainerView, "state" | "pid" | "ending" | "paused"> {
  const { phase, process, ended, endingsFrom = 0 } = record;
  if (phase !== "started") return { state: phase };
  const ending = ended ?? (process && endings.of(process.pid, endingsFrom));
  if (ending !== undefined) return { state: "exited", ending };
  // A keeper that runs would have written its ending: only without one each process has to be asked for.
  if (process !== undefined && (kept || isAlive(process))) {
    return { state: "running", pid: process.pid, ...pausedOf(record) };
  }
  return { state: "exited", ending: lostEnding() };
}

/** Where the groups of a container are: all have the same name, that of the instance. */
export function groupPlaces(record: Pick<ContainerRecord, "made">): Groups {
  const paths = groupsOf(record);
  const [first = ""] = paths;
  return {
    above: paths.map((path) => path.slice(0, path.lastIndexOf("/"))),
    name: first.slice(first.lastIndexOf("/") + 1),
  };
}

/** The kernel is asked: only of those that were paused. */
const pausedOf = ({ paused }: Pick<ContainerRecord, "paused">): Pick<ContainerView, "paused"> =>
  paused !== undefined && isFrozen([paused]) ? { paused: true } : {};

/** The ending of a container that nobody saw. */
export function lostEnding(at = 0): Ending {
  return { status: 255, lost: true, at, cpuMicroseconds: 0, maxRssKib: 0 };
}

/**
 * What was asked for when the container was made, under the name that its directory has: a rename may have been cut off behind that.
 * Throws ContainervError when it can't be read any more.
 */
export function desiredOf(
  { id, name, places }: Pick<ContainerView, "id" | "name" | "places">,
): DesiredContainer {
  try {
    return { ...JSON.parse(readFile(places.desired) ?? "") as DesiredContainer, name };
  } catch {
    throw new ContainervError({
      code: "STATE_BROKEN",
      message: `cannot read what ${id} is: ${places.desired} is broken`,
      fix: `remove it: containerv rm --force ${id}`,
    });
  }
}

export interface FindOptions {
  /** The project that is asked first; a name that it has is taken there, whatever others have. */
  readonly project?: ProjectPlaces;
}

/**
 * The container of a name (`web`) or an id (`shop-3f2a91c04d7e/web`). Throws ContainervError: NO_SUCH_CONTAINER, AMBIGUOUS_NAME
 * when several projects have one of the name and none was preferred.
 */
export function findContainer(nameOrId: string, options: FindOptions = {}): ContainerView {
  const all = listProjects();
  const [key, inner] = nameOrId.split("/");
  const wanted = inner === undefined ? all : all.filter((places) => places.key === key);
  const name = inner ?? nameOrId;
  const preferred = wanted.filter((places) => places.key === options.project?.key);
  for (const projects of [preferred, wanted]) {
    const found = projects.filter((places) => listContainers(places).includes(name));
    const [first, second] = found;
    if (first === undefined) continue;
    if (second !== undefined) throw ambiguous(name, found);
    const view = viewOne(first, name);
    if (view !== undefined) return view;
  }
  throw new ContainervError({
    code: "NO_SUCH_CONTAINER",
    message: `there is no container "${nameOrId}"`,
    fix: "containerv ps --all shows what there is",
  });
}

function ambiguous(name: string, projects: readonly ProjectPlaces[]): ContainervError {
  const ids = projects.map(({ key }) => `${key}/${name}`);
  return new ContainervError({
    code: "AMBIGUOUS_NAME",
    message: `${ids.length} projects have a container "${name}"`,
    fix: `say which: ${ids.join(", ")}`,
  });
}
