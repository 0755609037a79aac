/** A `config.json` that is read: each value is taken by a subject, and what nobody took is lost. */
import { join, type Value } from "../text/tree.ts";
import type { OciLoss } from "./loss.ts";

export interface Document {
  /** The value at a path of keys, marked as read; `undefined` when there is none. */
  readonly take: (...path: readonly (string | number)[]) => Value | undefined;
  /** The value at a path, not yet read. */
  readonly peek: (...path: readonly (string | number)[]) => Value | undefined;
  /** A loss for each outermost value that was not taken. */
  readonly rest: () => readonly OciLoss[];
}

export function openDocument(value: Value): Document {
  const taken = new Set<string>();
  const peek = (...path: readonly (string | number)[]): Value | undefined => {
    let at: Value | undefined = value;
    for (const key of path) {
      if (typeof at !== "object" || at === null) return undefined;
      at = Object.hasOwn(at, key) ? (at as Readonly<Record<string, Value>>)[key] : undefined;
    }
    return at;
  };
  return {
    peek,
    take: (...path) => {
      taken.add(join("", ...path));
      return peek(...path);
    },
    rest: () => untaken({ value, pointer: "" }, taken),
  };
}

interface Part {
  readonly value: Value;
  readonly pointer: string;
}

function untaken({ value, pointer }: Part, taken: ReadonlySet<string>): readonly OciLoss[] {
  if (taken.has(pointer) || isEmpty(value)) return [];
  const inner = [...taken].some((one) => one.startsWith(`${pointer}/`));
  if (!inner || typeof value !== "object" || value === null) {
    const key = pointer.slice(1).replaceAll("/", ".");
    return [{ origin: pointer, message: `\`${key}\` has no word here and is left out` }];
  }
  return Object.entries(value as Readonly<Record<string, Value>>).flatMap(([key, item]) =>
    untaken({ value: item, pointer: join(pointer, key) }, taken)
  );
}

/** An absent list and an empty one say the same. */
function isEmpty(value: Value): boolean {
  if (value === null || value === false) return true;
  return typeof value === "object" && Object.keys(value).length === 0;
}

export const isText = (value: unknown): value is string => typeof value === "string";
export const isNumber = (value: unknown): value is number => typeof value === "number";

/** The texts of a list; nothing else counts. */
export function texts(value: Value | undefined): readonly string[] {
  return Array.isArray(value) ? (value as readonly Value[]).filter(isText) : [];
}
