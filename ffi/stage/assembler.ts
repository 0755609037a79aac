/** What both assemblers share: lines with labels become bytes. */

/** Bytes that don't depend on where they stand. */
export interface BytesLine {
  readonly kind: "bytes";
  readonly bytes: readonly number[];
}

/** An instruction that names a label; `distance` is the label's place − this instruction's, in bytes. */
export interface ReferenceLine {
  readonly kind: "reference";
  readonly to: string;
  readonly size: number;
  readonly encode: (distance: number) => readonly number[];
}

export interface LabelLine {
  readonly kind: "label";
  readonly name: string;
}

/** Begins a block of the listing in docs/stage.md; no code. */
export interface CommentLine {
  readonly kind: "comment";
  readonly text: string;
}

export type Line = BytesLine | ReferenceLine | LabelLine | CommentLine;

export function label(name: string): Line {
  return { kind: "label", name };
}

export function comment(text: string): Line {
  return { kind: "comment", text };
}

function sizeOf(line: Line): number {
  return line.kind === "bytes" ? line.bytes.length : line.kind === "reference" ? line.size : 0;
}

function placeLabels(lines: readonly Line[]): Map<string, number> {
  const places = new Map<string, number>();
  let at = 0;
  for (const line of lines) {
    if (line.kind === "label") {
      if (places.has(line.name)) throw new RangeError(`label ${line.name} stands twice`);
      places.set(line.name, at);
    }
    at += sizeOf(line);
  }
  return places;
}

/** Lines → machine code. Throws RangeError for an unknown or doubled label, and for one that a jump can't reach. */
export function assemble(lines: readonly Line[]): Uint8Array {
  const places = placeLabels(lines);
  const code: number[] = [];
  for (const line of lines) {
    if (line.kind === "bytes") code.push(...line.bytes);
    if (line.kind !== "reference") continue;
    const target = places.get(line.to);
    if (target === undefined) throw new RangeError(`no label ${line.to}`);
    const bytes = line.encode(target - code.length);
    if (bytes.length !== line.size) throw new RangeError(`jump to ${line.to} has a wrong size`);
    code.push(...bytes);
  }
  return Uint8Array.from(code);
}

/** The comments of the lines and the byte each block begins at, in order. */
export function listBlocks(lines: readonly Line[]): { offset: number; text: string }[] {
  const blocks: { offset: number; text: string }[] = [];
  let at = 0;
  for (const line of lines) {
    if (line.kind === "comment") blocks.push({ offset: at, text: line.text });
    at += sizeOf(line);
  }
  return blocks;
}
