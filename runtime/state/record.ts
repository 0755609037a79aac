/**
 * What is written about a project and each of its containers: the intent before the first act, and what became of it. Every
 * file is written new and renamed, so that a reader sees the old or the new one; each container has its own, so that one that
 * is broken hides no other.
 */
import type { ErrorFacts } from "../plan/error.ts";
import type { Copied, Output } from "../plan/ops/files.ts";
import type { Op } from "../plan/ops/registry.ts";
import type { ProcessIdentity } from "./identity.ts";
import { readFile, replaceFile } from "../../ffi/linux/file.ts";
import { overwriteFile } from "../../ffi/linux/overwrite_file.ts";
import { glance } from "../../ffi/linux/glance.ts";

/** The form of the records. One that is newer than the reader is `broken` to it. */
export const RECORD_VERSION = 1;

/** A project: which spec it is, and who keeps its containers. */
export interface ProjectRecord {
  readonly version: typeof RECORD_VERSION;
  readonly boot: string;
  readonly name: string;
  /** Absolute path of the spec. */
  readonly file: string;
  /** Absolute paths of the files that were merged over it. */
  readonly over?: readonly string[];
  readonly keeper?: ProcessIdentity;
}

/** How a container ended. */
export interface Ending {
  /** Exit status; 128 + n when signal n ended it. */
  readonly status: number;
  readonly signal?: number;
  /** Milliseconds since 1970. */
  readonly at: number;
  /** True: its keeper was lost, and with it the status. */
  readonly lost: boolean;
  readonly cpuMicroseconds: number;
  readonly maxRssKib: number;
}

/** A group whose processes are stopped by the kernel's freezer. */
export interface Frozen {
  /** Its directory. */
  readonly path: string;
  readonly version: 1 | 2;
  /** It was made for that: where its processes were before, and go back to. Absent: it is the container's own. */
  readonly from?: string;
}

/** What became of a container's outputs. */
export interface Collected {
  readonly copied: readonly Copied[];
  /** What was to be copied and could not be. */
  readonly missed: readonly ErrorFacts[];
}

/** What a container was before a start of it was begun: a start that fails, or is cut off, leaves it as it was. */
export interface Former {
  readonly record: ContainerRecord;
  /** What was asked for, as it was written. */
  readonly desired: string;
}

/** A container of a project. */
export interface ContainerRecord {
  readonly version: typeof RECORD_VERSION;
  readonly boot: string;
  readonly name: string;
  /** What its groups are called below ours; absent: `PROJECT-HASH/NAME`. */
  readonly instance?: string;
  /** `created`: nothing was started yet. `starting`: what `made` names may be there. `started`: it ran, or runs. */
  readonly phase: "created" | "starting" | "started";
  /** Milliseconds since 1970. */
  readonly created: number;
  readonly started?: number;
  /** Of what was asked for, of the values of its secrets, and of the plan that was carried out. */
  readonly digest: { readonly spec: string; readonly secrets?: string; readonly plan?: string };
  /** Operations of the plan that can be taken back: their undo, last first, is the container's removal. */
  readonly made: readonly Op[];
  /** Only of one that is `starting`: absent, it was not there before. */
  readonly former?: Former;
  /** A start that followed was cut off and taken back: it is to be started still. */
  readonly unfinished?: true;
  /** The container's first process. */
  readonly process?: ProcessIdentity;
  /** How long the file of endings was when it was started: its ending is behind. */
  readonly endingsFrom?: number;
  /** It was paused, and not resumed. */
  readonly paused?: Frozen;
  /** Ended before it was handed to the keeper. */
  readonly ended?: Ending;
  /** What is copied out of it when it has ended; its keeper holds its root until then. */
  readonly outputs?: readonly Output[];
  /** It has ended, and that was done. */
  readonly collected?: Collected;
  /** Name of its log, a word of eight characters. */
  readonly log: string;
  /** How long its log gets, how many old ones are kept, and how long output waits for room on a full disk (absent: not at all). */
  readonly logs: { readonly maxBytes: number; readonly maxFiles: number; readonly waitMs?: number };
  readonly stop: { readonly signal: number; readonly graceMs: number };
  /** Limits in effect, as `memory 64MiB`. */
  readonly limits: readonly string[];
}

