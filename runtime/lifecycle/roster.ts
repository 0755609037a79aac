/**
 * The containers of a project that run, in one file: a thousand records are a thousand files to open, to read and to take apart, and a list
 * says little of each. Nothing depends on it. Each container has the stamp of the record that its row was made of, as git's index has one
 * of each file: a record that has changed since is read itself, and so are all where there is no roster.
 */
import { fileSize, readFile, replaceFile } from "../../ffi/linux/file.ts";
import { STAMP_NUMBERS, stampsOfEach } from "../../ffi/linux/many.ts";
import type { Groups } from "../observe/group_usage.ts";
import { ENDING_BYTES } from "../state/endings.ts";
import { bootId, type ProcessIdentity } from "../state/identity.ts";
import type { ProjectPlaces } from "../state/places.ts";
import { listContainers } from "../state/project.ts";
import { type ContainerView, groupPlaces, viewProject } from "./containers.ts";

/** A container that ran when the roster was written, and whose record is the same still. */
export interface Rostered {
  readonly name: string;
  readonly process: ProcessIdentity;
  readonly created: number;
  readonly started: number;
  readonly limits: readonly string[];
  readonly groups: Groups;
}

export interface Roster {
  /** How long the file of endings was: of none of those that have a row it held one. */
  readonly endingsFrom: number;
  /** Of every container that there is now, sorted by name; the name alone where its record is to be read. */
  readonly rows: readonly (Rostered | string)[];
}

/** Another form is as good as none. */
const FORM = 1;
/** For fewer it is not worth its file. */
const MANY = 50;
/**
 * What is written twice within a tick of the kernel's clock (10 ms where CONFIG_HZ is 100) may have the same stamp after either: what was
 * written that lately has no row.
 */
const SETTLED_MS = 20;

/** What many containers have in common. */
interface Shape {
  readonly limits: readonly string[];
  /** Directories in which their groups lie. */
  readonly above: readonly string[];
}

/** By columns, a number per container: memory that is touched for the first time is what reading it costs. */
interface Written {
  readonly form: typeof FORM;
  readonly boot: string;
  readonly endingsFrom: number;
  /** Stamp of the directory that has one of each container: another says that one was added, removed or renamed. */
  readonly directory: readonly number[];
  readonly names: readonly string[];
  /** `STAMP_NUMBERS` of each; zeros where it has no row. */
  readonly stamps: readonly number[];
  readonly pid: readonly number[];
  readonly startTicks: readonly number[];
  readonly created: readonly number[];
  readonly started: readonly number[];
  /** Index of its shape. */
  readonly shape: readonly number[];
  readonly shapes: readonly Shape[];
}

const rosterPath = ({ directory }: ProjectPlaces): string => `${directory}/roster.json`;

const recordStamps = ({ containers }: ProjectPlaces, names: readonly string[]): Float64Array =>
  stampsOfEach({ directory: containers, names, file: "record.json" });

const directoryStamp = ({ containers }: ProjectPlaces): Float64Array =>
  stampsOfEach({ directory: containers, names: ["."], file: "" });

/** `undefined`: there is none of this boot. Throws SyscallError where the project can't be read. */
export function readRoster(places: ProjectPlaces): Roster | undefined {
  const written = parse(readFile(rosterPath(places)));
  if (written?.form !== FORM || written.boot !== bootId()) return undefined;
  const rows = rowsOf(written, recordStamps(places, written.names));
  const isWhole = isSame(directoryStamp(places), written.directory, 0);
  return {
    endingsFrom: written.endingsFrom,
    rows: isWhole ? rows : rowsNow(listContainers(places), rows),
  };
}

function parse(text: string | undefined): Written | undefined {
  if (text === undefined) return undefined;
  try {
    return JSON.parse(text) as Written;
  } catch {
    return undefined; // somebody else's bytes: as good as none
  }
}

