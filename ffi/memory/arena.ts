/**
 * Memory for native code: one mapping of our own, because only that never moves (Bun moves small typed arrays, and a
 * pointer into one goes stale).
 *
 * Two ends: cells grow from the start and stay, the bytes of one call grow behind them and are given back after it.
 */
import { loadSeam } from "../seam/load.ts";
import { openLibc } from "./libc.ts";

/** Address space, not memory: pages are made when touched. */
const ARENA_BYTES = 64 << 20;
const CELL_BYTES = 1 << 20;
const ALIGNMENT = 16;

// <asm-generic/mman-common.h>; the numbers of mmap are the only ones needed before there is memory for a call.
const MMAP_NUMBER = { x64: 9, arm64: 222 } as const;
const PROT_READ_WRITE = 3;
const MAP_PRIVATE_ANONYMOUS_NORESERVE = 0x4022;

export interface Arena {
  readonly address: number;
  readonly bytes: Uint8Array;
  readonly view: DataView;
}

let arena: Arena | undefined;
let nextCell = 0;
let nextByte = CELL_BYTES;
const cells = new Map<string, number>();

export function openArena(): Arena {
  if (arena !== undefined) return arena;
  const number = MMAP_NUMBER[process.arch as keyof typeof MMAP_NUMBER];
  const libc = openLibc();
  const address = Number(
    libc.syscall(number, 0, ARENA_BYTES, PROT_READ_WRITE, MAP_PRIVATE_ANONYMOUS_NORESERVE, -1, 0),
  );
  if (address === -1) throw new Error(`cannot map ${ARENA_BYTES} bytes: errno ${libc.errno()}`);
  const buffer = loadSeam().view(address, ARENA_BYTES);
  arena = { address, bytes: new Uint8Array(buffer), view: new DataView(buffer) };
  return arena;
}

const aligned = (offset: number): number => (offset + ALIGNMENT - 1) & ~(ALIGNMENT - 1);

/** Offset of a named cell; the same name and size give the same memory. */
export function cellOffset(name: string, size: number): number {
  const key = `${size} ${name}`;
  const known = cells.get(key);
  if (known !== undefined) return known;
  const offset = nextCell;
  if (offset + size > CELL_BYTES) throw new RangeError("the arena has no room for another cell");
  nextCell = aligned(offset + size);
  cells.set(key, offset);
  return offset;
}

/** Where the bytes of the next call begin; `release` with it when the call is over. */
export function mark(): number {
  return nextByte;
}

export function release(to: number): void {
  nextByte = to;
}

/** Copies bytes into the arena; they stay until `release`. Gives their offset. */
export function place(bytes: Uint8Array): number {
  const offset = nextByte;
  const end = offset + bytes.length;
  if (end > ARENA_BYTES) {
    throw new RangeError(`${bytes.length} bytes are more than the arena can take`);
  }
  openArena().bytes.set(bytes, offset);
  nextByte = aligned(end);
  return offset;
}

/** Zeroed memory until `release`. */
export function reserve(size: number): number {
  const offset = nextByte;
  if (offset + size > ARENA_BYTES) {
    throw new RangeError(`${size} bytes are more than the arena can take`);
  }
  openArena().bytes.fill(0, offset, offset + size);
  nextByte = aligned(offset + size);
  return offset;
}
