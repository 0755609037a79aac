/** What the commands that take a spec share: finding it, loading it, and saying what is wrong with it. */
import type { LoadResult } from "../../spec/model/load_result.ts";
import type { Desired } from "../../spec/model/desired.ts";
import { entryKind } from "../../ffi/linux/file.ts";
import { absolutePath, loadRead, type ReadSpec, readSpec } from "../lifecycle/load.ts";
import { nearestPlace } from "../lifecycle/places.ts";
import type { ErrorFacts } from "../plan/error.ts";
import type { Arguments } from "./arguments.ts";
import { readVariables, UsageError } from "./arguments.ts";
import { isTerminal, stderr, stdout } from "./output.ts";

const DEFAULT_FILE = "containerv.yaml";

/** What the arguments name: a spec that was read, or no file, only a command. */
export interface Source {
  readonly spec?: ReadSpec;
  readonly load: () => Promise<LoadResult>;
}

/** Reads the file that the arguments name. Throws UsageError, and ContainervError when it can't be read. */
export function openSource(given: Arguments): Source {
  const { command, options } = given;
  const operands = filesOf(given);
  if (given.operands.length > 1) {
    throw new UsageError(
      `one spec at a time, not ${operands.length} (files that are merged: -f A -f B); a command stands behind \`--\``,
    );
  }
  if (command !== undefined && command.length === 0) {
    throw new UsageError("there is no command behind `--`");
  }
  const [file = command === undefined ? specHere() : undefined, ...over] = operands;
  const changes = changesOf(given);
  const asGiven = async (result: Promise<LoadResult>): Promise<LoadResult> =>
    await withChanges(await result, changes);
  if (file === undefined) return { load: () => asGiven(loadCommand(command ?? [])) };
  const variables = readVariables(given);
  const loading = {
    // What is remembered is what the file says.
    cache: options["--no-cache"] !== true && Object.keys(changes).length === 0,
    ...(variables === undefined ? {} : { variables }),
    ...(command === undefined ? {} : { command }),
    ...(over.length === 0 ? {} : { over }),
  };
  const spec = readSpec(file, loading);
  return { spec, load: () => asGiven(loadRead(spec, loading)) };
}

/** The operand, then those of `--file`: each is merged over the ones before. */
export function filesOf({ operands, lists }: Arguments): readonly string[] {
  return [...operands, ...lists?.["--file"] ?? []];
}

/** What the command line gives in place of the spec's keys. */
interface Changes {
  readonly stdin?: true;
  readonly tty?: true;
  /** With the caller's SOURCE_DATE_EPOCH, or the default. */
  readonly reproducible?: { readonly epoch: number | undefined };
}

function changesOf({ options }: Arguments): Changes {
  return {
    ...(options["--stdin"] === true ? { stdin: true } : {}),
    ...(options["--tty"] === true ? { tty: true } : {}),
    ...(options["--reproducible"] === true ? { reproducible: { epoch: readEpoch() } } : {}),
  };
}

/** SOURCE_DATE_EPOCH of the caller, as its specification wants: decimal digits alone. */
export function readEpoch(): number | undefined {
  const text = process.env["SOURCE_DATE_EPOCH"];
  if (text === undefined) return undefined;
  if (/^[0-9]{1,11}$/.test(text)) return Number(text);
  throw new UsageError(`SOURCE_DATE_EPOCH is seconds since 1970, not "${text}"`);
}

async function withChanges(result: LoadResult, changes: Changes): Promise<LoadResult> {
  const { desired } = result;
  const { stdin = false, tty = false, reproducible } = changes;
  if (desired === undefined || Object.keys(changes).length === 0) return result;
  const given = desired.containers.map((one) => ({
    ...one,
    // What follows from `tty: true`, where the spec does not say it otherwise.
    ...(tty ? { tty, init: one.init || !("init" in one.origins) } : {}),
    stdin: stdin || one.stdin || tty && !("stdin" in one.origins),
  }));
  if (reproducible === undefined) return { ...result, desired: { ...desired, containers: given } };
  const { makeReproducible } = await import("../subjects/reproducible.ts");
  const containers = given.map((container) => makeReproducible(container, reproducible.epoch));
  return { ...result, desired: { ...desired, containers } };
}

/** No file: the defaults with this command. */
async function loadCommand(command: readonly string[]): Promise<LoadResult> {
  const { loadObject } = await import("../../spec/load.ts");
  return loadObject({ commands: [command] }, { name: "run", directory: process.cwd() });
}

export interface Loaded {
  readonly result: LoadResult;
  readonly desired: Desired;
}

/** Loads a source. `undefined`: it is wrong, and that has been said on standard error. */
export async function loadSource(source: Source): Promise<Loaded | undefined> {
  const result = await source.load();
  if (result.diagnostics.length > 0) await showProblems(result);
  return result.desired === undefined ? undefined : { result, desired: result.desired };
}

/** ./containerv.yaml here or in a parent. */
export function specHere(): string {
  const path = nearestSpec();
  // As people would write it: messages begin with it.
  if (path === `${process.cwd()}/${DEFAULT_FILE}`) return DEFAULT_FILE;
  if (path !== undefined) return path;
  throw new UsageError(`name a spec: there is no ${DEFAULT_FILE} here or in a parent`);
}

/** ./containerv.yaml here or in a parent; `undefined` when there is none. */
export function nearestSpec(): string | undefined {
  const steps = process.cwd().split("/");
  for (let length = steps.length; length > 0; length--) {
    const path = `${steps.slice(0, length).join("/")}/${DEFAULT_FILE}`;
    if (entryKind(path) === "file") return path;
  }
  return undefined;
}

/** Absolute path of a source's spec: with its name it is the project. */
export function absoluteSpec({ spec }: Source): string {
  if (spec === undefined) throw new UsageError("a project needs a spec in a file");
  const { file, directory } = spec.key;
  return file === "<stdin>" ? `${directory}/-` : absolutePath(file, process.cwd());
}

/** Absolute paths of the files that are merged over a spec. */
export function overFiles(given: Arguments): readonly string[] {
  return filesOf(given).slice(1).map((file) => absolutePath(file, process.cwd()));
}

/** Errors and warnings: as text on standard error, and as annotations under GitHub Actions. */
export async function showProblems(result: LoadResult): Promise<void> {
  const { githubAnnotations, showDiagnostics } = await import("../show/diagnostics.ts");
  stderr(showDiagnostics(result.diagnostics, { color: isTerminal(2) }));
  if (process.env["GITHUB_ACTIONS"] === "true") stdout(githubAnnotations(result.diagnostics));
}

/** An error of containerv's own, with the place that its pointer has in the spec. */
export async function showFailure(
  facts: ErrorFacts,
  places: LoadResult["places"],
  hidden?: LoadResult["hidden"],
): Promise<void> {
  const { showError } = await import("../show/error.ts");
  const { hide } = await import("../../spec/text/hide.ts");
  const place = facts.place ?? nearestPlace(facts.pointer ?? "", places);
  stderr(hide(showError(place === undefined ? facts : { ...facts, place }), hidden));
  if (process.env["GITHUB_ACTIONS"] !== "true" || place === undefined) return;
  const { githubAnnotations } = await import("../show/diagnostics.ts");
  stdout(githubAnnotations([{
    code: facts.code,
    severity: "error",
    message: hide(facts.message, hidden),
    pointer: facts.pointer ?? "",
    place,
  }]));
}
