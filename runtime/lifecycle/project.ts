/** A project that is being changed: locked, recorded, with a keeper that listens. */
import { Fd } from "../../ffi/linux/fd.ts";
import { O_CLOEXEC, O_NONBLOCK, O_RDONLY, O_WRONLY } from "../../ffi/abi/fcntl.ts";
import { openat } from "../../ffi/calls/open.ts";
import { pidfdOpen } from "../../ffi/calls/pidfd.ts";
import { keptLog } from "../state/frames.ts";
import {
  adoptByKeeper,
  connectKeeper,
  type Keeper,
  logOptions,
  startKeeper,
} from "../apply/keeper.ts";
import { ContainervError } from "../plan/error.ts";
import type { KeeperOptions } from "../plan/keeper/core.ts";
import { lockHolder } from "../observe/lock_holder.ts";
import { bootId, identify, isAlive } from "../state/identity.ts";
import { turnEvents } from "../state/events.ts";
import type { ProjectPlaces } from "../state/places.ts";
import {
  GONE,
  HELD,
  listContainers,
  lockProject,
  type LockProjectOptions,
  readProject,
  removeProject,
} from "../state/project.ts";
import {
  type ContainerRecord,
  isBroken,
  isDiskFull,
  type ProjectRecord,
  RECORD_VERSION,
  writeRecord,
} from "../state/record.ts";
import { type ContainerView, lostEnding, viewProject } from "./containers.ts";
import { COLLECT_COMMAND, ownProgram } from "./own_program.ts";

/** A project whose lock is held. */
export interface OpenProject {
  readonly places: ProjectPlaces;
  readonly name: string;
  readonly file: string;
  /** The keeper, started when it is first asked for; it adopts what an earlier one left. */
  readonly keeper: () => Promise<Keeper>;
  /** Gives the lock back; with nothing in it the project is removed. */
  readonly [Symbol.dispose]: () => void;
}

/**
 * Waits for the project's lock. Without a `file` it is the project's that is recorded then: what was read before may have been
 * written since. Throws ContainervError where there can be no state, and PROJECT_HELD where another has it for too long.
 */
export async function openProject(
  places: ProjectPlaces,
  asked: { readonly name: string; readonly file: string },
  options: LockProjectOptions = {},
): Promise<OpenProject> {
  const lock = await lockProject(places, options);
  if (lock === HELD) throw isHeld(places);
  if (lock === GONE) throw noState(places, "it is gone");
  if (typeof lock === "string") throw noState(places, lock);
  let { name, file } = asked;
  try {
    const known = readProject(places);
    if (known !== undefined && !isBroken(known)) {
      if (file === "") ({ name, file } = known);
      if (known.file !== file) throw noState(places, `it is that of ${known.file}`);
    }
  } catch (error) {
    lock[Symbol.dispose]();
    throw error;
  }
  turnEvents(places);
  let keeper: Promise<Keeper> | undefined;
  const own = { places, name, file };
  return {
    ...own,
    keeper: () => keeper ??= ensureKeeper(own),
    [Symbol.dispose]: () => {
      keeper?.then(({ socket }) => socket[Symbol.dispose](), () => {});
      try {
        if (listContainers(places).length === 0) removeProject(places);
      } finally {
        lock[Symbol.dispose]();
      }
    },
  };
}

function isHeld(places: ProjectPlaces): ContainervError {
  const pid = lockHolder(places.lock);
  const who = pid === undefined ? "another process" : `process ${pid}`;
  return new ContainervError({
    code: "PROJECT_HELD",
    message: `${who} changes ${places.key} at the moment`,
    fix: "run the command again when it is through",
    undone: "nothing was done",
  });
}

/** What is thrown when a project's files can't be written. */
export function noState(places: ProjectPlaces, why: string): ContainervError {
  return new ContainervError({
    code: "NO_STATE",
    message: `cannot record the project in ${places.directory}: ${why}`,
    fix: isDiskFull(why)
      ? "make room there; stop, rm, down and gc need none"
      : "make the directory above it writable for this user (XDG_RUNTIME_DIR names it)",
    undone: "nothing was done",
  });
}

type Named = Pick<OpenProject, "places" | "name" | "file">;

