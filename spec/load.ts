import { validate as validator } from "./generated/validate.js";
import type { LoadResult } from "./model/load_result.ts";
import { modelHints } from "./model/hints.ts";
import { takesNumber, takesType } from "./model/lookup.ts";
import { nameOfFile, nearestName } from "./model/name.ts";
import { findNotYet } from "./model/not_yet.ts";
import { nameProblem, normaliseProject } from "./model/project.ts";
import { schema } from "./model/schema.ts";
import type { ReadBelow } from "./merge/files.ts";
import { type GivenFile, resolveFiles } from "./merge/resolve.ts";
import type { Spec } from "./model/spec_type.ts";
import { type Filled, fillVariables, type VariableSources } from "./model/variables.ts";
import { hide } from "./text/hide.ts";
import type { Lines } from "./text/lines.ts";
import { findTree, listPlaces } from "./text/locate.ts";
import { treeOf } from "./text/object.ts";
import { type Problem, toDiagnostics } from "./text/problem.ts";
import { join, keysOf, type Tree, valueOf } from "./text/tree.ts";
import { hasErrorWithin, validate, valueAt } from "./text/validate.ts";

export interface LoadSpecOptions {
  readonly text: Uint8Array | string;
  /** As it is shown in messages. Its stem is the name of a spec that says none. */
  readonly file: string;
  /** Absolute: where relative paths of the spec start. */
  readonly directory: string;
  /** True: there is no such directory, and a relative path is an error. */
  readonly baseless?: boolean;
  /** argv that replaces the last command (`FILE -- CMD`). */
  readonly command?: readonly string[];
  /** Where the values of its variables come from. */
  readonly variables?: VariableSources;
  /** Reads what `extends:` and `include:` name, by its path below the spec's directory. Absent: nothing is there. */
  readonly read?: ReadBelow;
  /** Files that are merged over it, in this order. */
  readonly over?: readonly GivenFile[];
}

export interface LoadObjectOptions {
  /** The name of a spec that says none. */
  readonly name: string;
  readonly directory: string;
  readonly baseless?: boolean;
  readonly command?: readonly string[];
  readonly variables?: VariableSources;
}

/**
 * The text of a spec → what is wanted, or everything that is wrong with it. Pure: reads no file, never throws for what
 * the text holds. `desired` is there exactly when no diagnostic is an error.
 */
export function loadSpec(options: LoadSpecOptions): LoadResult {
  const { file, read, over = [] } = options;
  const slash = file.lastIndexOf("/") + 1;
  const root = { prefix: "", shown: file.slice(0, slash), read };
  const first = { text: options.text, root, path: file.slice(slash) };
  const { lines, tree, problems, several } = resolveFiles([first, ...over], preferNumber);
  if (tree === undefined) return { diagnostics: toDiagnostics(problems, { lines }), places: {} };
  const result = check({ tree, lines, problems }, { ...options, name: nameOfFile(file) });
  // What it was made of can change without it.
  return several ? { ...result, volatile: true } : result;
}

/** A spec as a JavaScript value, by the same rules; its diagnostics carry pointers and no places. */
export function loadObject(value: Spec | unknown, options: LoadObjectOptions): LoadResult {
  const { tree, problems } = treeOf(value);
  const name = nameProblem(options.name);
  const all = [...problems, ...(name === undefined ? [] : [name]), ...ofFilesAlone(value)];
  return check({ tree, problems: all }, options);
}

/** `extends` and `include` name files: in an object they would do nothing. */
function ofFilesAlone(value: unknown): readonly Problem[] {
  const problem = (key: string, pointer: string): Problem => ({
    code: "OF_FILES_ALONE",
    message: `\`${key}\` is for specs in files`,
    pointer,
    part: "key",
    note: "an object takes another in by {...other, …}",
  });
  if (typeof value !== "object" || value === null) return [];
  const { containers = {}, ...top } = value as { readonly containers?: unknown };
  const inner = typeof containers === "object" && containers !== null ? containers : {};
  return [
    ...["extends", "include"].filter((key) => Object.hasOwn(top, key))
      .map((key) => problem(key, `/${key}`)),
    ...Object.entries(inner).filter(([, one]) =>
      typeof one === "object" && one !== null && Object.hasOwn(one, "extends")
    ).map(([name]) => problem("extends", join("/containers", name, "extends"))),
  ];
}

