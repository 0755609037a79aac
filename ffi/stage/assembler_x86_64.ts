/**
 * A small assembler for x86-64: the instructions of the stage's interpreter, no more.
 * Encodings: Intel 64 and IA-32 Architectures Software Developer's Manual, volume 2.
 */
import type { Line } from "./assembler.ts";

const REGISTERS = [
  "rax",
  "rcx",
  "rdx",
  "rbx",
  "rsp",
  "rbp",
  "rsi",
  "rdi",
  "r8",
  "r9",
  "r10",
  "r11",
  "r12",
  "r13",
  "r14",
  "r15",
] as const;

/** A register by its 64-bit name; the width is the instruction's. */
export type Register = typeof REGISTERS[number];

/** `[base + index * scale + displacement]`; the scale is 8 unless said. */
export interface Memory {
  readonly base: Register;
  readonly index?: Register;
  readonly scale?: 1 | 8;
  readonly displacement?: number;
}

const numberOf = (register: Register): number => REGISTERS.indexOf(register);

function int32(value: number): number[] {
  return [value & 255, (value >> 8) & 255, (value >> 16) & 255, (value >> 24) & 255];
}

const isInt8 = (value: number): boolean => value >= -128 && value <= 127;

interface Form {
  readonly opcode: readonly number[];
  /** 64-bit operands: REX.W. */
  readonly wide?: boolean;
  /** 16-bit operands: prefix 66. */
  readonly short?: boolean;
  readonly immediate?: readonly number[];
}

/** ModRM, SIB and displacement of a memory operand. */
function memoryOperand(reg: number, memory: Memory): number[] {
  const { base, index, scale = 8, displacement = 0 } = memory;
  const sib = (log: number, at: number) => (log << 6) | ((at & 7) << 3) | low;
  const low = numberOf(base) & 7;
  // rbp and r13 as base have no form without displacement; rsp and r12 need a SIB byte (volume 2, table 2-2).
  const mode = displacement === 0 && low !== 5 ? 0 : isInt8(displacement) ? 1 : 2;
  const tail = mode === 0 ? [] : mode === 1 ? [displacement & 255] : int32(displacement);
  const modrm = (rm: number) => (mode << 6) | ((reg & 7) << 3) | rm;
  if (index !== undefined) {
    if (index === "rsp") throw new RangeError("rsp can't be an index");
    return [modrm(4), sib(Math.log2(scale), numberOf(index)), ...tail];
  }
  return low === 4 ? [modrm(4), sib(0, 4), ...tail] : [modrm(low), ...tail];
}

function instruction(form: Form, reg: number, operand: Register | Memory): Line {
  const isRegister = typeof operand === "string";
  const base = isRegister ? numberOf(operand) : numberOf(operand.base);
  const index = isRegister || operand.index === undefined ? 0 : numberOf(operand.index);
  const rex = 0x40 | (form.wide ? 8 : 0) | (reg > 7 ? 4 : 0) | (index > 7 ? 2 : 0) |
    (base > 7 ? 1 : 0);
  const bytes = form.short ? [0x66] : [];
  if (rex !== 0x40) bytes.push(rex);
  bytes.push(...form.opcode);
  if (isRegister) bytes.push(0xc0 | ((reg & 7) << 3) | base & 7);
  else bytes.push(...memoryOperand(reg, operand));
  bytes.push(...form.immediate ?? []);
  return { kind: "bytes", bytes };
}

/** Only these have a byte form that needs no REX prefix, which this assembler does not write for it. */
function byteRegister(register: Register): number {
  const number = numberOf(register);
  if (number > 3) throw new RangeError(`no byte form of ${register} here`);
  return number;
}

/** `mov r32, imm32`: the upper half becomes zero. */
export function moveImmediate(to: Register, value: number): Line {
  const number = numberOf(to);
  const prefix = number > 7 ? [0x41] : [];
  return { kind: "bytes", bytes: [...prefix, 0xb8 | number & 7, ...int32(value)] };
}

export function move(to: Register, from: Register): Line {
  return instruction({ opcode: [0x89], wide: true }, numberOf(from), to);
}

/** `to` = 8, 4, 2 or 1 bytes of memory, zero-extended to 64 bit. */
export function load(to: Register, from: Memory, width: 1 | 2 | 4 | 8): Line {
  const reg = numberOf(to);
  if (width === 8) return instruction({ opcode: [0x8b], wide: true }, reg, from);
  if (width === 4) return instruction({ opcode: [0x8b] }, reg, from);
  return instruction({ opcode: [0x0f, width === 2 ? 0xb7 : 0xb6] }, reg, from);
}

