/** Paths of the host in a file that another one takes in: they start at the directory of the file that says them. */
import type { Entry, MapTree, Tree } from "../text/tree.ts";

/** Keys from the container on → a path of the host; `*` is any key or item. */
const PATHS = [
  "rootfs/path",
  "rootfs/layers/*/dir",
  "rootfs/layers/*/tar",
  "rootfs/layers/*/squashfs",
  "rootfs/layers/*/erofs",
  "rootfs/layers/*/image",
  "volumes/*",
  "volumes/*/bind",
  "secrets/*/file",
  "inputs/*/from",
  "outputs/*/to",
  "environmentFiles/*",
  "vm/kernel",
  "vm/firmware",
  "vm/disk",
].map((path) => path.split("/"));

/** Those that are a path only when they look like one. */
const DOTTED = new Set(["volumes/*", "rootfs/layers/*/image"]);
/** `oci:DIR`, as containers-transports(5) has it. */
const FORM = /^(oci|oci-archive|docker-archive):(?!\/)/;

/** A container with its relative paths put below `prefix`, the way from the spec's directory to its file's. */
export function rebase(container: MapTree, prefix: string): MapTree {
  if (prefix === "") return container;
  const way = prefix.startsWith("../") ? prefix : `./${prefix}`;
  return rewrite(container, { prefix: way, paths: PATHS, path: [] }) as MapTree;
}

interface Walk {
  readonly prefix: string;
  /** What is left of each path that leads here. */
  readonly paths: readonly (readonly string[])[];
  readonly path: readonly string[];
}

function rewrite(tree: Tree, { prefix, paths, path }: Walk): Tree {
  if (tree.kind === "scalar") {
    if (typeof tree.value !== "string" || !paths.some((left) => left.length === 0)) return tree;
    const value = moved(tree.value, prefix, DOTTED.has(path.join("/")));
    return value === tree.value ? tree : { ...tree, value };
  }
  const step = (key: string, value: Tree): Tree => {
    const below = paths.filter((left) => left[0] === key || left[0] === "*");
    if (below.length === 0) return value;
    const name = below.some((left) => left[0] === "*") ? "*" : key;
    return rewrite(value, {
      prefix,
      paths: below.map((left) => left.slice(1)),
      path: [...path, name],
    });
  };
  if (tree.kind === "list") return { ...tree, items: tree.items.map((item) => step("*", item)) };
  const entries = new Map<string, Entry>();
  for (const [name, { key, value }] of tree.entries) {
    entries.set(name, { key, value: step(name, value) });
  }
  return { ...tree, entries };
}

function moved(text: string, prefix: string, dotted: boolean): string {
  if (FORM.test(text)) return text.replace(":", `:${prefix}`);
  // A variable may be an absolute path.
  if (text.startsWith("/") || text.startsWith("~") || text.startsWith("${{")) return text;
  if (dotted && !text.startsWith(".")) return text;
  return `${prefix}${text.replace(/^(\.\/)+/, "")}`;
}
