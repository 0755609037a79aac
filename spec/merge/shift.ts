/** Trees of several files in one: each keeps its places, because its offsets begin where those of the file before end. */
import type { Problem } from "../text/problem.ts";
import type { Entry, Tree } from "../text/tree.ts";

/** A tree with all offsets moved by `by`. What is shared stays shared. */
export function shiftTree(tree: Tree, by: number): Tree {
  return by === 0 ? tree : shift(tree, by, new Map());
}

function shift(tree: Tree, by: number, seen: Map<Tree, Tree>): Tree {
  const known = seen.get(tree);
  if (known !== undefined) return known;
  const span = { start: tree.start + by, end: tree.end + by };
  let moved: Tree;
  if (tree.kind === "scalar") moved = { ...tree, ...span };
  else if (tree.kind === "list") {
    moved = { ...tree, ...span, items: tree.items.map((item) => shift(item, by, seen)) };
  } else {
    const entries = new Map<string, Entry>();
    for (const [name, { key, value }] of tree.entries) {
      entries.set(name, {
        key: { start: key.start + by, end: key.end + by },
        value: shift(value, by, seen),
      });
    }
    moved = { ...tree, ...span, entries };
  }
  seen.set(tree, moved);
  return moved;
}

/** A problem of a file's own text, with its place among all. */
export function shiftProblem(problem: Problem, by: number): Problem {
  const { start, end } = problem;
  return {
    ...problem,
    ...(start === undefined ? {} : { start: start + by }),
    ...(end === undefined ? {} : { end: end + by }),
  };
}
