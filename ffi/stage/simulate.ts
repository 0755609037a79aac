/**
 * Runs a stage image in JavaScript, against a kernel that the caller makes up: for unit tests and for injecting faults.
 * It reads the *encoded* image; that it does what the machine code does is proven by running random programs on both.
 */
import { decode, type DecodedImage, type DecodedRecord } from "./decode.ts";
import { CONDITION_EQUAL, MAX_ERRNO, SLOT_ERROR_ERRNO, SLOT_ERROR_RECORD } from "./layout.ts";
import { TARGET_CONTINUE, WIDTH_SIGNED } from "./layout.ts";

interface Piece {
  readonly address: number;
  readonly writable: boolean;
  readonly bytes: Uint8Array;
  readonly view: DataView;
}

/** The memory of a stage: its three segments, as the ELF lays them out. */
export interface Memory {
  readonly pieces: readonly Piece[];
}

/** The process would die of SIGSEGV. A kernel that is asked to touch such memory answers EFAULT. */
export class MemoryFault extends Error {
  override readonly name = "MemoryFault";
}

/** A program that did not end within the steps given to it. */
export class StepLimitError extends Error {
  override readonly name = "StepLimitError";
}

function findPiece(memory: Memory, address: bigint, size: number): Piece {
  for (const piece of memory.pieces) {
    const offset = address - BigInt(piece.address);
    if (offset >= 0n && offset + BigInt(size) <= BigInt(piece.bytes.length)) return piece;
  }
  throw new MemoryFault(`nothing at 0x${BigInt.asUintN(64, address).toString(16)}, ${size} bytes`);
}

/** The bytes at an address: a view, of use until the machine is forked. Throws MemoryFault. */
export function readMemory(memory: Memory, address: bigint, size: number): Uint8Array {
  const piece = findPiece(memory, address, size);
  const offset = Number(address) - piece.address;
  return piece.bytes.subarray(offset, offset + size);
}

/** Throws MemoryFault also where the memory is read-only. */
export function writeMemory(memory: Memory, address: bigint, bytes: Uint8Array): void {
  const piece = findPiece(memory, address, bytes.length);
  if (!piece.writable) throw new MemoryFault(`0x${address.toString(16)} is read-only`);
  piece.bytes.set(bytes, Number(address) - piece.address);
}

/** What ends a simulated process: its exit status, or another word of the kernel's choice as "exec". */
export interface Stop {
  readonly stop: string;
  readonly status: number;
}

/**
 * A kernel: gets the number, the six words as signed 64-bit numbers, and the machine (its memory; `forkMachine` for a
 * clone). Answers with the raw result, or ends the process.
 */
export type Kernel = (
  number: number,
  words: readonly bigint[],
  machine: Machine,
) => bigint | Stop;

export interface Machine {
  readonly image: DecodedImage;
  readonly memory: Memory;
  /** Index of the record that runs next. */
  next: number;
  /** Records run so far. */
  steps: number;
}

function makePiece(address: number, writable: boolean, bytes: Uint8Array): Piece {
  return { address, writable, bytes, view: new DataView(bytes.buffer, 0, bytes.length) };
}

/** A process at its first record. Throws RangeError for bytes that are no stage image. */
export function createMachine(image: Uint8Array): Machine {
  const decoded = decode(image);
  const pieces = decoded.elf.segments.map((segment) => {
    const bytes = new Uint8Array(segment.memorySize);
    bytes.set(image.subarray(segment.offset, segment.offset + segment.fileSize));
    return makePiece(segment.address, segment.writable, bytes);
  });
  return { image: decoded, memory: { pieces }, next: 0, steps: 0 };
}

/** A second process with its own memory, as clone3 without CLONE_VM makes it; `result` is what the call gives there. */
export function forkMachine(machine: Machine, result: bigint): Machine {
  const pieces = machine.memory.pieces.map(({ address, writable, bytes }) =>
    makePiece(address, writable, bytes.slice())
  );
  const child: Machine = { ...machine, memory: { pieces } };
  finishCall(child, recordAt(child), result);
  return child;
}

function recordAt({ image, next }: Machine): DecodedRecord {
  const record = image.records[next];
  if (record === undefined) throw new MemoryFault(`illegal instruction at record ${next}`);
  return record;
}