interface Document {
  readonly tree: Tree;
  readonly lines?: Lines;
  readonly problems: readonly Problem[];
}

function check(document: Document, options: LoadObjectOptions): LoadResult {
  const { tree, lines } = document;
  const problems = [...document.problems];
  const filled = fillVariables(valueOf(tree), {
    sources: options.variables ?? {},
    takes: takesType,
    report: (problem) => void problems.push(problem),
  });
  const { value } = filled;
  const source = (pointer: string): string | undefined => {
    const found = filled.volatile ? undefined : findTree(tree, pointer);
    return found?.kind === "scalar" ? found.source : undefined;
  };
  const faults = validate(value, { validator, schema, ...modelHints, source });
  problems.push(...faults.filter((fault) => !isExplained(fault, document.problems)));
  problems.push(...findNotYet(value, schema));
  const diagnose = () => toDiagnostics(withoutSecrets(problems, filled), { tree, lines });
  if (tree.kind !== "map") return { diagnostics: diagnose(), places: {} };
  const blocking = [...problems];
  const unknown = blocking.filter(({ code }) => code === "UNKNOWN_KEY");
  const desired = normaliseProject(value as Parameters<typeof normaliseProject>[0], {
    name: nearestName(options.name),
    directory: options.directory,
    baseless: options.baseless,
    command: options.command,
    report: (problem) => void problems.push(problem),
    hasUnknownKey: (pointer) =>
      unknown.some((one) => one.pointer.slice(0, one.pointer.lastIndexOf("/")) === pointer),
    isSound: (pointer) =>
      valueAt(value, pointer) === undefined || !hasErrorWithin(blocking, pointer),
  });
  const diagnostics = diagnose();
  if (diagnostics.some(({ severity }) => severity === "error")) return { diagnostics, places: {} };
  const places = lines === undefined ? {} : listPlaces(tree, lines);
  const { hidden } = filled;
  return {
    desired,
    diagnostics,
    places,
    ...(filled.volatile ? { volatile: true } : {}),
    ...(hidden.length === 0 ? {} : { hidden }),
  };
}

/** No value of a secret variable is in a message: one about its own text says only where, others lose the value. */
function withoutSecrets(problems: readonly Problem[], filled: Filled): readonly Problem[] {
  const { hidden, secretPointers } = filled;
  if (hidden.length === 0) return problems;
  return problems.map((problem) => {
    const { message, note, fix, ...rest } = problem;
    if (secretPointers.has(problem.pointer) && !OF_VARIABLES.has(problem.code)) {
      return { ...rest, message: "the value of a secret variable does not fit here" };
    }
    return {
      ...rest,
      message: hide(message, hidden),
      ...(note === undefined ? {} : { note: hide(note, hidden) }),
      ...(fix === undefined ? {} : { fix: hide(fix, hidden) }),
    };
  });
}

/** Problems that speak of names and never of values. */
const OF_VARIABLES = new Set(["UNDECLARED_VARIABLE", "BAD_REFERENCE", "SECRET_IN_COMMAND"]);

/** What was refused while reading (a lossy number became text) is not said again as the wrong type. */
function isExplained(fault: Problem, read: readonly Problem[]): boolean {
  return read.some((problem) => problem.pointer === fault.pointer && problem.pointer !== "");
}

/** `0x10` where the spec takes a number: the fix is the number, not the text that the reader of YAML proposes. */
function preferNumber(problem: Problem, text: string): Problem {
  const isForm = problem.code === "NUMBER_FORM" || problem.code === "MODE_LIKE_NUMBER";
  const keys = keysOf(problem.pointer);
  if (!isForm && problem.code !== "LOSSY_NUMBER") return problem;
  if (!takesNumber(keys)) return problem;
  const number = Number(text.slice(problem.start, problem.end));
  const { note: _note, fix: _fix, ...rest } = problem;
  if (!isForm || !Number.isFinite(number)) return rest;
  return { ...rest, fix: `${keys[keys.length - 1]}: ${number === 0 ? 0 : number}` };
}
