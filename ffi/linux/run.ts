/** Runs records in the runner, now. The same records that the stage interprets, with the same convention for results. */
import { EAGAIN, MAX_ERRNO } from "../abi/errno.ts";
import { forArchitecture } from "../calls/architecture.ts";
import type { Bytes, Cell, Syscall, Word } from "../calls/call.ts";
import { Arena, type Piece } from "../memory/arena.ts";
import { SyscallError } from "./error.ts";
import { type Kernel, kernel, numberOf, numbers } from "./libc.ts";

export { SyscallError } from "./error.ts";

/** Results of earlier records by the names that they were given. */
export type Results = ReadonlyMap<string, number | bigint>;

const NO_RESULTS: Results = new Map();

const mapper = {
  map(length: number, how: { readonly prot: number; readonly flags: number }): number {
    const { prot, flags } = how;
    const address = kernel().call(numberOf("mmap"), [0, length, prot, flags, -1, 0]);
    if (failed(address)) {
      throw new SyscallError(`mmap(NULL, ${length}, …)`, -Number(address));
    }
    return Number(address);
  },
  unmap(address: number, length: number): void {
    kernel().call(numberOf("munmap"), [address, length]);
  },
  view: (address: number, length: number): ArrayBuffer => kernel().seam.view(address, length),
};

/** An arena of the runner's own memory. */
export function createArena(chunkBytes?: number): Arena {
  return new Arena(mapper, chunkBytes);
}

let bound: Kernel | undefined;

/** Constant bytes live as long as one call. */
const scratch = createArena();
/** Cells live as long as the process: few names, used again and again. */
const cellMemory = createArena();
const cells = new Map<string, Piece>();

/** True for the kernel's errors, −4095 to −1. */
export function failed(result: number | bigint): boolean {
  return typeof result === "number" && result < 0 && result >= -MAX_ERRNO;
}

/**
 * Runs a call; gives the kernel's own result, −errno on failure.
 *
 * Cells are the process's: a cell of the same name and size is the same memory in every call, zeroed at its first use.
 *
 * @throws RangeError when a result that a word names is not among `results`; SeamError where the kernel can't be called.
 */
export function callSync(call: Syscall, results: Results = NO_RESULTS): number | bigint {
  bound ??= kernel();
  const { seam, call: raw } = bound;
  const { name, words } = forArchitecture(call, seam.architecture);
  // Plain loops and no function per number: the engine compiles its own `map` at the first use (0.2 ms), and starts
  // threads for its compilers when a function was called some thirty times (more than a millisecond of a start).
  const placed: (number | bigint)[] = [];
  for (const word of words) placed.push(typeof word === "number" ? word : placeWord(word, results));
  try {
    const result = raw(numbers.get(name) ?? numberOf(name), placed);
    return result === -EAGAIN && name === "openat2" ? walkAgain(placed) : result;
  } finally {
    scratch.reset();
  }
}

/** How often a path is walked again before it is somebody's attack rather than an accident. */
const WALKS = 128;

/**
 * openat2(2): below a root the kernel doesn't follow ".." while anything on the machine is renamed or mounted, and asks for another try. A path
 * without one is walked so too where a link leads over one.
 */
function walkAgain(placed: readonly (number | bigint)[]): number | bigint {
  const { call } = kernel();
  let result: number | bigint = -EAGAIN;
  for (let tries = 0; tries < WALKS && result === -EAGAIN; tries++) {
    result = call(numberOf("openat2"), placed);
  }
  return result;
}

/**
 * As `callSync`, but a failure throws. For calls whose result is a descriptor, a pid, a count or an address: always exact
 * as a number.
 *
 * @throws SyscallError with the line that strace would print, the names of results replaced by their values.
 */
export function check(call: Syscall, results: Results = NO_RESULTS): number {
  const result = callSync(call, results);
  if (failed(result)) throw new SyscallError(call, -Number(result), { results });
  return Number(result);
}

/**
 * The bytes of a cell from its offset on, as the last calls left them: a view, so what a later call writes is seen in it.
 */
export function readCell(cell: Cell): Uint8Array<ArrayBuffer> {
  const { bytes } = cellPiece(cell);
  const { offset = 0 } = cell;
  return offset === 0 ? bytes : bytes.subarray(offset);
}

/** Writes into a cell from its offset on; throws RangeError when it does not fit. */
export function writeCell(cell: Cell, bytes: Uint8Array): void {
  readCell(cell).set(bytes);
}

function cellPiece(cell: Cell): Piece {
  const key = `${cell.size} ${cell.cell}`;
  let piece = cells.get(key);
  if (piece === undefined) {
    piece = cellMemory.allocate(cell.size, 16);
    cells.set(key, piece);
  }
  return piece;
}

function placeWord(word: Word, results: Results): number | bigint {
  if (typeof word === "number") return word;
  if (typeof word === "bigint") return BigInt.asIntN(64, word);
  if ("bytes" in word) return placeBytes(word, results);
  if ("cell" in word) return cellPiece(word).address + (word.offset ?? 0);
  const value = results.get(word.result);
  if (value === undefined) throw new RangeError(`no result is named "${word.result}"`);
  return value;
}

function placeBytes(constant: Bytes, results: Results): number {
  const { address, view } = scratch.place(constant.bytes, 16);
  for (const { offset, width, word } of constant.patches ?? []) {
    const value = BigInt.asUintN(width * 8, BigInt(placeWord(word, results)));
    if (width === 8) view.setBigUint64(offset, value, true);
    else view.setUint32(offset, Number(value), true);
  }
  return address;
}
