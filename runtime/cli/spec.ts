/** What the commands that take a spec share: finding it, loading it, and saying what is wrong with it. */
import type { LoadResult } from "../../spec/model/load_result.ts";
import type { Desired, DesiredContainer } from "../../spec/model/desired.ts";
import { entryKind } from "../../ffi/linux/file.ts";
import { loadFile } from "../lifecycle/load.ts";
import type { ErrorFacts } from "../plan/error.ts";
import type { Arguments } from "./arguments.ts";
import { UsageError } from "./arguments.ts";
import { isTerminal, stderr, stdout } from "./output.ts";

const DEFAULT_FILE = "containerv.yaml";

export interface Loaded {
  readonly result: LoadResult;
  readonly desired: Desired;
}

/** Loads what the arguments name. `undefined`: it is wrong, and that has been said on standard error. */
export async function loadArguments(given: Arguments): Promise<Loaded | undefined> {
  const result = await load(given);
  if (result.diagnostics.length > 0) await showProblems(result);
  return result.desired === undefined ? undefined : { result, desired: result.desired };
}

async function load({ operands, command, options }: Arguments): Promise<LoadResult> {
  if (operands.length > 1) {
    throw new UsageError(
      `one spec at a time, not ${operands.length}; a command stands behind \`--\``,
    );
  }
  if (command !== undefined && command.length === 0) {
    throw new UsageError("there is no command behind `--`");
  }
  const [file = findFile(command !== undefined)] = operands;
  if (file === undefined) {
    const { loadObject } = await import("../../spec/load.ts");
    return loadObject({ commands: [command] }, { name: "run", directory: process.cwd() });
  }
  return await loadFile(file, {
    cache: options["--no-cache"] !== true,
    ...(command === undefined ? {} : { command }),
  });
}

/** ./containerv.yaml here or in a parent; none is needed when a command was given. */
function findFile(hasCommand: boolean): string | undefined {
  if (hasCommand) return undefined;
  const steps = process.cwd().split("/");
  for (let length = steps.length; length > 0; length--) {
    const path = `${steps.slice(0, length).join("/")}/${DEFAULT_FILE}`;
    if (entryKind(path) === "file") return path;
  }
  throw new UsageError(`name a spec: there is no ${DEFAULT_FILE} here or in a parent`);
}

/** Errors and warnings: as text on standard error, and as annotations under GitHub Actions. */
export async function showProblems(result: LoadResult): Promise<void> {
  const { githubAnnotations, showDiagnostics } = await import("../show/diagnostics.ts");
  stderr(showDiagnostics(result.diagnostics, { color: isTerminal(2) }));
  if (process.env["GITHUB_ACTIONS"] === "true") stdout(githubAnnotations(result.diagnostics));
}

/** An error of containerv's own, with the place that its pointer has in the spec. */
export async function showFailure(facts: ErrorFacts, result: LoadResult): Promise<void> {
  const { showError } = await import("../show/error.ts");
  const place = facts.place ?? placeOf(facts.pointer, result);
  stderr(showError(place === undefined ? facts : { ...facts, place }));
  if (process.env["GITHUB_ACTIONS"] !== "true" || place === undefined) return;
  const { githubAnnotations } = await import("../show/diagnostics.ts");
  stdout(githubAnnotations([{
    code: facts.code,
    severity: "error",
    message: facts.message,
    pointer: facts.pointer ?? "",
    place,
  }]));
}

/** The nearest place at or above the pointer. */
function placeOf(pointer: string | undefined, result: LoadResult): ErrorFacts["place"] {
  let at = pointer ?? "";
  while (at !== "") {
    const place = result.places[at];
    if (place !== undefined) return place;
    at = at.slice(0, at.lastIndexOf("/"));
  }
  return undefined;
}

/** The one container of the file; several come with the reconciler, and the loader refuses them. */
export function onlyContainer(desired: Desired): DesiredContainer {
  const [container] = desired.containers;
  if (container === undefined) throw new UsageError("the spec has no container");
  return container;
}
