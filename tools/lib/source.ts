/** Source files of the repository as syntax trees, for the checkers of our own rules. */
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join, relative } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";
import ts from "typescript";

/** Folders of the product: what is shipped. */
export const PRODUCT = ["mod.ts", "spec", "runtime", "ffi"];

const SKIPPED = new Set(["node_modules", "dist", "coverage", "cases", "results", ".git"]);

export interface Source {
  /** Relative to the root, with `/`. */
  readonly path: string;
  readonly text: string;
  readonly tree: ts.SourceFile;
}

function walk(path: string): string[] {
  return readdirSync(path, { withFileTypes: true }).flatMap((entry) => {
    const child = join(path, entry.name);
    if (SKIPPED.has(entry.name)) return [];
    return entry.isDirectory() ? walk(child) : [child];
  });
}

/** Files below the given folders (or the files themselves), relative to the root, sorted; what is absent is left out. */
export function listFiles(
  root: string,
  options: { readonly folders: readonly string[]; readonly pattern: RegExp },
): string[] {
  return options.folders
    .map((folder) => join(root, folder))
    .filter(existsSync)
    .flatMap((path) => options.pattern.test(path) ? [path] : isFile(path) ? [] : walk(path))
    .map((path) => relative(root, path))
    .filter((path) => options.pattern.test(path))
    .sort();
}

function isFile(path: string): boolean {
  return /\.[a-z]+$/.test(path);
}

/** Parses one file. */
export function parseSource(root: string, path: string): Source {
  const text = readFileSync(join(root, path), "utf8");
  const tree = ts.createSourceFile(path, text, ts.ScriptTarget.Latest, true);
  return { path, text, tree };
}

/** `path:line`, 1-based. */
export function placeOf(source: Source, node: ts.Node): string {
  const { line } = source.tree.getLineAndCharacterOfPosition(node.getStart(source.tree));
  return `${source.path}:${line + 1}`;
}

/** Calls `visit` for every node of the tree, parents first. */
export function visitAll(node: ts.Node, visit: (node: ts.Node) => void): void {
  visit(node);
  node.forEachChild((child) => visitAll(child, visit));
}

/** The root given as first argument, else the repository. */
export function rootArgument(): string {
  return process.argv[2] ?? fileURLToPath(new URL("../..", import.meta.url));
}

/** Prints the problems and sets the exit code. */
export function finish(name: string, problems: readonly string[]): void {
  for (const problem of problems) console.error(problem);
  console.log(`${name}: ${problems.length} problems`);
  if (problems.length > 0) process.exitCode = 1;
}
