/**
 * Puts a launcher in front of an executable: its code and its program are appended to the file, one more segment maps them, and the entry is the
 * launcher's. elf(5), include/uapi/linux/elf.h.
 *
 * There is no room for one more program header between the others and what follows them, so that of the notes (PT_NOTE: the build's id, which
 * nothing reads at run time) becomes the segment's. It stands behind the others, as its address does.
 */
import { readElf } from "./elf.ts";
import type { Encoded } from "./encode.ts";
import { assembleLauncherX86 } from "./launcher_x86_64.ts";
import { DATA_BASE, DATA_OFFSET } from "./layout.ts";

const PAGE = 0x1000;
const ET_EXEC = 2;
const EM_X86_64 = 62;
const PT_LOAD = 1;
const PT_NOTE = 4;
const PF_R_X = 5;

const down = (address: number): number => address - address % PAGE;
const up = (address: number): number => down(address + PAGE - 1);

interface Header {
  readonly at: number;
  readonly type: number;
  readonly end: number;
}

/** The program headers of an executable with fixed addresses for x86-64. */
function readHeaders(view: DataView): readonly Header[] {
  const isElf = view.byteLength > 64 && view.getUint32(0, false) === 0x7f454c46;
  if (!isElf || view.getUint16(16, true) !== ET_EXEC || view.getUint16(18, true) !== EM_X86_64) {
    throw new RangeError("not an executable with fixed addresses for x86-64");
  }
  const first = Number(view.getBigUint64(32, true));
  const size = view.getUint16(54, true);
  return Array.from({ length: view.getUint16(56, true) }, (_, index) => {
    const at = first + index * size;
    const end = Number(view.getBigUint64(at + 16, true) + view.getBigUint64(at + 40, true));
    return { at, type: view.getUint32(at, true), end };
  });
}

/** The header that becomes the segment's: no segment stands behind it, or reaches to where the launcher is. */
function freeHeader(headers: readonly Header[]): number {
  const note = headers.findLastIndex(({ type }) => type === PT_NOTE);
  const loads = headers.filter(({ type }) => type === PT_LOAD);
  const last = headers.findLastIndex(({ type }) => type === PT_LOAD);
  const free = headers[note];
  if (free === undefined || note < last || loads.some(({ end }) => end > DATA_BASE)) {
    throw new RangeError("its program headers leave no room for a launcher");
  }
  return free.at;
}

const viewOf = ({ buffer, byteOffset, byteLength }: Uint8Array): DataView =>
  new DataView(buffer, byteOffset, byteLength);

/** The segment's bytes: a page of code, then header, constants, records and what is writable at first, each where the encoder placed it. */
function segmentOf({ image, addresses }: Encoded, entry: number): Uint8Array {
  const writable = readElf(image).segments.find((segment) => segment.writable);
  if (writable === undefined) throw new RangeError("the program has no writable segment");
  const address = down(writable.address);
  const code = assembleLauncherX86({
    entry,
    initial: DATA_BASE + writable.offset,
    initialBytes: writable.fileSize,
    writable: writable.address,
    pages: { address, bytes: up(writable.address + writable.memorySize) - address },
    slots: addresses.slots,
  });
  if (code.length > DATA_OFFSET) throw new RangeError(`${code.length} bytes of code are no page`);
  const segment = image.slice();
  segment.fill(0, 0, DATA_OFFSET);
  segment.set(code);
  return segment;
}

/**
 * `executable` with a launcher of `program` in front. Throws RangeError where it is no executable with fixed addresses for x86-64, or its program
 * headers leave no room.
 */
export function addLauncher(
  executable: Uint8Array,
  program: Encoded,
): Uint8Array<ArrayBuffer> {
  const headers = readHeaders(viewOf(executable));
  const header = freeHeader(headers);
  const segment = segmentOf(program, Number(viewOf(executable).getBigUint64(24, true)));
  const offset = up(executable.length);
  const whole = new Uint8Array(offset + segment.length);
  whole.set(executable);
  whole.set(segment, offset);
  const view = viewOf(whole);
  view.setBigUint64(24, BigInt(DATA_BASE), true);
  view.setUint32(header, PT_LOAD, true);
  view.setUint32(header + 4, PF_R_X, true);
  const words = [offset, DATA_BASE, DATA_BASE, segment.length, segment.length, PAGE];
  words.forEach((word, index) => view.setBigUint64(header + 8 + index * 8, BigInt(word), true));
  return whole;
}
