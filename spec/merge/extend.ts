/** `extends:` of a container: what it takes over from another, of this file or of one beside it. */
import type { Problem } from "../text/problem.ts";
import { suggest } from "../text/suggest.ts";
import type { Entry, MapTree, Tree } from "../text/tree.ts";
import { type Files, mapAt, openBeside, type SpecFile } from "./files.ts";
import { mergeTrees } from "./merge.ts";
import { rebase } from "./rebase.ts";

/** Keys of a file that are no container's, where the file is one. */
const OF_PROJECT = ["name", "variables", "include"];

/** How far one may stand upon another. */
const DEPTH_MAX = 16;

export interface Extending {
  readonly files: Files;
  readonly refine: (problem: Problem, text: string) => Problem;
}

/** A container by its file and name; the name is absent where the file is one container. */
export interface Source {
  readonly file: SpecFile;
  readonly name?: string | undefined;
}

/** The keys of a container with those that it takes over; `undefined` when there is no such container. */
export function resolveContainer(
  { file, name }: Source,
  extending: Extending,
  chain: readonly string[] = [],
): MapTree | undefined {
  const written = writtenContainer(file, name);
  if (written === undefined) return undefined;
  const own = rebase(written, file.prefix);
  const extended = own.entries.get("extends");
  const target = extended === undefined ? undefined : targetOf(extended.value);
  // Of another form than it can have: the schema says so.
  if (extended === undefined || target === undefined) return own;
  const step = `${file.name}${name === undefined ? "" : ` ${name}`}`;
  const { problems } = extending.files;
  const at = { pointer: "", start: extended.value.start, end: extended.value.end };
  const rest = without(own, "extends");
  if (chain.includes(step)) {
    const message = "this container extends itself";
    problems.push({
      code: "EXTENDS_CIRCLE",
      message,
      note: [...chain, step].join(" → "),
      ...at,
    });
    return rest;
  }
  if (chain.length >= DEPTH_MAX) {
    problems.push({
      code: "EXTENDS_TOO_DEEP",
      message: `more than ${DEPTH_MAX} containers extend each other`,
      ...at,
    });
    return rest;
  }
  const base = baseOf({ file, at: extended.value, target }, extending, [...chain, step]);
  return base === undefined ? rest : mergeTrees(base, rest) as MapTree;
}

interface Target {
  readonly file?: string;
  readonly container?: string;
}

/** `web`, `./base.yaml`, `{file: ./base.yaml, container: web}`. */
function targetOf(value: Tree): Target | undefined {
  if (value.kind === "scalar") {
    if (typeof value.value !== "string" || value.value === "") return undefined;
    return isPath(value.value) ? { file: value.value } : { container: value.value };
  }
  if (value.kind !== "map") return undefined;
  const found: { file?: string; container?: string } = {};
  for (const [key, { value: item }] of value.entries) {
    if (key !== "file" && key !== "container") return undefined;
    if (item.kind !== "scalar" || typeof item.value !== "string") return undefined;
    found[key] = item.value;
  }
  return found.file === undefined && found.container === undefined ? undefined : found;
}

/** A container's name has no `/`, and no such ending. */
const isPath = (text: string): boolean => text.includes("/") || /\.(ya?ml|json)$/i.test(text);

interface Wanted {
  readonly file: SpecFile;
  readonly at: Tree;
  readonly target: Target;
}

function baseOf(
  { file, at, target }: Wanted,
  extending: Extending,
  chain: readonly string[],
): MapTree | undefined {
  const { files, refine } = extending;
  const from = target.file === undefined
    ? file
    : openBeside(files, file, { path: target.file, at, refine });
  if (from === undefined || from.tree === undefined) return undefined;
  const names = [...mapAt(from.tree, "containers")?.entries.keys() ?? []];
  const { container: name } = target;
  const isThere = name === undefined ? names.length === 0 : names.includes(name);
  if (isThere) return resolveContainer({ file: from, name }, extending, chain);
  const near = name === undefined ? undefined : suggest(name, names);
  files.problems.push({
    code: "EXTENDS_UNKNOWN",
    message: name === undefined
      ? `${from.name} has several containers: say which`
      : `there is no container \`${name}\` in ${from.name}`,
    pointer: "",
    start: at.start,
    end: at.end,
    ...(near !== undefined ? { note: `did you mean \`${near}\`?` } : namesNote(names)),
  });
  return undefined;
}

function namesNote(names: readonly string[]): { readonly note?: string } {
  return names.length === 0 || names.length > 8 ? {} : { note: `it has ${names.join(", ")}` };
}

/** A container as its file has it. */
function writtenContainer({ tree }: SpecFile, name: string | undefined): MapTree | undefined {
  if (name !== undefined) return mapAt(mapAt(tree, "containers"), name);
  return tree?.kind === "map" ? without(tree, ...OF_PROJECT) : undefined;
}

/** A map without some of its keys. */
export function without(tree: MapTree, ...keys: readonly string[]): MapTree {
  if (!keys.some((key) => tree.entries.has(key))) return tree;
  const entries = new Map<string, Entry>(tree.entries);
  for (const key of keys) entries.delete(key);
  return { ...tree, entries };
}
