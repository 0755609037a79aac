import type { Place } from "./diagnostic.ts";

/** Where each line of a text starts, as UTF-16 offsets. */
export interface Lines {
  readonly file: string;
  readonly text: string;
  readonly starts: Uint32Array;
  /** Offsets of the second halves of surrogate pairs, ascending: a character may be two units. */
  readonly pairs: readonly number[];
  /** Of several files: each with the offset at which its own offsets begin, ascending; then `text` is the first's. */
  readonly files?: readonly { readonly from: number; readonly lines: Lines }[];
}

/** One line index over several files: offsets of each begin where those of the one before end. */
export function joinLines(all: readonly Lines[]): Lines {
  const [first] = all;
  if (first === undefined) throw new RangeError("no file has no lines");
  let from = 0;
  const files = all.map((lines) => {
    const part = { from, lines };
    // One more: the end of a file is no place of the next.
    from += lines.text.length + 1;
    return part;
  });
  return { ...first, files };
}

/** The file that an offset is in, and its offset there. */
function partAt(lines: Lines, offset: number): { readonly lines: Lines; readonly from: number } {
  const part = lines.files?.findLast(({ from }) => from <= offset);
  return part ?? { lines, from: 0 };
}

/** The line that an offset is in, of whichever file. */
export function sourceAt(lines: Lines, offset: number): string {
  const part = partAt(lines, offset);
  return sourceLine(part.lines, lineAt(part.lines, offset - part.from));
}

/** Finds the line starts of `text`; `\n` and `\r\n` end a line. */
export function indexLines(file: string, text: string): Lines {
  let count = 1;
  for (let at = text.indexOf("\n"); at !== -1; at = text.indexOf("\n", at + 1)) count++;
  // 4 bytes a line and no growing: a file may be 10^6 empty lines.
  const starts = new Uint32Array(count);
  let line = 1;
  for (let at = text.indexOf("\n"); at !== -1; at = text.indexOf("\n", at + 1)) {
    starts[line++] = at + 1;
  }
  const pairs = Array.from(text.matchAll(/[\u{10000}-\u{10ffff}]/gu), (match) => match.index + 1);
  return { file, text, starts, pairs };
}

/**
 * The place of the text between two UTF-16 offsets. A mark never reaches beyond its first line, because a
 * caret line can only stand below one line.
 */
export function placeAt(lines: Lines, start: number, end: number = start): Place {
  if (lines.files !== undefined) {
    const part = partAt(lines, start);
    return placeAt(part.lines, start - part.from, end - part.from);
  }
  const offset = Math.max(0, Math.min(start, lines.text.length));
  const index = lineIndexAt(lines, offset);
  const from = lines.starts[index] ?? 0;
  const to = from + sourceLine(lines, index + 1).length;
  const stop = Math.max(offset, Math.min(end, to));
  return {
    file: lines.file,
    line: index + 1,
    column: countCharacters(lines, from, Math.min(offset, to)) + 1,
    offset,
    length: countCharacters(lines, offset, stop),
  };
}

/** The text of a 1-based line, without its line break; `""` beyond the end. */
export function sourceLine(lines: Lines, line: number): string {
  const from = lines.starts[line - 1];
  if (from === undefined) return "";
  const next = lines.starts[line];
  const to = next === undefined ? lines.text.length : next - 1;
  return lines.text.slice(from, lines.text[to - 1] === "\r" && to > from ? to - 1 : to);
}

/** The 1-based line that an offset is in. */
export function lineAt(lines: Lines, offset: number): number {
  return lineIndexAt(lines, offset) + 1;
}

function lineIndexAt(lines: Lines, offset: number): number {
  return countUpTo(lines.starts, offset) - 1;
}

/**
 * Code points, not UTF-16 units: an emoji before the fault moves the column by one. Logarithmic, because a hostile
 * file has 20,000 values in one line of 1 MiB.
 */
function countCharacters(lines: Lines, from: number, to: number): number {
  return to - from - (countUpTo(lines.pairs, to - 1) - countUpTo(lines.pairs, from - 1));
}

/** How many of the ascending numbers are at most `limit`. */
function countUpTo(numbers: ArrayLike<number>, limit: number): number {
  let low = 0;
  let high = numbers.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((numbers[middle] ?? 0) <= limit) low = middle + 1;
    else high = middle;
  }
  return low;
}
