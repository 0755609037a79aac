/**
 * What the launcher needs to know to run a command line again without the JavaScript runtime: of an `exec` collected while the command runs, so that
 * nobody waits for it. A launch file is written only where all is still as it was when the image was made; the launcher compares it with what there
 * is then.
 */
import { sameBytes } from "../../ffi/memory/bytes.ts";
import { glance, glanceBytes, glanceLinks } from "../../ffi/linux/glance.ts";
import { fileStamp, getuid, makePrivateDirectory } from "../../ffi/linux/file.ts";
import { listDirectory } from "../../ffi/linux/directory.ts";
import { fingerprint, identityParts } from "../observe/fingerprint.ts";
import type { Check } from "../plan/launcher/encode.ts";
import { EXEC_LAUNCHES } from "../plan/launcher/format.ts";
import { recallRun } from "../state/run_cache.ts";
import { ownStateDirectory } from "../state/project.ts";
import { isProjectKey, projectPlaces } from "../state/places.ts";
import { BUILD, LAUNCHER_BUILD } from "../version.ts";
import { forgetLaunch, rememberLaunch } from "./launch_file.ts";
import { findRecorded, keyOf, NAMESPACES, type Recorded } from "./quick_exec.ts";
import type { ReadSpec } from "./load.ts";
import type { Startable } from "./start.ts";

/** More projects than that are not looked at by a launcher. */
const PROJECTS_MAX = 64;

export interface LaunchedExec {
  readonly container: Recorded;
  /** What it was called. */
  readonly given: string;
  /** The command line without the program's name. */
  readonly words: readonly string[];
  readonly input: boolean;
  /** What `keyOf` gave when the image was made or found. */
  readonly key: string;
}

/** Remembers an `exec`. Where there is no launcher, or what it would look at has changed meanwhile, nothing is. */
export function rememberExecLaunch(
  { container, given, words, input, key }: LaunchedExec,
  { image, summary }: Pick<Startable, "image" | "summary">,
): void {
  if (LAUNCHER_BUILD === undefined || BUILD === undefined) return;
  // First, for it changes the directory that is looked at.
  if (makePrivateDirectory(EXEC_LAUNCHES) !== undefined) return;
  const checks = checksOf(container, words);
  if (checks === undefined || keyOf(container, BUILD) !== key) return;
  if (findRecorded(given)?.text !== container.text) return;
  rememberLaunch(EXEC_LAUNCHES, {
    words,
    checks,
    image,
    pid: container.process.pid,
    input,
    graceMs: summary.stop.graceMs,
    build: LAUNCHER_BUILD,
  });
}

export interface LaunchedRun {
  /** The spec, a file that was named. */
  readonly spec: ReadSpec;
  /** The command line without the program's name. */
  readonly words: readonly string[];
  /** What is said behind the milliseconds when it ends well; absent: nothing. */
  readonly line?: string;
}

/**
 * Remembers a `run`, as what is remembered of it for the runtime (runtime/state/run_cache.ts). Looks at the machine now, before the container changes it (it
 * may switch controllers on while it runs); the result writes the file, and is called when nobody waits.
 */
export function runLaunch(
  { spec, words, line }: LaunchedRun,
  { image, summary, open, copies }: Startable,
): (() => void) | undefined {
  if (LAUNCHER_BUILD === undefined || spec.cache === undefined || getuid() !== 0) return undefined;
  // These want somebody who answers, opens or copies.
  const isPlain = open === undefined && copies === undefined && summary.copies === undefined &&
    summary.asks === undefined && summary.terminal !== true;
  if (!isPlain) return undefined;
  const directory = runLaunches(spec.cache);
  const machine = machineChecks(spec);
  const known = recallRun(spec.cache, spec.key, (switches, watched = []) => {
    machine.push(...switches.map(fileCheck), ...watched.map(stamp));
    return fingerprint(switches, watched);
  });
  if (known === undefined || machine.includes(undefined)) return undefined;
  const launch = {
    words,
    checks: machine as readonly Check[],
    image,
    pid: 0,
    input: true,
    graceMs: summary.stop.graceMs,
    build: LAUNCHER_BUILD,
    ...(line === undefined ? {} : { line }),
  };
  return () => {
    if (!sameBytes(known.image, image) || makePrivateDirectory(directory) !== undefined) return;
    rememberLaunch(directory, launch);
  };
}

