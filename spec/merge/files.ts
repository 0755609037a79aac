/** The files that one spec is made of: each is read once, and its tree's offsets are those of all files together. */
import type { Lines } from "../text/lines.ts";
import { parse } from "../text/parse.ts";
import type { Problem } from "../text/problem.ts";
import type { MapTree, Tree } from "../text/tree.ts";
import { directoryOf, pathProblem, resolveBelow } from "./paths.ts";
import { shiftProblem, shiftTree } from "./shift.ts";

/** Reads a file by its path below a root; a text says why it can't be read. */
export type ReadBelow = (path: string) => Uint8Array | string;

/** Where a file that was asked for lies, and what may be read beside it. */
export interface Root {
  /** Way from the directory of the first file to this one's: `` or `../b/`. */
  readonly prefix: string;
  /** What is put before a path below the root, to show it: `` or `examples/`. */
  readonly shown: string;
  /** Absent: nothing can be read there. */
  readonly read?: ReadBelow | undefined;
}

/** One file. */
export interface SpecFile {
  readonly root: Root;
  /** Below its root. */
  readonly path: string;
  /** As it is shown. */
  readonly name: string;
  /** Way from the first file's directory to its own, with a `/` at its end; `` for the same. */
  readonly prefix: string;
  /** Absent: it has no structure, which has been said. */
  readonly tree?: Tree;
}

export interface Files {
  readonly lines: Lines[];
  readonly problems: Problem[];
  readonly known: Map<string, SpecFile>;
  /** UTF-16 units of all so far. */
  length: number;
}

/** More are not read. */
export const FILES_MAX = 32;

export const noFiles = (): Files => ({ lines: [], problems: [], known: new Map(), length: 0 });

export interface AddOptions {
  readonly root: Root;
  readonly path: string;
  readonly text: Uint8Array | string;
  /** What the reader of YAML said of it → what the spec says of it. */
  readonly refine: (problem: Problem, text: string) => Problem;
}

/** Parses a text as one more file. */
export function addFile(files: Files, { root, path, text, refine }: AddOptions): SpecFile {
  const name = `${root.shown}${path}`;
  const { lines, tree, problems } = parse(text, name);
  const by = files.length;
  files.problems.push(...problems.map((one) => shiftProblem(refine(one, lines.text), by)));
  files.lines.push(lines);
  files.length += lines.text.length + 1;
  const directory = directoryOf(path);
  const file = {
    root,
    path,
    name,
    prefix: root.prefix + (directory === "." ? "" : `${directory}/`),
    ...(tree === undefined ? {} : { tree: shiftTree(tree, by) }),
  };
  files.known.set(`${root.prefix}:${path}`, file);
  return file;
}

/** The file that `from` names at `at`; `undefined` when it can't be had, which has been reported. */
export function openBeside(
  files: Files,
  from: SpecFile,
  { path, at, refine }: {
    readonly path: string;
    readonly at: Tree;
    readonly refine: AddOptions["refine"];
  },
): SpecFile | undefined {
  const fail = (message: string, note?: string): undefined => {
    files.problems.push({
      code: "FILE_UNREADABLE",
      message,
      pointer: "",
      start: at.start,
      end: at.end,
      ...(note === undefined ? {} : { note }),
    });
  };
  const why = pathProblem(path);
  if (why !== undefined) return fail(`cannot read ${path}`, why);
  const below = resolveBelow(directoryOf(from.path), path);
  if (below === undefined) {
    return fail(`cannot read ${path}`, "it leads out of the directory of the spec");
  }
  const known = files.known.get(`${from.root.prefix}:${below}`);
  if (known !== undefined) return known;
  if (files.known.size >= FILES_MAX) return fail(`a spec is at most ${FILES_MAX} files`);
  const text = from.root.read?.(below) ?? "there are no files beside this one";
  if (typeof text === "string") return fail(`cannot read ${path}`, text);
  return addFile(files, { root: from.root, path: below, text, refine });
}

/** The map at a key of a map; `undefined` when there is none. */
export function mapAt(tree: Tree | undefined, key: string): MapTree | undefined {
  const value = tree?.kind === "map" ? tree.entries.get(key)?.value : undefined;
  return value?.kind === "map" ? value : undefined;
}