function access(machine: Machine, address: bigint, size: number) {
  const piece = findPiece(machine.memory, address, size);
  return { piece, offset: Number(address) - piece.address };
}

/** Value of a slot. */
export function readSlot(machine: Machine, slot: number): bigint {
  const { piece, offset } = access(machine, BigInt(machine.image.slotsAddress + slot * 8), 8);
  return piece.view.getBigInt64(offset, true);
}

function writeSlot(machine: Machine, slot: number, value: bigint): void {
  const { piece, offset } = access(machine, BigInt(machine.image.slotsAddress + slot * 8), 8);
  piece.view.setBigInt64(offset, value, true);
}

function fetchWords(machine: Machine, record: DecodedRecord): bigint[] {
  return record.words.map((word, i) =>
    (record.references & (1 << i)) !== 0 ? readSlot(machine, Number(word)) : word
  );
}

function finishCall(machine: Machine, record: DecodedRecord, raw: bigint): void {
  const result = BigInt.asIntN(64, raw);
  writeSlot(machine, record.destination, result);
  const failed = result < 0n && result >= -BigInt(MAX_ERRNO);
  if (!failed || record.target === TARGET_CONTINUE) {
    machine.next++;
    return;
  }
  writeSlot(machine, SLOT_ERROR_ERRNO, -result);
  writeSlot(machine, SLOT_ERROR_RECORD, BigInt(machine.next));
  machine.next = record.target;
}

function loadValue(machine: Machine, address: bigint, mode: number): bigint {
  const width = mode & ~WIDTH_SIGNED;
  const { piece, offset } = access(machine, address, width);
  const bytes = piece.bytes.subarray(offset, offset + width);
  const value = bytes.reduceRight((sum, byte) => (sum << 8n) | BigInt(byte), 0n);
  const bits = width * 8;
  return (mode & WIDTH_SIGNED) !== 0 ? BigInt.asIntN(bits, value) : value;
}

function storeValue(
  machine: Machine,
  address: bigint,
  { value, width }: { value: bigint; width: number },
): void {
  const bytes = Array.from({ length: width }, (_, i) => Number((value >> BigInt(i * 8)) & 255n));
  writeMemory(machine.memory, address, Uint8Array.from(bytes));
}

/** Runs one record. Returns why the process ended, or undefined while it goes on. */
export function stepMachine(machine: Machine, kernel: Kernel): Stop | undefined {
  const record = recordAt(machine);
  const words = fetchWords(machine, record);
  const [first = 0n, second = 0n, third = 0n] = words;
  const address = BigInt.asUintN(64, first + second);
  machine.steps++;
  switch (record.kind) {
    case "syscall": {
      const result = kernel(record.number, words, machine);
      if (typeof result !== "bigint") return result;
      finishCall(machine, record, result);
      return undefined;
    }
    case "branch": {
      const taken = record.mode === CONDITION_EQUAL ? first === second : first < second;
      machine.next = taken ? record.target : machine.next + 1;
      return undefined;
    }
    case "load":
      writeSlot(
        machine,
        record.destination,
        BigInt.asIntN(64, loadValue(machine, address, record.mode)),
      );
      break;
    case "store":
      storeValue(machine, address, { value: third, width: record.mode });
      break;
    case "add":
      writeSlot(machine, record.destination, BigInt.asIntN(64, first + second));
      break;
    case "jump":
      machine.next = record.target;
      return undefined;
  }
  machine.next++;
  return undefined;
}

export interface RunOptions {
  readonly kernel: Kernel;
  /** Records that may run before it is taken for an endless loop. */
  readonly stepsMax?: number;
}

/** Runs a machine to its end. Throws MemoryFault, and StepLimitError after `stepsMax` (100,000) records. */
export function runMachine(machine: Machine, { kernel, stepsMax = 100_000 }: RunOptions): Stop {
  while (machine.steps < stepsMax) {
    const stop = stepMachine(machine, kernel);
    if (stop !== undefined) return stop;
  }
  throw new StepLimitError(`not at its end after ${stepsMax} records`);
}

/** Runs an image from its first record. */
export function simulate(image: Uint8Array, options: RunOptions): Stop {
  return runMachine(createMachine(image), options);
}
