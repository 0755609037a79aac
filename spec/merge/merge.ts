/**
 * One tree over another, by compose's rules with our names. Maps are merged by key. Lists are appended, what is equal once; volumes, inputs and
 * outputs by their place in the container. What is one thing though it is a list (a command, the layers) is replaced, as is all else.
 * Source: github.com/compose-spec/compose-spec/blob/main/13-merge.md.
 */
import { type Entry, type ListTree, type MapTree, type Tree, valueOf } from "../text/tree.ts";

/** Lists that are replaced: keys from the container on; `*` is any key. */
const REPLACED = [
  "commands",
  "commands/*/exec",
  "commands/args",
  "healthcheck/exec",
  "rootfs/layers",
  "policy",
  "userns/uids",
  "userns/gids",
  "process/cpuAffinity",
];

/** Lists whose items are told apart by one of their keys. */
const KEYED: Readonly<Record<string, (item: Tree) => string | undefined>> = {
  volumes: volumePlace,
  inputs: (item) => textOf(item, "to"),
  outputs: (item) => textOf(item, "from"),
};

/** `over` over `base`; `path` are the keys from the container on. */
export function mergeTrees(base: Tree, over: Tree, path: readonly string[] = []): Tree {
  if (over.merging === "override") return withoutMerging(over);
  if (base.kind === "map" && over.kind === "map") return mergeMaps(base, over, path);
  if (base.kind === "list" && over.kind === "list") return mergeLists(base, over, path);
  return withoutMerging(over);
}

function mergeMaps(base: MapTree, over: MapTree, path: readonly string[]): MapTree {
  const entries = new Map<string, Entry>(base.entries);
  for (const [name, entry] of over.entries) {
    const before = entries.get(name);
    if (entry.value.merging === "reset") entries.delete(name);
    else if (before === undefined) {
      entries.set(name, { key: entry.key, value: withoutMerging(entry.value) });
    } else {
      entries.set(name, {
        key: entry.key,
        value: mergeTrees(before.value, entry.value, [...path, name]),
      });
    }
  }
  // The whole document begins where the first file does.
  return { ...(path.length === 0 ? base : over), entries } as MapTree;
}

function mergeLists(base: ListTree, over: ListTree, path: readonly string[]): ListTree {
  if (REPLACED.some((pattern) => matches(pattern, path))) return withoutMerging(over) as ListTree;
  const keyOf = KEYED[path.join("/")] ?? identity;
  const items = new Map<string, Tree>();
  [...base.items, ...over.items].forEach((item, index) => {
    // An item without its key is wrong: it stays, so that it is said.
    items.set(keyOf(item) ?? `${index} `, withoutMerging(item));
  });
  return { ...over, items: [...items.values()] };
}

const identity = (item: Tree): string => JSON.stringify(valueOf(item));

function matches(pattern: string, path: readonly string[]): boolean {
  const keys = pattern.split("/");
  return keys.length === path.length &&
    keys.every((key, index) => key === "*" || key === path[index]);
}

/** Where a volume is mounted: `./src:/dst:ro`, or `{at:}`. */
function volumePlace(item: Tree): string | undefined {
  if (item.kind !== "scalar" || typeof item.value !== "string") return textOf(item, "at");
  return item.value.split(":").slice(1).find((part) => part.startsWith("/"));
}

function textOf(item: Tree, key: string): string | undefined {
  if (item.kind !== "map") return undefined;
  const value = item.entries.get(key)?.value;
  return value?.kind === "scalar" && typeof value.value === "string" ? value.value : undefined;
}

/** The tags have done what they are for. */
function withoutMerging(tree: Tree): Tree {
  if (tree.merging === undefined && tree.kind === "scalar") return tree;
  const { merging: _merging, ...rest } = tree;
  if (rest.kind !== "map") return rest;
  const entries = new Map<string, Entry>();
  for (const [name, { key, value }] of rest.entries) {
    if (value.merging !== "reset") entries.set(name, { key, value: withoutMerging(value) });
  }
  return { ...rest, entries };
}

/** The first tag that nothing was merged under; `undefined` when there is none. */
export function unusedTag(tree: Tree, seen: Set<Tree> = new Set()): Tree | undefined {
  if (seen.has(tree)) return undefined;
  seen.add(tree);
  if (tree.merging !== undefined) return tree;
  const below = tree.kind === "list"
    ? tree.items
    : tree.kind === "map"
    ? [...tree.entries.values()].map(({ value }) => value)
    : [];
  for (const one of below) {
    const found = unusedTag(one, seen);
    if (found !== undefined) return found;
  }
  return undefined;
}
