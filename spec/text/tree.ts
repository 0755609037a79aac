/**
 * A document as data that knows where it was written. Made from YAML (`parse.ts`) or from JavaScript values
 * (`object.ts`); then `start` and `end` are -1.
 */
export type Tree = ScalarTree | MapTree | ListTree;

interface Span {
  /** UTF-16 offsets into the text; -1 where there is no text. */
  readonly start: number;
  readonly end: number;
}

/** How a value goes together with the one that it is merged over: `!reset` takes that away, `!override` takes its place whole. */
interface Merging {
  readonly merging?: "reset" | "override";
}

export type ScalarValue = string | number | boolean | null;

export interface ScalarTree extends Span, Merging {
  readonly kind: "scalar";
  readonly value: ScalarValue;
  /** Exactly what was written, quotes included, when it is one plain or quoted word. */
  readonly source: string;
}

export interface MapTree extends Span, Merging {
  readonly kind: "map";
  readonly entries: ReadonlyMap<string, Entry>;
}

export interface Entry {
  readonly key: Span;
  readonly value: Tree;
}

export interface ListTree extends Span, Merging {
  readonly kind: "list";
  readonly items: readonly Tree[];
}

/** Plain data. Maps have no prototype, so no key of a document can be mistaken for one of the language. */
export type Value = ScalarValue | readonly Value[] | { readonly [key: string]: Value };

/** The plain value of a tree. What an alias stands for becomes the same object at each place. */
export function valueOf(tree: Tree, seen: Map<Tree, Value> = new Map()): Value {
  if (tree.kind === "scalar") return tree.value;
  const known = seen.get(tree);
  if (known !== undefined) return known;
  let value: Value;
  if (tree.kind === "list") {
    value = tree.items.map((item) => valueOf(item, seen));
  } else {
    const map: Record<string, Value> = Object.create(null);
    for (const [key, entry] of tree.entries) map[key] = valueOf(entry.value, seen);
    value = map;
  }
  seen.set(tree, value);
  return value;
}

/** One step of a JSON pointer (RFC 6901): `~` and `/` escaped. */
export function escapePointer(key: string | number): string {
  return String(key).replaceAll("~", "~0").replaceAll("/", "~1");
}

/** `pointer` extended by keys: `join("/limits", "memory")` is `/limits/memory`. */
export function join(pointer: string, ...keys: readonly (string | number)[]): string {
  return keys.reduce<string>((path, key) => `${path}/${escapePointer(key)}`, pointer);
}

/** The keys of a JSON pointer; `[]` for the whole document. */
export function keysOf(pointer: string): readonly string[] {
  if (pointer === "") return [];
  return pointer.slice(1).split("/").map((key) => key.replaceAll("~1", "/").replaceAll("~0", "~"));
}

/** True when `pointer` is `ancestor` or lies below it. */
export function isWithin(pointer: string, ancestor: string): boolean {
  return pointer === ancestor || pointer.startsWith(`${ancestor}/`);
}
