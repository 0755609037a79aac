/**
 * The ELF envelope of a stage image: a static executable with fixed addresses (ET_EXEC), three loaded segments and a
 * stack that is not executable. elf(5), include/uapi/linux/elf.h.
 */
import type { Architecture } from "./language.ts";
import {
  CODE_BASE,
  CODE_OFFSET,
  DATA_BASE,
  DATA_OFFSET,
  ENTRY_ADDRESS,
  WRITABLE_BASE,
} from "./layout.ts";

const MACHINES: Record<Architecture, number> = { x86_64: 62, aarch64: 183 };
/** p_align. aarch64 kernels have pages of 4, 16 or 64 KiB; the file is laid out for all of them. */
const PAGE_SIZES: Record<Architecture, number> = { x86_64: 0x1000, aarch64: 0x10000 };

const ELF_HEADER_SIZE = 64;
const PROGRAM_HEADER_SIZE = 56;
const ET_EXEC = 2;
const PT_LOAD = 1;
const PT_GNU_STACK = 0x6474e551;
const PF_X = 1;
const PF_W = 2;
const PF_R = 4;

/** How much of each segment there is, in bytes. */
export interface SegmentSizes {
  readonly code: number;
  /** Header, records and constants. */
  readonly data: number;
  /** Place of the writable segment in the file, its bytes there, and its bytes in memory (the rest is zero). */
  readonly writableOffset: number;
  readonly writableFile: number;
  readonly writableMemory: number;
}

interface Segment {
  readonly type: number;
  readonly flags: number;
  readonly offset: number;
  readonly base: number;
  readonly file: number;
  readonly memory: number;
  readonly align: number;
}

function writeSegment(view: DataView, at: number, segment: Segment): void {
  const address = segment.base === 0 ? 0 : segment.base + segment.offset;
  view.setUint32(at, segment.type, true);
  view.setUint32(at + 4, segment.flags, true);
  view.setUint32(at + 8, segment.offset, true);
  view.setUint32(at + 16, address, true);
  view.setUint32(at + 24, address, true);
  view.setUint32(at + 32, segment.file, true);
  view.setUint32(at + 40, segment.memory, true);
  view.setUint32(at + 48, segment.align, true);
}

/** Writes the ELF header and the four program headers to the first 288 bytes of `view`, which must be zero. */
export function writeElfHeaders(
  view: DataView,
  architecture: Architecture,
  sizes: SegmentSizes,
): void {
  view.setUint32(0, 0x464c457f, true); // "\x7fELF"
  view.setUint32(4, 0x00010102, true); // 64 bit, little-endian, version 1, System V
  view.setUint16(16, ET_EXEC, true);
  view.setUint16(18, MACHINES[architecture], true);
  view.setUint32(20, 1, true);
  view.setUint32(24, ENTRY_ADDRESS, true);
  view.setUint32(32, ELF_HEADER_SIZE, true);
  view.setUint16(52, ELF_HEADER_SIZE, true);
  view.setUint16(54, PROGRAM_HEADER_SIZE, true);
  view.setUint16(56, 4, true);
  const align = PAGE_SIZES[architecture];
  const code = CODE_OFFSET + sizes.code;
  const at = (i: number) => ELF_HEADER_SIZE + i * PROGRAM_HEADER_SIZE;
  const load = { type: PT_LOAD, align };
  writeSegment(view, at(0), {
    ...load,
    flags: PF_R | PF_X,
    offset: 0,
    base: CODE_BASE,
    file: code,
    memory: code,
  });
  writeSegment(view, at(1), {
    ...load,
    flags: PF_R,
    offset: DATA_OFFSET,
    base: DATA_BASE,
    file: sizes.data,
    memory: sizes.data,
  });
  writeSegment(view, at(2), {
    ...load,
    flags: PF_R | PF_W,
    offset: sizes.writableOffset,
    base: WRITABLE_BASE,
    file: sizes.writableFile,
    memory: sizes.writableMemory,
  });
  const stack = { type: PT_GNU_STACK, flags: PF_R | PF_W, offset: 0, base: 0, file: 0, memory: 0 };
  writeSegment(view, at(3), { ...stack, align: 16 });
}

/** A loaded segment as the program headers say it. */
export interface LoadedSegment {
  readonly address: number;
  readonly offset: number;
  readonly fileSize: number;
  readonly memorySize: number;
  readonly readable: boolean;
  readonly writable: boolean;
  readonly executable: boolean;
}

export interface ElfImage {
  readonly architecture: Architecture;
  readonly entry: number;
  readonly segments: readonly LoadedSegment[];
  readonly executableStack: boolean;
}

function readArchitecture(view: DataView): Architecture {
  const machine = view.getUint16(18, true);
  for (const name of ["x86_64", "aarch64"] as const) if (MACHINES[name] === machine) return name;
  throw new RangeError(`not a stage image: machine ${machine}`);
}

/** The reverse of `writeElfHeaders`. Throws RangeError where the bytes are no such image. */
export function readElf(image: Uint8Array): ElfImage {
  const view = new DataView(image.buffer, image.byteOffset, image.byteLength);
  if (image.length < DATA_OFFSET || view.getUint32(0, true) !== 0x464c457f) {
    throw new RangeError("not a stage image: no ELF header");
  }
  const segments: LoadedSegment[] = [];
  let executableStack = true;
  for (let i = 0; i < view.getUint16(56, true); i++) {
    const at = view.getUint32(32, true) + i * PROGRAM_HEADER_SIZE;
    const type = view.getUint32(at, true);
    const flags = view.getUint32(at + 4, true);
    if (type === PT_GNU_STACK) executableStack = (flags & PF_X) !== 0;
    if (type !== PT_LOAD) continue;
    segments.push({
      offset: view.getUint32(at + 8, true),
      address: view.getUint32(at + 16, true),
      fileSize: view.getUint32(at + 32, true),
      memorySize: view.getUint32(at + 40, true),
      readable: (flags & PF_R) !== 0,
      writable: (flags & PF_W) !== 0,
      executable: (flags & PF_X) !== 0,
    });
  }
  const entry = view.getUint32(24, true);
  return { architecture: readArchitecture(view), entry, segments, executableStack };
}
