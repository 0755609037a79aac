/** Several files → one tree: `extends:` and `include:` of each, then the later files over the first. Pure: files are read by who calls. */
import { joinLines, type Lines } from "../text/lines.ts";
import type { Problem } from "../text/problem.ts";
import type { Entry, MapTree, Tree } from "../text/tree.ts";
import { type Extending, resolveContainer, without } from "./extend.ts";
import { addFile, mapAt, noFiles, openBeside, type Root, type SpecFile } from "./files.ts";
import { mergeTrees, unusedTag } from "./merge.ts";

/** A file that was asked for. */
export interface GivenFile {
  readonly text: Uint8Array | string;
  readonly root: Root;
  /** Below its root. */
  readonly path: string;
}

export interface Resolved {
  readonly lines: Lines;
  readonly tree?: Tree;
  readonly problems: readonly Problem[];
  /** It is more than the text of the first file. */
  readonly several: boolean;
}

/** How deep files may include each other. */
const DEPTH_MAX = 8;

/** Never throws for what the files hold. The first is the spec, each later one is merged over what is there. */
export function resolveFiles(
  given: readonly GivenFile[],
  refine: (problem: Problem, text: string) => Problem,
): Resolved {
  const files = noFiles();
  const extending: Extending = { files, refine };
  let tree: Tree | undefined;
  for (const { text, root, path } of given) {
    const file = addFile(files, { root, path, text, refine });
    if (file.tree === undefined) return finish(undefined, extending);
    const own = resolveFile(file, extending, []);
    tree = tree === undefined ? own : mergeProjects(tree, own);
  }
  return finish(tree, extending);
}

function finish(tree: Tree | undefined, { files }: Extending): Resolved {
  const { lines, problems } = files;
  const [first] = lines;
  if (first === undefined) throw new RangeError("a spec is at least one file");
  const several = lines.length > 1;
  const all = several ? joinLines(lines) : first;
  if (tree === undefined) return { lines: all, problems, several };
  const tagged = lines.some(({ text }) => /!(reset|override)/.test(text))
    ? unusedTag(tree)
    : undefined;
  if (tagged === undefined) return { lines: all, tree, problems, several };
  const unused: Problem = {
    code: "UNKNOWN_TAG",
    message: `there is nothing here that !${tagged.merging} could be about`,
    pointer: "",
    start: tagged.start,
    end: tagged.end,
    note: "it stands in a later file, or in a container that `extends` another",
  };
  return { lines: all, tree, problems: [...problems, unused], several };
}

/** A file's tree without `extends` and `include`: what they name is in it. */
function resolveFile(file: SpecFile, extending: Extending, chain: readonly string[]): Tree {
  const { tree } = file;
  if (tree?.kind !== "map") return tree ?? { kind: "map", entries: new Map(), start: 0, end: 0 };
  const before = extending.files.known.size;
  let result = withExtended(tree, file, extending);
  result = withIncluded(result, { file, chain }, extending);
  if (extending.files.known.size === before) return result;
  return withVariables(result, file, extending);
}

function withExtended(tree: MapTree, file: SpecFile, extending: Extending): MapTree {
  const containers = tree.entries.get("containers");
  if (containers === undefined) {
    if (!tree.entries.has("extends") && file.prefix === "") return tree;
    const own = resolveContainer({ file }, extending);
    if (own === undefined) return tree;
    const entries = new Map<string, Entry>(own.entries);
    for (const key of ["name", "variables", "include"]) {
      const entry = tree.entries.get(key);
      if (entry !== undefined) entries.set(key, entry);
    }
    return { ...tree, entries };
  }
  if (containers.value.kind !== "map") return tree;
  const inner = new Map<string, Entry>();
  for (const [name, entry] of containers.value.entries) {
    const resolved = resolveContainer({ file, name }, extending);
    inner.set(name, resolved === undefined ? entry : { key: entry.key, value: resolved });
  }
  return withEntry(tree, "containers", {
    key: containers.key,
    value: { ...containers.value, entries: inner },
  });
}

function withEntry(tree: MapTree, key: string, entry: Entry): MapTree {
  return { ...tree, entries: new Map([...tree.entries, [key, entry]]) };
}

interface Including {
  readonly file: SpecFile;
  /** Names of the files that led here. */
  readonly chain: readonly string[];
}