/** Memory = the low 8, 4, 2 or 1 bytes of `from`. */
export function store(to: Memory, from: Register, width: 1 | 2 | 4 | 8): Line {
  if (width === 1) return instruction({ opcode: [0x88] }, byteRegister(from), to);
  const form = { opcode: [0x89], wide: width === 8, short: width === 2 };
  return instruction(form, numberOf(from), to);
}

export function loadAddress(to: Register, from: Memory): Line {
  return instruction({ opcode: [0x8d], wide: true }, numberOf(to), from);
}

export function add(to: Register, from: Register): Line {
  return instruction({ opcode: [0x01], wide: true }, numberOf(from), to);
}

export function subtract(from: Register, what: Register): Line {
  return instruction({ opcode: [0x29], wide: true }, numberOf(what), from);
}

export function compare(left: Register, right: Register): Line {
  return instruction({ opcode: [0x39], wide: true }, numberOf(right), left);
}

function immediateForm(extension: number, operand: Register, value: number): Line {
  const form = isInt8(value)
    ? { opcode: [0x83], wide: true, immediate: [value & 255] }
    : { opcode: [0x81], wide: true, immediate: int32(value) };
  return instruction(form, extension, operand);
}

/** The immediate is extended with its sign to 64 bit. */
export function addImmediate(to: Register, value: number): Line {
  return immediateForm(0, to, value);
}

export function compareImmediate(left: Register, value: number): Line {
  return immediateForm(7, left, value);
}

/** `cmp r32, imm8`, the immediate extended with its sign. */
export function compareImmediate32(left: Register, value: number): Line {
  if (!isInt8(value)) throw new RangeError(`${value} is no 8-bit immediate`);
  return instruction({ opcode: [0x83], immediate: [value & 255] }, 7, left);
}

/** `test r8, imm8`. */
export function testImmediate8(register: Register, value: number): Line {
  byteRegister(register);
  return instruction({ opcode: [0xf6], immediate: [value & 255] }, 0, register);
}

/** `dec r32`; sets the zero flag. */
export function decrement32(register: Register): Line {
  return instruction({ opcode: [0xff] }, 1, register);
}

export function negate(register: Register): Line {
  return instruction({ opcode: [0xf7], wide: true }, 3, register);
}

export function shiftLeft(register: Register, count: number): Line {
  return instruction({ opcode: [0xc1], wide: true, immediate: [count] }, 4, register);
}

export function shiftRight(register: Register, count: number): Line {
  return instruction({ opcode: [0xc1], wide: true, immediate: [count] }, 5, register);
}

/** Shifts by the low six bits of rcx. */
export function shiftLeftByCounter(register: Register): Line {
  return instruction({ opcode: [0xd3], wide: true }, 4, register);
}

/** Shifts by the low six bits of rcx and keeps the sign. */
export function shiftRightSignedByCounter(register: Register): Line {
  return instruction({ opcode: [0xd3], wide: true }, 7, register);
}

/** `syscall`: clobbers rcx and r11, returns in rax; the kernel keeps all others (syscall(2), "Architecture calling conventions"). */
export const systemCall: Line = { kind: "bytes", bytes: [0x0f, 0x05] };
/** `rep movsb`: copies rcx bytes from where rsi points to where rdi does. */
export const copyBytes: Line = { kind: "bytes", bytes: [0xf3, 0xa4] };
/** `ud2`: SIGILL, which ends a PID 1 too. */
export const illegal: Line = { kind: "bytes", bytes: [0x0f, 0x0b] };

const CONDITIONS = { below: 2, equal: 4, notEqual: 5, less: 12 } as const;
export type Condition = keyof typeof CONDITIONS;

/** The short form: −128…127 bytes from the next instruction. Refused where it does not reach, never widened in silence. */
function short(opcode: number, to: string): Line {
  return {
    kind: "reference",
    to,
    size: 2,
    encode: (distance) => {
      const relative = distance - 2;
      if (!isInt8(relative)) throw new RangeError(`${to} is ${relative} bytes away`);
      return [opcode, relative & 255];
    },
  };
}

function near(opcode: readonly number[], to: string): Line {
  const size = opcode.length + 4;
  return {
    kind: "reference",
    to,
    size,
    encode: (distance) => [...opcode, ...int32(distance - size)],
  };
}

export function jump(to: string): Line {
  return short(0xeb, to);
}

/** A jump of up to 2 GiB. */
export function jumpFar(to: string): Line {
  return near([0xe9], to);
}

/** Goes on where a register points. */
export function jumpTo(register: Register): Line {
  return instruction({ opcode: [0xff] }, 4, register);
}

export function jumpIf(condition: Condition, to: string): Line {
  return short(0x70 | CONDITIONS[condition], to);
}

export function jumpIfFar(condition: Condition, to: string): Line {
  return near([0x0f, 0x80 | CONDITIONS[condition]], to);
}
