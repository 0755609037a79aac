import { MAX_DEPTH, MAX_KEY_LENGTH, MAX_NODES } from "./bounds.ts";
import { isForbiddenKey } from "./build.ts";
import type { Problem } from "./problem.ts";
import { checkText, clip } from "./strings.ts";
import { type Entry, join, type ScalarTree, type Tree } from "./tree.ts";

interface Reader {
  readonly problems: Problem[];
  /** Objects that are being read: one of them again is a circle. */
  readonly open: Set<object>;
  nodes: number;
}

/**
 * A JavaScript value → tree, under the same bounds as a text. Only plain data is taken: a Date, a Map, a function
 * or a circle is a problem at its pointer. A key whose value is `undefined` is absent. Getters run at most once.
 */
export function treeOf(
  value: unknown,
): { readonly tree: Tree; readonly problems: readonly Problem[] } {
  const reader: Reader = { problems: [], open: new Set(), nodes: 0 };
  return { tree: read(reader, value, { pointer: "", depth: 1 }), problems: reader.problems };
}

interface At {
  readonly pointer: string;
  readonly depth: number;
}

function read(reader: Reader, value: unknown, at: At): Tree {
  if (++reader.nodes > MAX_NODES) {
    if (reader.nodes === MAX_NODES + 1) {
      report(reader, at, {
        code: "TOO_LARGE",
        message: `the spec has more than ${MAX_NODES} values`,
      });
    }
    return scalar(null);
  }
  if (typeof value === "string") {
    const problem = checkText(value);
    if (problem !== undefined) report(reader, at, { code: problem.code, message: problem.message });
    return scalar(value);
  }
  if (typeof value === "number") return scalar(readNumber(reader, value, at));
  if (typeof value === "boolean" || value === null) return scalar(value);
  if (typeof value !== "object") {
    report(reader, at, {
      code: "NOT_DATA",
      message: `a ${typeof value} is not data that a spec can hold`,
    });
    return scalar(null);
  }
  return readObject(reader, value, at);
}

function readNumber(reader: Reader, value: number, at: At): number {
  const isWhole = Number.isInteger(value);
  if (!Number.isFinite(value) || (isWhole && !Number.isSafeInteger(value))) {
    report(reader, at, { code: "LOSSY_NUMBER", message: `${value} is not an exact number` });
    return 0;
  }
  return value;
}

function readObject(reader: Reader, value: object, at: At): Tree {
  if (reader.open.has(value)) {
    report(reader, at, { code: "ALIAS_CIRCLE", message: "this object stands inside itself" });
    return scalar(null);
  }
  if (at.depth > MAX_DEPTH) {
    report(reader, at, {
      code: "TOO_DEEP",
      message: `maps and lists are nested deeper than ${MAX_DEPTH}`,
    });
    return scalar(null);
  }
  const prototype = Object.getPrototypeOf(value);
  // Array.isArray and a null parent of the prototype hold for objects of another realm too.
  const isPlain = prototype === null || Object.getPrototypeOf(prototype) === null;
  if (!Array.isArray(value) && !isPlain) {
    const name = clip(String(prototype?.constructor?.name ?? "object"));
    report(reader, at, {
      code: "NOT_DATA",
      message: `an object of class ${name} is not plain data`,
    });
    return scalar(null);
  }
  reader.open.add(value);
  const tree = Array.isArray(value) ? readList(reader, value, at) : readMap(reader, value, at);
  reader.open.delete(value);
  return tree;
}

function readList(reader: Reader, value: readonly unknown[], at: At): Tree {
  const items: Tree[] = [];
  // A list of 2^32 - 1 holes is cheap to make; only what is read counts against the bound.
  for (let index = 0; index < value.length && reader.nodes <= MAX_NODES; index++) {
    items.push(
      read(reader, value[index], { pointer: join(at.pointer, index), depth: at.depth + 1 }),
    );
  }
  return { kind: "list", items, start: -1, end: -1 };
}

function readMap(reader: Reader, value: object, at: At): Tree {
  const entries = new Map<string, Entry>();
  for (const [key, item] of Object.entries(value)) {
    if (item === undefined) continue;
    if (reader.nodes > MAX_NODES) break;
    if (key.length > MAX_KEY_LENGTH) {
      report(reader, at, {
        code: "TOO_LARGE",
        message: `a key is longer than ${MAX_KEY_LENGTH} characters`,
      });
      continue;
    }
    if (isForbiddenKey(key)) {
      report(reader, at, {
        code: "FORBIDDEN_KEY",
        message: `the key \`${key}\` is not allowed anywhere`,
      });
      continue;
    }
    const problem = checkText(key);
    if (problem !== undefined) {
      report(reader, at, { code: problem.code, message: problem.message });
      continue;
    }
    const pointer = join(at.pointer, key);
    const tree = read(reader, item, { pointer, depth: at.depth + 1 });
    entries.set(key, { key: { start: -1, end: -1 }, value: tree });
  }
  return { kind: "map", entries, start: -1, end: -1 };
}

function scalar(value: ScalarTree["value"]): ScalarTree {
  return { kind: "scalar", value, source: JSON.stringify(value), start: -1, end: -1 };
}

function report(reader: Reader, at: At, fault: Pick<Problem, "code" | "message">): void {
  reader.problems.push({ ...fault, pointer: at.pointer });
}