/** Directories of the groups of a container. */
export function groupsOf({ made }: Pick<ContainerRecord, "made">): readonly string[] {
  return made.flatMap((op) => op.kind === "cgroup.make" ? [op.path] : []);
}

/** What is wrong with a record that can't be used. */
export interface Broken {
  readonly broken: string;
}

export const isBroken = <R extends object>(record: R | Broken): record is Broken =>
  "broken" in record;

/** `undefined` when there is no record. A record of another form, or none at all, is `Broken`. */
export function readRecord<R extends { readonly version: number; readonly boot: string }>(
  path: string,
  isWhole: (value: Partial<R>) => boolean,
): R | Broken | undefined {
  let text: string | undefined;
  try {
    // Mostly it is there, and short: a thousand of them are read by `ps`.
    text = glance(path) ?? readFile(path, { bytes: RECORD_BYTES_MAX, regular: true });
  } catch (error) {
    return { broken: error instanceof Error ? error.message : String(error) };
  }
  if (text === undefined) return undefined;
  try {
    const value = JSON.parse(text) as Partial<R> | null;
    if (typeof value !== "object" || value === null) return { broken: "it holds no record" };
    if (value.version !== RECORD_VERSION) return { broken: `its form is ${value.version}` };
    return isWhole(value) ? value as R : { broken: "fields are missing" };
  } catch {
    return { broken: "it is no JSON" };
  }
}

const RECORD_BYTES_MAX = 1 << 24;

/**
 * Writes a record. Gives the reason when it could not. On a disk that a container's output has just filled it is written over the one
 * before, by one call: that has its block already.
 */
export function writeRecord(path: string, record: object): string | undefined {
  const text = JSON.stringify(record);
  const problem = replaceFile(path, text);
  if (problem === undefined || !isDiskFull(problem)) return problem;
  return overwriteFile(path, text) === undefined ? undefined : problem;
}

/** True of the reason why something could not be written where the disk had no room for it. */
export const isDiskFull = (reason: string): boolean => /\b(ENOSPC|EDQUOT)\b/.test(reason);

const isIdentity = (value: unknown): boolean => {
  const { pid, startTicks } = (value ?? {}) as Partial<ProcessIdentity>;
  return Number.isInteger(pid) && (pid ?? 0) > 0 && Number.isInteger(startTicks);
};

/** True when every field that is read elsewhere is there and of its type. */
export function isProjectRecord(value: Partial<ProjectRecord>): boolean {
  const { boot, name, file, keeper } = value;
  return typeof boot === "string" && typeof name === "string" && typeof file === "string" &&
    (keeper === undefined || isIdentity(keeper));
}

const PHASES: readonly unknown[] = ["created", "starting", "started"];

/** What was before is never itself a start that is not finished. */
const isFormer = ({ record, desired }: Partial<Former>): boolean =>
  typeof desired === "string" && record !== undefined && record.phase !== "starting" &&
  isContainerRecord(record);

/** As `isProjectRecord`. */
export function isContainerRecord(value: Partial<ContainerRecord>): boolean {
  const { boot, name, phase, created, digest, made, process, log, stop } = value;
  return typeof boot === "string" && typeof name === "string" && PHASES.includes(phase) &&
    typeof created === "number" && typeof digest?.spec === "string" && Array.isArray(made) &&
    made.every((op) => typeof (op as Op | null)?.kind === "string") &&
    (process === undefined || isIdentity(process)) &&
    /^[0-9a-z]{8}$/.test(log ?? "") && Number.isInteger(stop?.signal) &&
    typeof stop?.graceMs === "number" && Array.isArray(value.limits) &&
    (value.outputs === undefined || Array.isArray(value.outputs)) &&
    (value.former === undefined || isFormer(value.former)) &&
    typeof value.logs?.maxBytes === "number" && typeof value.logs.maxFiles === "number";
}
