/** Runs call records in the runner, through libc's syscall(2). */
import { errnoMessage, errnoName } from "../abi/errno.ts";
import { syscallNumber } from "../abi/syscalls.ts";
import { type Bytes, type Cell, showCall, type Syscall, type Word } from "../calls/call.ts";
import { cellOffset, mark, openArena, place, release } from "../memory/arena.ts";
import { openLibc } from "../memory/libc.ts";

/** Results of earlier calls, by the names that records give them. */
export type Results = ReadonlyMap<string, number>;

const NO_RESULTS: Results = new Map();

/** A call that the kernel refused; its text is a line of strace. */
export class SyscallError extends Error {
  readonly errno: number;
  readonly errnoName: string;
  /** As strace prints it, with its result. */
  readonly call: string;

  constructor(call: Syscall, errno: number) {
    const text = `${showCall(call)} = -1 ${errnoName(errno)} (${errnoMessage(errno)})`;
    super(text);
    this.name = "SyscallError";
    this.errno = errno;
    this.errnoName = errnoName(errno);
    this.call = text;
  }
}

/** The processor's name in the tables of ffi/abi. */
export function architecture(): "x86_64" | "aarch64" {
  if (process.arch === "x64") return "x86_64";
  if (process.arch === "arm64") return "aarch64";
  throw new Error(`this processor is not supported: ${process.arch}; x86-64 and aarch64 are`);
}

/** Runs a call and gives the kernel's own result: −errno on failure. */
export function callSync(call: Syscall, results: Results = NO_RESULTS): number | bigint {
  const libc = openLibc();
  const before = mark();
  try {
    const words = call.words.map((word) => resolve(word, results));
    const [a = 0, b = 0, c = 0, d = 0, e = 0, f = 0] = words;
    const number = syscallNumber(call.name, architecture());
    const result = libc.syscall(number, a, b, c, d, e, f);
    return result === -1 ? -libc.errno() : result;
  } finally {
    release(before);
  }
}

/** As `callSync`, for calls whose result is a small number. Throws SyscallError. */
export function check(call: Syscall, results: Results = NO_RESULTS): number {
  const result = Number(callSync(call, results));
  if (result < 0) throw new SyscallError(call, -result);
  return result;
}

function resolve(word: Word, results: Results): number | bigint {
  if (typeof word === "number") return word;
  if (typeof word === "bigint") return BigInt.asIntN(64, word);
  if ("result" in word) {
    const value = results.get(word.result);
    if (value === undefined) throw new Error(`there is no result "${word.result}"`);
    return value;
  }
  if ("cell" in word) return cellAddress(word);
  return openArena().address + placeBytes(word, results);
}

function cellAddress(cell: Cell): number {
  return openArena().address + cellOffset(cell.cell, cell.size) + (cell.offset ?? 0);
}

function placeBytes(bytes: Bytes, results: Results): number {
  const offset = place(bytes.bytes);
  for (const patch of bytes.patches ?? []) {
    const value = BigInt.asUintN(64, BigInt(resolve(patch.word, results)));
    const { view } = openArena();
    if (patch.width === 8) view.setBigUint64(offset + patch.offset, value, true);
    else view.setUint32(offset + patch.offset, Number(value & 0xffffffffn), true);
  }
  return offset;
}

/** The bytes of a cell, as they are now; a view, good until the next call that writes them. */
export function readCell(cell: Cell): Uint8Array {
  const start = cellOffset(cell.cell, cell.size) + (cell.offset ?? 0);
  return openArena().bytes.subarray(start, start + cell.size - (cell.offset ?? 0));
}

/** Writes into a cell before a call that reads it. */
export function writeCell(cell: Cell, bytes: Uint8Array): void {
  readCell(cell).set(bytes);
}
