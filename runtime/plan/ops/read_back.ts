/** Reads a file of the kernel again after it was written, and compares: numbers are all that the stage can compare. */
import { O_CLOEXEC, O_RDONLY } from "../../../ffi/abi/fcntl.ts";
import type { Cell } from "../../../ffi/calls/call.ts";
import { read } from "../../../ffi/calls/io.ts";
import { close, openat } from "../../../ffi/calls/open.ts";
import { type Emitter, result } from "../emitter.ts";

/** A call that always fails: the language has no other way to name the record at which something was wrong. */
export const DIFFERS = {
  name: "close",
  words: [-1],
  text: ["-1 /* the file does not hold what was written */"],
} as const;

/** A file with a line per disk is longer than one value. */
const LINES_BYTES = 4096;

/** Fails at `DIFFERS` unless the file at `path` is `holds` with its newline, or with `line` has such a line. */
export function readBack(
  to: Emitter,
  { path, holds, line }: { readonly path: string; readonly holds: string; readonly line: boolean },
): void {
  const size = line ? LINES_BYTES : Math.ceil((holds.length + 2) / 64) * 64;
  const buffer: Cell = { cell: `read back ${size}`, size };
  // The newline in front of the first line makes it like the others.
  to.add({ kind: "store", value: NEWLINE, address: buffer, width: 1 });
  to.call(openat({ pathname: path, flags: O_RDONLY | O_CLOEXEC }), { into: "fd" });
  to.call(read({ fd: result("fd"), buf: { ...buffer, offset: 1 }, count: size - 1 }), {
    into: "count",
  });
  to.call(close({ fd: result("fd") }), { onError: "continue" });
  const text = `\n${holds}\n`;
  const differs = to.label("differs");
  const same = to.label("same");
  if (line) findText(to, { buffer, text, same, differs });
  else {
    // The file ends where the text does.
    const whole = to.label("whole");
    to.add(
      { kind: "branch", when: "equal", left: result("count"), right: text.length - 1, to: whole },
      { kind: "jump", to: differs },
      { kind: "label", name: whole },
    );
    compareAt(to, { buffer, text, differs });
    to.add({ kind: "jump", to: same });
  }
  to.add({ kind: "label", name: differs });
  to.call(DIFFERS);
  to.add({ kind: "label", name: same });
}

const NEWLINE = 10;

interface Comparison {
  readonly buffer: Cell;
  readonly text: string;
  readonly differs: string;
}

/** Goes through the buffer byte by byte until `text` stands there. */
function findText(to: Emitter, comparison: Comparison & { readonly same: string }): void {
  const { buffer, text, same, differs } = comparison;
  const next = to.label("next");
  const here = to.label("here");
  const other = to.label("other");
  to.add(
    { kind: "add", into: "at", left: buffer, right: 0 },
    // One behind the last place where it can begin: the text has the newline in front, which was not read.
    { kind: "add", into: "end", left: result("at"), right: result("count") },
    { kind: "add", into: "end", left: result("end"), right: 2 - text.length },
    { kind: "label", name: next },
    { kind: "branch", when: "less", left: result("at"), right: result("end"), to: here },
    { kind: "jump", to: differs },
    { kind: "label", name: here },
  );
  compareAt(to, { buffer, text, differs: other }, true);
  to.add(
    { kind: "jump", to: same },
    { kind: "label", name: other },
    { kind: "add", into: "at", left: result("at"), right: 1 },
    { kind: "jump", to: next },
  );
}

/** Goes to `differs` unless `text` stands at the buffer's begin, or at the address in the slot `at`. */
function compareAt(to: Emitter, { buffer, text, differs }: Comparison, moving = false): void {
  const bytes = new Uint8Array(text.length + 8);
  for (let i = 0; i < text.length; i++) bytes[i] = text.charCodeAt(i);
  const view = new DataView(bytes.buffer);
  for (let offset = 0; offset < text.length;) {
    const width = [8, 4, 2, 1].find((one) => offset + one <= text.length) as 1 | 2 | 4 | 8;
    const right = view.getBigUint64(offset, true) & ((1n << BigInt(width * 8)) - 1n);
    const equal = to.label("equal");
    to.add(
      {
        kind: "load",
        into: "held",
        width,
        ...(moving ? { address: result("at"), offset } : { address: { ...buffer, offset } }),
      },
      { kind: "branch", when: "equal", left: result("held"), right, to: equal },
      { kind: "jump", to: differs },
      { kind: "label", name: equal },
    );
    offset += width;
  }
}