function rowsOf(
  { names, stamps, pid, startTicks, created, started, shape, shapes }: Written,
  now: Float64Array,
): readonly (Rostered | string)[] {
  const rows: (Rostered | string)[] = [];
  for (let index = 0; index < names.length; index++) {
    const name = names[index] as string;
    if (!isSame(now, stamps, index * STAMP_NUMBERS)) {
      rows.push(name);
      continue;
    }
    const { limits, above } = shapes[shape[index] as number] as Shape;
    rows.push({
      name,
      process: { pid: pid[index] as number, startTicks: startTicks[index] as number },
      created: created[index] as number,
      started: started[index] as number,
      limits,
      groups: { above, name },
    });
  }
  return rows;
}

/** One was added, removed or renamed: these are there. */
function rowsNow(
  names: readonly string[],
  rows: readonly (Rostered | string)[],
): readonly (Rostered | string)[] {
  const known = new Map<string, Rostered>();
  for (const row of rows) if (typeof row !== "string") known.set(row.name, row);
  return names.map((name) => known.get(name) ?? name);
}

/**
 * Writes the roster of a project with many containers. The caller holds the project. One that can't be written is as good as none: what
 * was there before does no harm.
 */
export function writeRoster(places: ProjectPlaces): void {
  const names = listContainers(places);
  if (names.length < MANY) return;
  // Before the records are read: what is written in between has the stamp of what was there before.
  const directory = directoryStamp(places);
  const stamps = recordStamps(places, names);
  const endings = fileSize(places.endings) ?? 0;
  const views = new Map(viewProject(places).containers.map((view) => [view.name, view]));
  const rows = names.map((name, index) => {
    const view = isSettled(stamps, index * STAMP_NUMBERS) ? views.get(name) : undefined;
    const row = view === undefined ? undefined : rowOf(view);
    if (row === undefined) stamps.fill(0, index * STAMP_NUMBERS, (index + 1) * STAMP_NUMBERS);
    return row;
  });
  const written: Written = {
    form: FORM,
    boot: bootId(),
    endingsFrom: endings - endings % ENDING_BYTES,
    directory: isSettled(directory, 0) ? Array.from(directory) : [],
    names,
    stamps: Array.from(stamps),
    ...columnsOf(rows),
  };
  replaceFile(rosterPath(places), JSON.stringify(written));
}

/** `undefined` of one of which more is to be said than that it runs. */
function rowOf({ name, state, paused, record }: ContainerView): Rostered | undefined {
  if (state !== "running" || paused === true) return undefined;
  if (record?.process === undefined || record.started === undefined) return undefined;
  const { process, created, started, limits } = record;
  const groups = groupPlaces(record);
  // Of one that was renamed the groups have the name that it was made with.
  if (groups.above.length > 0 && groups.name !== name) return undefined;
  return { name, process, created, started, limits, groups };
}

type Columns = Pick<Written, "pid" | "startTicks" | "created" | "started" | "shape" | "shapes">;

function columnsOf(rows: readonly (Rostered | undefined)[]): Columns {
  const shapes: Shape[] = [];
  const places = new Map<string, number>();
  const shapeOf = ({ limits, groups: { above } }: Rostered): number => {
    const text = JSON.stringify([limits, above]);
    const known = places.get(text);
    if (known !== undefined) return known;
    places.set(text, shapes.length);
    return shapes.push({ limits, above }) - 1;
  };
  const column = (of: (row: Rostered) => number): number[] =>
    rows.map((row) => row === undefined ? 0 : of(row));
  return {
    pid: column(({ process }) => process.pid),
    startTicks: column(({ process }) => process.startTicks),
    created: column(({ created }) => created),
    started: column(({ started }) => started),
    shape: column(shapeOf),
    shapes,
  };
}

function isSettled(stamps: Float64Array, at: number): boolean {
  const [seconds = 0, nanoseconds = 0] = stamps.subarray(at + 2);
  return seconds * 1000 + nanoseconds / 1e6 <= Date.now() - SETTLED_MS;
}

/** Of what is not there nothing is known: no file has the inode 0. */
function isSame(now: Float64Array, then: readonly number[], at: number): boolean {
  return now[at] !== 0 && now[at] === then[at] && now[at + 1] === then[at + 1] &&
    now[at + 2] === then[at + 2] && now[at + 3] === then[at + 3];
}
