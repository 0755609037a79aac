import { type Document, isAlias, isMap, isScalar, isSeq, type ParsedNode } from "yaml";
import { MAX_ALIASES, MAX_DEPTH, MAX_EXPANDED_NODES, MAX_KEY_LENGTH, MAX_NODES } from "./bounds.ts";
import { lineAt, type Lines } from "./lines.ts";
import type { Problem } from "./problem.ts";
import { resolvePlain } from "./scalar.ts";
import { checkText, clip } from "./strings.ts";
import { type Entry, join, type ScalarTree, type Tree } from "./tree.ts";

interface Built {
  readonly tree?: Tree;
  readonly problems: readonly Problem[];
}

/** A tree with what it costs to walk it, aliases followed. */
interface Measured {
  readonly tree: Tree;
  readonly nodes: number;
  readonly height: number;
}

interface Builder {
  readonly lines: Lines;
  readonly problems: Problem[];
  readonly anchors: Map<string, Measured>;
  /** Anchors of the nodes that are being built: an alias to one of them is a circle. */
  readonly open: Set<string>;
  nodes: number;
  aliases: number;
}

/** Thrown inside this file when going on would cost what the bounds forbid. */
class StopError extends Error {
  readonly problem: Problem;
  constructor(problem: Problem) {
    super(problem.message);
    this.problem = problem;
  }
}

/**
 * A composed document → tree: aliases resolved (shared, not copied), scalars resolved from what was written. Faults
 * that leave the rest meaningful (a duplicate key, `0644`) are collected; only a bound that is crossed ends it.
 */
export function buildTree(document: Document.Parsed<ParsedNode>, lines: Lines): Built {
  const problems: Problem[] = [];
  const builder: Builder = {
    lines,
    problems,
    anchors: new Map(),
    open: new Set(),
    nodes: 0,
    aliases: 0,
  };
  const { contents } = document;
  if (contents === null || isEmptyScalar(contents)) {
    const note = 'the smallest spec is: commands: ["echo hello"]';
    return {
      problems: [{ code: "EMPTY", message: "the spec is empty", pointer: "", start: 0, note }],
    };
  }
  try {
    const { tree } = build(builder, contents, { pointer: "", depth: 1 });
    return { tree, problems };
  } catch (error) {
    if (!(error instanceof StopError)) throw error;
    return { problems: [...problems, error.problem] };
  }
}

interface At {
  readonly pointer: string;
  readonly depth: number;
  /** The key that the value stands behind, for a fix that can be copied. */
  readonly key?: string;
}

function build(builder: Builder, node: ParsedNode | null, at: At): Measured {
  if (node === null) return { tree: nothing(0), nodes: 1, height: 0 };
  if (isAlias(node)) return follow(builder, node, at);
  const [start] = node.range;
  if (++builder.nodes > MAX_NODES) {
    stop("TOO_LARGE", `the spec has more than ${MAX_NODES} values`, { pointer: at.pointer, start });
  }
  const anchor = "anchor" in node ? node.anchor : undefined;
  if (anchor !== undefined) builder.open.add(anchor);
  checkTag(builder, node, at);
  const measured = isMap(node)
    ? buildMap(builder, node, at)
    : isSeq(node)
    ? buildList(builder, node, at)
    : { tree: buildScalar(builder, node as Scalar, at), nodes: 1, height: 0 };
  const merging = MERGING.get(node.tag ?? "");
  if (merging !== undefined) {
    return { ...measured, tree: { ...measured.tree, merging } };
  }
  if (measured.nodes > MAX_EXPANDED_NODES) {
    const message = `with its aliases put in, the spec has more than ${MAX_EXPANDED_NODES} values`;
    stop("TOO_LARGE", message, { pointer: at.pointer, start });
  }
  if (anchor !== undefined) {
    builder.open.delete(anchor);
    builder.anchors.set(anchor, measured);
  }
  return measured;
}