const runLaunches = (cache: string): string => `${cache}/launch`;

/** What failed may be what is remembered: it is written anew by the next exec. */
export function forgetExecLaunch(words: readonly string[]): void {
  forgetLaunch(EXEC_LAUNCHES, words);
}

/** It is written anew by the next run. */
export function forgetRunLaunch(cache: string, words: readonly string[]): void {
  forgetLaunch(runLaunches(cache), words);
}

/** What `fingerprint` looks at besides files that the plan names, from where the spec is named, and the spec. */
function machineChecks({ key: { file, bytes } }: ReadSpec): (Check | undefined)[] {
  const status = glance("/proc/self/status");
  const user = glanceLinks("/proc/self/ns", ["user"])?.trimEnd();
  return [
    { kind: "link", path: "/proc/self/cwd", expected: process.cwd() },
    { kind: "file", path: file, expected: bytes },
    ...(status === undefined ? [undefined] : rights("self", status)),
    user === undefined ? undefined : { kind: "link", path: "/proc/self/ns/user", expected: user },
    stamp("/"),
    ...["XDG_DATA_HOME", "HOME"].map(variable),
  ];
}

function variable(name: string): Check {
  const value = process.env[name];
  const path = `${name}=`;
  if (value === undefined) return { kind: "unset", path, expected: "" };
  return { kind: "variable", path, expected: `${value}\0` };
}

function fileCheck(path: string): Check | undefined {
  const expected = glanceBytes(path);
  return expected === undefined ? undefined : { kind: "file", path, expected };
}

/** `undefined`: something can't be read, and so not be compared. */
function checksOf(
  { name, process, places, record }: Recorded,
  words: readonly string[],
): readonly Check[] | undefined {
  const { pid, startTicks } = process;
  const checks: readonly (Check | undefined)[] = [
    // A name alone means the only container that has it, in whichever project.
    ...(words.includes(name) ? stampsOfAll() : []),
    stamp(places.record),
    { kind: "file", path: "/proc/sys/kernel/random/boot_id", expected: `${record.boot}\n` },
    { kind: "ticks", path: `/proc/${pid}/stat`, expected: `${startTicks} ` },
    ...standing("self"),
    ...standing(`${pid}`),
  ];
  return checks.includes(undefined) ? undefined : checks as readonly Check[];
}

/** The directory of all projects, and where each has its containers: another of the same name would change one of them. */
function stampsOfAll(): readonly (Check | undefined)[] {
  const state = ownStateDirectory();
  const keys = listDirectory(state).map((entry) => entry.name).filter(isProjectKey);
  if (keys.length > PROJECTS_MAX) return [undefined];
  return [state, ...keys.map((key) => projectPlaces(state, key).containers)].map(stamp);
}

function stamp(path: string): Check | undefined {
  const expected = fileStamp(path);
  return expected === undefined ? undefined : { kind: "status", path, expected };
}

/** Who a process is, what it may do, and which groups and namespaces it is in: as `keyOf` compares them. */
function standing(pid: string): readonly (Check | undefined)[] {
  const of = `/proc/${pid}`;
  const status = glance(`${of}/status`);
  const groups = glance(`${of}/cgroup`);
  const links = glanceLinks(`${of}/ns`, NAMESPACES)?.split("\n");
  if (status === undefined || groups === undefined || links === undefined) return [undefined];
  return [
    ...rights(pid, status),
    { kind: "file", path: `${of}/cgroup`, expected: groups },
    ...NAMESPACES.map((name, index): Check => ({
      kind: "link",
      path: `${of}/ns/${name}`,
      expected: links[index] ?? "",
    })),
  ];
}

function rights(pid: string, status: string): readonly Check[] {
  const [ids, capabilities] = identityParts(status);
  return [
    { kind: "part", path: `/proc/${pid}/status`, expected: ids },
    { kind: "more", path: "", expected: capabilities },
  ];
}
