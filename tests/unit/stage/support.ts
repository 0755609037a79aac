/** What the tests of the stage share: short ways to write programs, and a small kernel for the simulator. */
import type { Bytes, Cell, ResultOf, Word } from "../../../ffi/calls/call.ts";
import { syscallNames } from "../../../ffi/abi/syscalls.ts";
import { encode } from "../../../ffi/stage/encode.ts";
import type { Architecture, Instruction } from "../../../ffi/stage/language.ts";
import { createMachine, MemoryFault, readMemory, runMachine } from "../../../ffi/stage/simulate.ts";
import type { Kernel, Machine } from "../../../ffi/stage/simulate.ts";

export const ARCHITECTURES: readonly Architecture[] = ["x86_64", "aarch64"];

export function text(value: string): Bytes {
  return { bytes: new TextEncoder().encode(value) };
}

export function result(name: string): ResultOf {
  return { result: name };
}

export function cell(name: string, size: number, offset = 0): Cell {
  return { cell: name, size, offset };
}

export interface CallOptions {
  readonly into?: string;
  readonly onError?: string;
  readonly step?: number;
}

export function call(name: string, words: readonly Word[], options: CallOptions = {}): Instruction {
  const { into, onError = "continue", step = 0 } = options;
  const record = { kind: "syscall", call: { name, words, text: [] }, onError, step } as const;
  return into === undefined ? record : { ...record, into };
}

export function exit(status: Word): Instruction {
  return call("exit_group", [status]);
}

export function label(name: string): Instruction {
  return { kind: "label", name };
}

export function jump(to: string): Instruction {
  return { kind: "jump", to };
}

export function add(into: string, left: Word, right: Word): Instruction {
  return { kind: "add", into, left, right };
}

export function set(into: string, value: Word): Instruction {
  return add(into, value, 0);
}

export function store(address: Word, value: Word, width: 1 | 2 | 4 | 8 = 8): Instruction {
  return { kind: "store", address, value, width };
}

export function branch(when: "equal" | "less", operands: readonly [Word, Word], to: string) {
  return { kind: "branch", when, left: operands[0], right: operands[1], to } as const;
}

/** Writes the values of slots to standard output, eight bytes each. */
export function report(names: readonly string[], cellName = "report"): Instruction[] {
  const size = names.length * 8;
  return [
    ...names.map((name, i) => store(cell(cellName, size, i * 8), result(name))),
    call("write", [1, cell(cellName, size), size]),
  ];
}

export interface RunResult {
  readonly status: number;
  readonly output: Uint8Array;
}

const ENOSYS = 38n;
const EFAULT = 14n;

interface KernelState {
  readonly output: number[];
  umask: bigint;
}

type Call = (words: readonly bigint[], machine: Machine, state: KernelState) => bigint;

function write(
  [fd = 0n, address = 0n, count = 0n]: readonly bigint[],
  machine: Machine,
  state: KernelState,
) {
  if (fd !== 1n) return -9n;
  try {
    state.output.push(...readMemory(machine.memory, address, Number(count)));
  } catch (error) {
    if (error instanceof MemoryFault) return -EFAULT;
    throw error;
  }
  return count;
}

/** The calls that the random programs make, as Linux answers them to a process whose standard output is a pipe. */
const CALLS: Record<string, Call> = {
  write,
  getpid: () => 4711n,
  close: ([fd = 0n]) => fd === -1n ? -9n : -ENOSYS,
  sched_yield: () => 0n,
  dup: () => -9n,
  lseek: () => -29n,
  umask: ([mask = 0n], _machine, state) => {
    const old = state.umask;
    state.umask = mask & 0o777n;
    return old;
  },
};

function makeKernel(architecture: Architecture, state: KernelState): Kernel {
  const names = syscallNames(architecture);
  return (number, words, machine) => {
    const name = names.get(number) ?? "";
    if (name === "exit_group") return { stop: "exit", status: Number((words[0] ?? 0n) & 255n) };
    const run = CALLS[name];
    return run === undefined ? -ENOSYS : run(words, machine, state);
  };
}

/** Runs an image on the simulator, as `runReal` of the integration tests runs it on a processor. */
export function runSimulated(image: Uint8Array, stepsMax = 1_000_000): RunResult {
  const machine = createMachine(image);
  const state: KernelState = { output: [], umask: 0o22n };
  const kernel = makeKernel(machine.image.architecture, state);
  const stop = runMachine(machine, { kernel, stepsMax });
  return { status: stop.status, output: Uint8Array.from(state.output) };
}

/** The 64-bit numbers of an output. */
export function toWords(output: Uint8Array): bigint[] {
  const view = new DataView(output.buffer, output.byteOffset, output.byteLength);
  return Array.from({ length: output.length / 8 }, (_, i) => view.getBigInt64(i * 8, true));
}

export function imageOf(instructions: readonly Instruction[], architecture: Architecture) {
  return encode({ instructions }, architecture).image;
}

/** An executable for x86-64 with one segment and notes behind it. It ends with as many words as it was executed with, plus what rdx holds. */
export function madeUpExecutable(): Uint8Array<ArrayBuffer> {
  // mov rdi, [rsp]; add rdi, rdx; mov eax, 231; syscall
  const code = [0x48, 0x8b, 0x3c, 0x24, 0x48, 0x01, 0xd7, 0xb8, 231, 0, 0, 0, 0x0f, 0x05];
  const first = 64 + 2 * 56;
  const base = 0x400000;
  const bytes = new Uint8Array(first + code.length);
  const view = new DataView(bytes.buffer);
  bytes.set([0x7f, 0x45, 0x4c, 0x46, 2, 1, 1]);
  bytes.set(code, first);
  view.setUint16(16, 2, true);
  view.setUint16(18, 62, true);
  view.setUint32(20, 1, true);
  view.setBigUint64(24, BigInt(base + first), true);
  view.setBigUint64(32, 64n, true);
  view.setUint16(52, 64, true);
  view.setUint16(54, 56, true);
  view.setUint16(56, 2, true);
  const headers = [
    { type: 1, flags: 5, words: [0, base, base, bytes.length, bytes.length, 4096] },
    { type: 4, flags: 4, words: [0, base, base, 0, 0, 4] },
  ];
  headers.forEach(({ type, flags, words }, index) => {
    const at = 64 + index * 56;
    view.setUint32(at, type, true);
    view.setUint32(at + 4, flags, true);
    words.forEach((word, field) => view.setBigUint64(at + 8 + field * 8, BigInt(word), true));
  });
  return bytes;
}