async function ensureKeeper({ places, name, file }: Named): Promise<Keeper> {
  const running = connectKeeper(places);
  if (running !== undefined) return running;
  const keeper = await startKeeper(places, { collector: collectorOf(places) });
  const identity = keeper.pid === undefined ? undefined : identify(keeper.pid);
  const over = mergedOver(places);
  try {
    saveProject(places, {
      version: RECORD_VERSION,
      boot: bootId(),
      name,
      file,
      ...(over === undefined ? {} : { over }),
      ...(identity === undefined ? {} : { keeper: identity }),
    });
  } catch (error) {
    // With nobody connected it ends.
    keeper.socket[Symbol.dispose]();
    throw error;
  }
  return keeper;
}

/** What the program that copies outputs needs of our environment: nothing that is a secret of the user's is left in the keeper. */
const NEEDED = /^(?:HOME|PATH|TMPDIR|XDG_[A-Z_]+|[A-Z]+_DIR)$/;

/** What the keeper starts when a container with outputs has ended. */
function collectorOf({ key }: ProjectPlaces): NonNullable<KeeperOptions["collector"]> {
  const [pathname = "", ...words] = ownProgram();
  const envp = Object.entries(process.env).filter(([name]) => NEEDED.test(name))
    .map(([name, value]) => `${name}=${value ?? ""}`);
  return { pathname, argv: [pathname, ...words, COLLECT_COMMAND, key], envp };
}

/** Writes the project's record, of a project that has no keeper yet. Throws ContainervError. */
export function recordProject({ places, name, file }: Named): void {
  if (readProject(places) !== undefined) return;
  saveProject(places, { version: RECORD_VERSION, boot: bootId(), name, file });
}

/** Absolute paths of the files that a project's spec was merged of, behind its own; `undefined`: that one alone. */
export function mergedOver(places: ProjectPlaces): readonly string[] | undefined {
  const known = readProject(places);
  return known === undefined || isBroken(known) ? undefined : known.over;
}

/** Notes which files the spec is merged of, for who reads it again. Throws ContainervError. */
export function noteOver({ places }: Named, over: readonly string[]): void {
  const known = readProject(places);
  if (known === undefined || isBroken(known)) return;
  const { over: before = [], ...record } = known;
  if (before.join("\0") === over.join("\0")) return;
  saveProject(places, { ...record, ...(over.length === 0 ? {} : { over }) });
}

function saveProject(places: ProjectPlaces, record: ProjectRecord): void {
  const problem = writeRecord(places.record, record);
  if (problem !== undefined) throw noState(places, problem);
}

/** Writes a container's record. Throws ContainervError. */
export function saveContainer(
  view: Pick<ContainerView, "places" | "project">,
  record: ContainerRecord,
): void {
  const problem = writeRecord(view.places.record, record);
  if (problem !== undefined) throw noState(view.project, problem);
}

/**
 * What a lost keeper left: those that still run are kept again, of the others it is noted that nobody saw how they ended. The
 * caller holds the lock. Gives how many were adopted.
 */
export async function adoptLeft(project: OpenProject): Promise<number> {
  const view = viewProject(project.places);
  if (view.kept) return 0;
  const started = view.containers.filter(({ record }) => record?.phase === "started");
  let adopted = 0;
  for (const one of started) {
    if (one.record === undefined || one.state === "stale") continue;
    if (one.state === "running") {
      const keeper = await project.keeper();
      adopt(keeper, one, one.record);
      if (one.record.outputs !== undefined) {
        await (await import("./hand_again.ts")).handAgain(keeper, one, one.record);
      }
      adopted++;
    } else if (one.ending?.lost === true && one.record.ended === undefined) {
      saveContainer(one, { ...one.record, ended: lostEnding(Date.now()) });
    }
  }
  return adopted;
}

/** A named pipe has an end for those alone who have seen a writer; of a terminal's container nobody writes to the second. fifo(7) */
function openRead(pathname: string): Fd {
  const flags = O_NONBLOCK | O_CLOEXEC;
  const reading = Fd.open(openat({ pathname, flags: O_RDONLY | flags }));
  using _writing = Fd.open(openat({ pathname, flags: O_WRONLY | flags }));
  return reading;
}

function adopt(keeper: Keeper, view: ContainerView, record: ContainerRecord): void {
  const { process } = record;
  if (process === undefined || !isAlive(process)) return;
  using pidfd = Fd.open(pidfdOpen({ pid: process.pid }));
  // The pid may have become another's between the two looks.
  if (!isAlive(process)) return;
  using output = openRead(view.places.output);
  using errors = openRead(view.places.errors);
  adoptByKeeper(
    keeper,
    { pidfd: pidfd.number, output: output.number, errors: errors.number },
    {
      ...logOptions(record),
      kept: keptLog(`${view.project.logs}/${record.log}`),
      pid: process.pid,
    },
  );
}