type MapNode = Extract<ParsedNode, { items: { key: unknown }[] }>;
type ListNode = Exclude<Extract<ParsedNode, { items: unknown[] }>, MapNode>;
type Scalar = Exclude<ParsedNode, { items: unknown[] }> & { value: unknown; type?: string };

function follow(builder: Builder, node: ParsedNode & { source: string }, at: At): Measured {
  const [start, end] = node.range;
  const where = { pointer: at.pointer, start, end };
  const name = node.source;
  if (++builder.aliases > MAX_ALIASES) {
    stop("TOO_MANY_ALIASES", `the spec has more than ${MAX_ALIASES} aliases`, where);
  }
  const target = builder.anchors.get(name);
  if (builder.open.has(name)) {
    report(builder, "ALIAS_CIRCLE", `\`*${clip(name)}\` stands inside what it names`, where);
  } else if (target === undefined) {
    report(builder, "UNKNOWN_ALIAS", `no \`&${clip(name)}\` before this`, where);
  } else {
    if (at.depth + target.height > MAX_DEPTH) {
      stop("TOO_DEEP", `maps and lists are nested deeper than ${MAX_DEPTH}`, where);
    }
    return target;
  }
  return { tree: nothing(start), nodes: 1, height: 0 };
}

function buildMap(builder: Builder, node: MapNode, at: At): Measured {
  const entries = new Map<string, Entry>();
  const [start, end] = node.range;
  checkDepth(at, start);
  let nodes = 1;
  let height = 0;
  for (const pair of node.items) {
    const key = readKey(builder, pair.key, at.pointer);
    if (key === undefined) continue;
    const pointer = join(at.pointer, key.text);
    const value = build(builder, pair.value, { pointer, depth: at.depth + 1, key: key.text });
    nodes += value.nodes;
    height = Math.max(height, value.height);
    const first = entries.get(key.text);
    if (first === undefined) {
      const span = { start: key.start, end: key.end };
      const tree = value.tree.start === 0 && pair.value === null ? nothing(key.end) : value.tree;
      entries.set(key.text, { key: span, value: tree });
    } else {
      const line = lineAt(builder.lines, first.key.start);
      const where = { pointer, start: key.start, end: key.end };
      const message = `\`${clip(key.text)}\` is said twice`;
      report(builder, "DUPLICATE_KEY", message, { ...where, note: `first in line ${line}` });
    }
  }
  return { tree: { kind: "map", entries, start, end }, nodes, height: height + 1 };
}

function buildList(builder: Builder, node: ListNode, at: At): Measured {
  const [start, end] = node.range;
  checkDepth(at, start);
  let nodes = 1;
  let height = 0;
  const items = node.items.map((item, index) => {
    const where = { pointer: join(at.pointer, index), depth: at.depth + 1 };
    const value = build(builder, item as ParsedNode | null, where);
    nodes += value.nodes;
    height = Math.max(height, value.height);
    return value.tree;
  });
  return { tree: { kind: "list", items, start, end }, nodes, height: height + 1 };
}

function checkDepth(at: At, start: number): void {
  if (at.depth > MAX_DEPTH) {
    const where = { pointer: at.pointer, start };
    stop("TOO_DEEP", `maps and lists are nested deeper than ${MAX_DEPTH}`, where);
  }
}

function buildScalar(builder: Builder, node: Scalar, at: At): ScalarTree {
  const [start, end] = node.range;
  const source = builder.lines.text.slice(start, end);
  const text = String(node.value);
  const where = { pointer: at.pointer, start, end };
  const problem = checkText(text);
  if (problem !== undefined) report(builder, problem.code, problem.message, where);
  if (node.type !== "PLAIN" || node.tag === STRING_TAG || problem !== undefined) {
    return { kind: "scalar", value: text, source, start, end };
  }
  const plain = resolvePlain(text);
  if ("code" in plain) {
    const fix = at.key === undefined ? plain.fix : `${clip(at.key)}: ${plain.fix}`;
    const note = plain.note === undefined ? {} : { note: plain.note };
    report(builder, plain.code, clip(plain.message, 200), {
      ...where,
      fix: clip(fix, 200),
      ...note,
    });
  }
  return { kind: "scalar", value: plain.value, source, start, end };
}

