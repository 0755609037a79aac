import { MAX_DIAGNOSTICS } from "./bounds.ts";
import type { Diagnostic } from "./diagnostic.ts";
import { type Lines, placeAt, sourceAt } from "./lines.ts";
import { findSpan } from "./locate.ts";
import type { Tree } from "./tree.ts";

/** A fault as the checks report it: by pointer, or by offsets while there is no tree yet. */
export interface Problem {
  readonly code: string;
  readonly message: string;
  readonly pointer: string;
  /** What the caret marks: the key (unknown key, wrong kind of block) or the value. Default: the value. */
  readonly part?: "key" | "value";
  readonly severity?: "error" | "warning";
  readonly note?: string;
  readonly fix?: string;
  /** UTF-16 offsets, where the pointer alone does not say it. */
  readonly start?: number;
  readonly end?: number;
}

/** What problems are turned into diagnostics with; without `lines` (a spec given as an object) there are no places. */
export interface Origin {
  readonly tree?: Tree | undefined;
  readonly lines?: Lines | undefined;
}

interface Located {
  readonly problem: Problem;
  readonly start: number;
  readonly end: number;
}

/** Problems → diagnostics in the order of the text, at most 100 and a line that counts the rest. */
export function toDiagnostics(problems: readonly Problem[], origin: Origin): readonly Diagnostic[] {
  const located = problems.map((problem) => ({ problem, ...locate(problem, origin) }));
  if (origin.lines !== undefined) located.sort((left, right) => left.start - right.start);
  const seen = new Set<string>();
  const unique = located.filter(({ problem, start }) => {
    const identity = JSON.stringify([problem.code, problem.pointer, problem.message, start]);
    return !seen.has(identity) && seen.add(identity);
  });
  const shown = unique.slice(0, MAX_DIAGNOSTICS).map((one) => toDiagnostic(one, origin.lines));
  const rest = unique.slice(MAX_DIAGNOSTICS);
  const [next] = rest;
  return next === undefined ? shown : [...shown, toDiagnostic(countRest(next, rest), origin.lines)];
}

function locate(problem: Problem, origin: Origin): { start: number; end: number } {
  if (problem.start !== undefined) {
    return { start: problem.start, end: problem.end ?? problem.start };
  }
  return findSpan(origin.tree, problem.pointer, problem.part ?? "value");
}

function toDiagnostic({ problem, start, end }: Located, lines: Lines | undefined): Diagnostic {
  const { code, message, pointer, note, fix } = problem;
  const base = {
    code,
    severity: problem.severity ?? "error",
    message,
    pointer,
    ...(note === undefined ? {} : { note }),
    ...(fix === undefined ? {} : { fix }),
  } as const;
  if (lines === undefined) return base;
  const place = placeAt(lines, start, end);
  return { ...base, place, source: sourceAt(lines, start) };
}

function countRest(next: Located, rest: readonly Located[]): Located {
  const isError = rest.some(({ problem }) => problem.severity !== "warning");
  const problem: Problem = {
    code: "MORE",
    severity: isError ? "error" : "warning",
    message: `and ${rest.length} more like these, from here on`,
    pointer: next.problem.pointer,
  };
  return { ...next, problem };
}
