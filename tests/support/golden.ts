/** Expected output in files: `assertGolden(path, actual)`; `UPDATE_GOLDEN=1` writes them anew. */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, relative } from "node:path";
import process from "node:process";
import { AssertionError } from "./std_assert.ts";

const HALF = 76;

function cell(text: string | undefined): string {
  const shown = (text ?? "").replaceAll("\t", "→");
  return shown.length > HALF ? `${shown.slice(0, HALF - 1)}…` : shown.padEnd(HALF);
}

type Pair = readonly [left: string | undefined, right: string | undefined];

/** Longest common subsequence as pairs of lines; a pair without left or right is an addition or a removal. */
function align(left: readonly string[], right: readonly string[]): Pair[] {
  const width = right.length + 1;
  const lengths = new Uint32Array((left.length + 1) * width);
  const at = (i: number, j: number) => lengths[i * width + j]!;
  for (let i = left.length - 1; i >= 0; i--) {
    for (let j = right.length - 1; j >= 0; j--) {
      lengths[i * width + j] = left[i] === right[j]
        ? at(i + 1, j + 1) + 1
        : Math.max(at(i + 1, j), at(i, j + 1));
    }
  }
  const pairs: Pair[] = [];
  let [i, j] = [0, 0];
  while (i < left.length || j < right.length) {
    if (i < left.length && j < right.length && left[i] === right[j]) {
      pairs.push([left[i++], right[j++]]);
    } else if (j >= right.length || (i < left.length && at(i + 1, j) >= at(i, j + 1))) {
      pairs.push([left[i++], undefined]);
    } else pairs.push([undefined, right[j++]]);
  }
  return pairs;
}

/** The lines that differ with two lines around them: expected at the left, actual at the right. */
export function sideBySide(expected: string, actual: string): string {
  const pairs = align(expected.split("\n"), actual.split("\n"));
  const near = (index: number) =>
    pairs.slice(Math.max(0, index - 2), index + 3).some(([a, b]) => a !== b);
  const out = [`  ${cell("expected")} │ actual`];
  let gap = false;
  for (const [index, [left, right]] of pairs.entries()) {
    if (!near(index)) {
      if (!gap) out.push("  …");
      gap = true;
      continue;
    }
    gap = false;
    const mark = left === right ? " " : left === undefined ? "+" : "-";
    out.push(`${mark} ${cell(left)} │ ${cell(right).trimEnd()}`);
  }
  return out.join("\n");
}

/** Compares with the file at `path` (absolute). A missing file is a failure: it must be made on purpose. */
export function assertGolden(path: string, actual: string): void {
  if (process.env["UPDATE_GOLDEN"] === "1") {
    mkdirSync(dirname(path), { recursive: true });
    if (!existsSync(path) || readFileSync(path, "utf8") !== actual) writeFileSync(path, actual);
    return;
  }
  const name = relative(process.cwd(), path);
  if (!existsSync(path)) {
    throw new AssertionError(`${name} does not exist; UPDATE_GOLDEN=1 writes it:\n${actual}`);
  }
  const expected = readFileSync(path, "utf8");
  if (expected === actual) return;
  throw new AssertionError(
    `${name} differs (UPDATE_GOLDEN=1 takes the new one)\n${sideBySide(expected, actual)}`,
  );
}

/** Puts `N` for what differs between runs: times, process ids; and `/TMP` for scratch directories. */
export function normaliseOutput(text: string): string {
  return text
    .replace(/\/tmp\/[\w.-]+/g, "/TMP")
    .replace(/\b\d+(\.\d+)? ?(ms|µs)(?=\W|$)/g, "N ms")
    .replace(/\b\d+\.\d+s\b/g, "N s")
    .replace(/\bpid \d+/g, "pid N")
    .replace(/\bsupervisor \d+/g, "supervisor N");
}