const STRING_TAG = "tag:yaml.org,2002:str";
/** What they mean is decided where files are merged; elsewhere they are refused (spec/merge). */
const MERGING = new Map([["!reset", "reset"], ["!override", "override"]] as const) as ReadonlyMap<
  string,
  "reset" | "override"
>;
const KNOWN_TAGS = new Set([STRING_TAG, "tag:yaml.org,2002:map", "tag:yaml.org,2002:seq"]);

function checkTag(builder: Builder, node: ParsedNode, at: At): void {
  const { tag } = node;
  if (tag === undefined || KNOWN_TAGS.has(tag) || MERGING.has(tag)) return;
  const [start, end] = node.range;
  const from = Math.max(0, builder.lines.text.lastIndexOf("!", start));
  const name = clip(tag.replace("tag:yaml.org,2002:", "!!"));
  const where = { pointer: at.pointer, start: from, end: Math.max(end, from) };
  report(builder, "UNKNOWN_TAG", `the tag ${name} has no meaning in a spec`, where);
}

interface Key {
  readonly text: string;
  readonly start: number;
  readonly end: number;
}

const FORBIDDEN_KEYS = new Set(["__proto__", "constructor", "prototype"]);

/** True for a key that is refused everywhere, because JavaScript gives it a meaning of its own. */
export function isForbiddenKey(key: string): boolean {
  return FORBIDDEN_KEYS.has(key);
}

function readKey(builder: Builder, node: ParsedNode | null, pointer: string): Key | undefined {
  const [start, end] = node?.range ?? [0, 0];
  const where = { pointer, start, end };
  if (node === null || !isScalar(node)) {
    report(builder, "KEY_NOT_TEXT", "a key must be one word, not a list, a map or an alias", where);
    return undefined;
  }
  if (++builder.nodes > MAX_NODES) {
    stop("TOO_LARGE", `the spec has more than ${MAX_NODES} values`, { pointer, start });
  }
  checkTag(builder, node, { pointer, depth: 0 });
  const text = String(node.value);
  if (node.anchor !== undefined) {
    const tree = { kind: "scalar", value: text, source: text, start, end } as const;
    builder.anchors.set(node.anchor, { tree, nodes: 1, height: 0 });
  }
  const problem = checkKey(text, node.type === "PLAIN");
  if (problem === undefined) return { text, start, end };
  report(builder, problem.code, problem.message, { ...where, ...problem.more });
  return undefined;
}

function checkKey(text: string, isPlain: boolean) {
  if (text === "") return { code: "KEY_NOT_TEXT", message: "a key is missing before the `:`" };
  if (text.length > MAX_KEY_LENGTH) {
    return { code: "TOO_LARGE", message: `a key is longer than ${MAX_KEY_LENGTH} characters` };
  }
  if (isForbiddenKey(text)) {
    return { code: "FORBIDDEN_KEY", message: `the key \`${text}\` is not allowed anywhere` };
  }
  if (isPlain && text === "<<") {
    const note = "YAML 1.2 has none; repeat the keys, or use `key: *name` for a whole value";
    return { code: "MERGE_KEY", message: "`<<` would be a merge key", more: { note } };
  }
  return checkText(text);
}

function isEmptyScalar(node: ParsedNode): boolean {
  return isScalar(node) && node.type === "PLAIN" && node.value === "";
}

function nothing(start: number): ScalarTree {
  return { kind: "scalar", value: null, source: "", start, end: start };
}

type Where = Omit<Problem, "code" | "message">;

function report(builder: Builder, code: string, message: string, where: Where): void {
  builder.problems.push({ code, message, ...where });
}

function stop(code: string, message: string, where: Where): never {
  throw new StopError({ code, message, ...where });
}
