/** What two runs made, as text. */
import { escapeControls } from "./diagnostics.ts";

/** The part of a comparison that is shown. */
export interface ShownOutput {
  readonly from: string;
  readonly digests: readonly [string, string];
  readonly differences: readonly ShownDifference[];
}

export interface ShownDifference {
  readonly path: string;
  readonly what: "missing" | "kind" | "mode" | "size" | "content" | "target";
  readonly values: readonly [string, string];
  readonly offset?: number;
  readonly line?: number;
}

/** As many are named; the rest is counted. */
const SHOWN_MAX = 5;

export function showRepro(outputs: readonly ShownOutput[]): string {
  const lines: string[] = [];
  for (const { from, digests, differences } of outputs) {
    if (differences.length === 0) {
      lines.push(`✔ ${from} is the same twice · sha256:${digests[0]}`);
      continue;
    }
    lines.push(`✘ ${from} differs · sha256:${digests[0]}, then sha256:${digests[1]}`);
    for (const one of differences.slice(0, SHOWN_MAX)) {
      lines.push(`    ${showDifference(from, one)}`);
    }
    const more = differences.length - SHOWN_MAX;
    if (more > 0) lines.push(`    and ${more} more`);
  }
  return lines.map((line) => `${escapeControls(line)}\n`).join("");
}

function showDifference(from: string, difference: ShownDifference): string {
  const { path, what, values, offset, line } = difference;
  const name = path === "" ? from : `${from}/${path}`;
  const [one, other] = values;
  switch (what) {
    case "missing":
      return `${name} was there only the ${one === "there" ? "first" : "second"} time`;
    case "kind":
      return `${name} is a ${one}, then a ${other}`;
    case "mode":
      return `${name} has the mode ${one}, then ${other}`;
    case "target":
      return `${name} leads to ${one}, then to ${other}`;
    case "size":
      return `${name} has ${one} bytes, then ${other}: the same up to byte ${offset}, line ${line}`;
    case "content":
      return `${name}, byte ${offset}, line ${line}: ${one}, then ${other}`;
  }
}