function withIncluded(
  tree: MapTree,
  { file, chain }: Including,
  extending: Extending,
): MapTree {
  const include = tree.entries.get("include");
  // Of another form than it can have: the schema says so.
  if (include?.value.kind !== "list") return tree;
  const { files, refine } = extending;
  let result = without(tree, "include");
  for (const item of include.value.items) {
    if (item.kind !== "scalar" || typeof item.value !== "string") return tree;
    const other = openBeside(files, file, { path: item.value, at: item, refine });
    if (other?.tree === undefined) continue;
    const names = [...chain, file.name];
    const at = { pointer: "", start: item.start, end: item.end };
    if (names.includes(other.name) || names.length > DEPTH_MAX) {
      const note = [...names, other.name].join(" → ");
      files.problems.push({
        code: "INCLUDE_CIRCLE",
        message: "this file includes itself, or too many do",
        note,
        ...at,
      });
      continue;
    }
    const theirs = resolveFile(other, extending, names);
    if (theirs.kind === "map") {
      result = add(result, containersOf(theirs, other), {
        key: include.key,
        report: (name) =>
          void files.problems.push({
            code: "INCLUDE_CONFLICT",
            message: `${name} is in ${other.name} and in what includes it`,
            note: "`extends:` changes a container of another file",
            ...at,
          }),
      });
    }
  }
  return result;
}

/** What of a file is added to the one that includes it; a file that is one container is that container. */
function containersOf(tree: MapTree, file: SpecFile): MapTree {
  if (tree.entries.has("containers")) return tree;
  const own = without(tree, "name", "variables");
  if (own.entries.size === 0) return tree;
  const said = tree.entries.get("name")?.value;
  const stem = file.path.slice(file.path.lastIndexOf("/") + 1).replace(/\.(ya?ml|json)$/i, "");
  const name = said?.kind === "scalar" ? String(said.value) : stem;
  const span = { start: tree.start, end: tree.end };
  const containers: MapTree = {
    ...span,
    kind: "map",
    entries: new Map([[name, { key: span, value: own }]]),
  };
  return {
    ...span,
    kind: "map",
    entries: new Map([["containers", { key: span, value: containers }]]),
  };
}

/** Containers and volumes of another file, added to those that are there. */
function add(
  tree: MapTree,
  theirs: MapTree,
  { key, report }: { readonly key: Entry["key"]; readonly report: (name: string) => void },
): MapTree {
  let result = tree;
  for (const group of ["containers", "volumes"]) {
    const more = mapAt(theirs, group);
    if (more === undefined) continue;
    const there = result.entries.get(group);
    const entries = new Map<string, Entry>(mapAt(result, group)?.entries ?? []);
    for (const [name, entry] of more.entries) {
      if (entries.has(name)) report(name);
      else entries.set(name, entry);
    }
    const value: MapTree = { kind: "map", entries, start: more.start, end: more.end };
    result = withEntry(result, group, { key: there?.key ?? key, value });
  }
  return result;
}

/** Variables that files beside this one declare are declared here too; what the file itself says counts. */
function withVariables(tree: MapTree, file: SpecFile, { files }: Extending): MapTree {
  let result = tree;
  for (const other of files.known.values()) {
    if (other === file || other.root !== file.root) continue;
    const entry = other.tree?.kind === "map" ? other.tree.entries.get("variables") : undefined;
    if (entry === undefined) continue;
    const own = result.entries.get("variables");
    const value = own === undefined ? entry.value : mergeTrees(entry.value, own.value);
    result = withEntry(result, "variables", { key: own?.key ?? entry.key, value });
  }
  return result;
}

/** A later file over what is there: containers by their names. */
function mergeProjects(base: Tree, over: Tree): Tree {
  if (base.kind !== "map" || over.kind !== "map") return mergeTrees(base, over);
  const [mine, theirs] = [mapAt(base, "containers"), mapAt(over, "containers")];
  const merged = mergeTrees(without(base, "containers"), without(over, "containers")) as MapTree;
  const entry = over.entries.get("containers") ?? base.entries.get("containers");
  if (entry === undefined) return merged;
  if (mine === undefined || theirs === undefined || theirs.merging === "override") {
    return withEntry(merged, "containers", entry);
  }
  const entries = new Map<string, Entry>(mine.entries);
  for (const [name, { key, value }] of theirs.entries) {
    const before = entries.get(name);
    if (value.merging === "reset") entries.delete(name);
    else {entries.set(name, {
        key,
        value: before === undefined ? value : mergeTrees(before.value, value),
      });}
  }
  return withEntry(merged, "containers", { key: entry.key, value: { ...theirs, entries } });
}
