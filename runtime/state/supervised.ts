/** What a supervisor writes about a container, and how it is told that an end was asked for. Lost with the container's directory. */
import { unlinkat } from "../../ffi/calls/path.ts";
import { entryKind, readFile, replaceFile } from "../../ffi/linux/file.ts";
import { glance } from "../../ffi/linux/glance.ts";
import { callSync } from "../../ffi/linux/run.ts";
import { isLocked } from "../../ffi/linux/lock_file.ts";
import { isAlive, type ProcessIdentity } from "./identity.ts";
import type { ContainerPlaces, ProjectPlaces } from "./places.ts";

export interface Supervised {
  /** How often it was started again. */
  readonly restarts: number;
  readonly health?: "starting" | "healthy" | "unhealthy";
  /** The process that `health` is about. */
  readonly process?: ProcessIdentity;
  /** When it is started again, in milliseconds since 1970. */
  readonly restartAt?: number;
  /** It has ended, and is not started again. */
  readonly final?: true;
}

const fileOf = ({ directory }: ContainerPlaces): string => `${directory}/supervised.json`;
const stoppedOf = ({ directory }: ContainerPlaces): string => `${directory}/stopped`;

/** A file that can't be written costs `ps` a word, no container anything. */
export function writeSupervised(places: ContainerPlaces, supervised: Supervised): void {
  replaceFile(fileOf(places), JSON.stringify(supervised));
}

/** `undefined` when nobody supervises it, or the file is torn. */
export function readSupervised(places: ContainerPlaces): Supervised | undefined {
  return parse<Supervised>(glance(fileOf(places)));
}

/** What was said of it is of one that is made anew. */
export function forgetSupervised(places: ContainerPlaces): void {
  callSync(unlinkat({ pathname: fileOf(places), flags: 0 }));
}

/** Somebody asks for its end: it is not started again. Gives the reason when that can't be noted. */
export function markStopped(places: ContainerPlaces): string | undefined {
  return replaceFile(stoppedOf(places), "");
}

export function isMarkedStopped(places: ContainerPlaces): boolean {
  return glance(stoppedOf(places)) !== undefined;
}

/** It is started: what was asked before is over. */
export function clearStopped(places: ContainerPlaces): void {
  callSync(unlinkat({ pathname: stoppedOf(places), flags: 0 }));
}

const supervisorOf = ({ directory }: ProjectPlaces): string => `${directory}/supervisor.json`;
/** There from the first supervisor on, and as long as the project. */
const markOf = ({ directory }: ProjectPlaces): string => `${directory}/supervised`;

/** Who supervises a project, or should. */
export interface Supervisor {
  /** Absent: an `up` has ended the one before, and the next is not there yet. */
  readonly process?: ProcessIdentity;
  /** It says `up` again when the spec changes. */
  readonly watches?: true;
}

/** Gives the reason when it can't be written. */
export function writeSupervisor(
  places: ProjectPlaces,
  { process, ...who }: Supervisor,
): string | undefined {
  const text = JSON.stringify({ ...process, ...who });
  return replaceFile(markOf(places), "") ?? replaceFile(supervisorOf(places), text);
}

/** False: none ever wrote a word about the project's containers, so that nobody has to look for one in each of a thousand. */
export function wasSupervised(places: ProjectPlaces): boolean {
  return entryKind(markOf(places)) !== undefined;
}

/** Who supervises the project, or did, or should; `undefined`: nobody is missed. */
export function readSupervisor(places: ProjectPlaces): Supervisor | undefined {
  const known = parse<Partial<ProcessIdentity> & Supervisor>(readFile(supervisorOf(places)));
  if (known === undefined) return undefined;
  const { pid, startTicks, watches } = known;
  return {
    ...(pid === undefined || startTicks === undefined ? {} : { process: { pid, startTicks } }),
    ...(watches === true ? { watches } : {}),
  };
}

/** A supervisor that is gone, though nobody said that it should be; `undefined`: it is there, or nobody is missed. */
export function missingSupervisor(places: ProjectPlaces): Supervisor | undefined {
  const who = readSupervisor(places);
  const isThere = who?.process !== undefined && isAlive(who.process);
  // Who holds the project does its work, or brings another.
  return who === undefined || isThere || isLocked(places.lock) ? undefined : who;
}

/** It is not missed: nothing is left to supervise, or another takes its place. */
export function forgetSupervisor(places: ProjectPlaces): void {
  callSync(unlinkat({ pathname: supervisorOf(places), flags: 0 }));
}

function parse<Value>(text: string | undefined): Value | undefined {
  if (text === undefined) return undefined;
  try {
    return JSON.parse(text) as Value;
  } catch {
    return undefined; // torn: as good as none
  }
}

/** File of what the last `up` wrote that was said because a watched spec had changed. */
export const watchWords = ({ directory }: ProjectPlaces): string => `${directory}/watch`;

/** Why the last change of a watched spec could not be made, in a line; `undefined`: it could. */
export function lastProblem(places: ProjectPlaces): string | undefined {
  return readFile(watchWords(places))?.split("\n").find((line) => /\berror\b/.test(line));
}
