import type { Place } from "./diagnostic.ts";
import { type Lines, placeAt } from "./lines.ts";
import { join, keysOf, type Tree } from "./tree.ts";

export interface Offsets {
  readonly start: number;
  readonly end: number;
}

/**
 * JSON pointer → UTF-16 offsets of its key or of its value. What is not in the text (a missing key, a part of an
 * object spec) is found at the nearest thing around it that is.
 */
export function findSpan(tree: Tree | undefined, pointer: string, part: "key" | "value"): Offsets {
  if (tree === undefined) return { start: 0, end: 0 };
  let key: Offsets | undefined;
  let node: Tree = tree;
  for (const step of keysOf(pointer)) {
    const next = stepInto(node, step);
    if (next === undefined) return key ?? { start: node.start, end: node.start };
    node = next.node;
    key = next.key ?? node;
  }
  if (key === undefined) return { start: node.start, end: node.start };
  // A value that is not written (`limits:` and nothing behind it) is shown by its key.
  return part === "key" || node.start === node.end ? key : { start: node.start, end: node.end };
}

interface Step {
  readonly node: Tree;
  readonly key?: Offsets;
}

function stepInto(node: Tree, step: string): Step | undefined {
  if (node.kind === "map") {
    const entry = node.entries.get(step);
    return entry && { node: entry.value, key: entry.key };
  }
  if (node.kind === "list" && /^(?:0|[1-9][0-9]*)$/.test(step)) {
    const item = node.items[Number(step)];
    return item && { node: item };
  }
  return undefined;
}

/** The tree at a pointer; `undefined` where there is none. */
export function findTree(tree: Tree, pointer: string): Tree | undefined {
  let node: Tree | undefined = tree;
  for (const step of keysOf(pointer)) node = node && stepInto(node, step)?.node;
  return node;
}

/**
 * Each pointer of the document → its place: of the key in a map, of the item in a list. What lies below an `x-…`
 * key is left out: nothing can come from there.
 */
export function listPlaces(tree: Tree, lines: Lines): Record<string, Place> {
  const places: Record<string, Place> = { "": placeAt(lines, tree.start) };
  const visit = (node: Tree, pointer: string): void => {
    if (node.kind === "list") {
      node.items.forEach((item, index) => {
        const at = join(pointer, index);
        places[at] = placeAt(lines, item.start, item.end);
        visit(item, at);
      });
    }
    if (node.kind !== "map") return;
    for (const [key, entry] of node.entries) {
      if (key.startsWith("x-")) continue;
      const at = join(pointer, key);
      places[at] = placeAt(lines, entry.key.start, entry.key.end);
      visit(entry.value, at);
    }
  };
  visit(tree, "");
  return places;
}

/** The pointer of the innermost key or value that stands at an offset: the reverse of `findSpan`. */
export function pointerAt(tree: Tree, offset: number): string {
  let pointer = "";
  let node: Tree | undefined = tree;
  while (node !== undefined) {
    const found: readonly [string, Tree] | undefined = childAt(node, offset);
    if (found === undefined) return pointer;
    pointer = join(pointer, found[0]);
    node = found[1];
  }
  return pointer;
}

function childAt(node: Tree, offset: number): readonly [string, Tree] | undefined {
  if (node.kind === "list") {
    const index = node.items.findIndex((item) => item.start <= offset && offset < item.end);
    const item = node.items[index];
    return item && [String(index), item];
  }
  if (node.kind !== "map") return undefined;
  for (const [key, { key: span, value }] of node.entries) {
    const isInKey = span.start <= offset && offset < span.end;
    const isInValue = value.start <= offset && offset < Math.max(value.end, value.start + 1);
    if (isInKey || isInValue) return [key, value];
  }
  return undefined;
}
