/**
 * A small assembler for aarch64: the instructions of the stage's interpreter, no more.
 * Encodings: Arm Architecture Reference Manual for A-profile, section C4.1 and C6.2.
 */
import type { Line } from "./assembler.ts";

/** 0…30 = x0…x30 (or w0…w30, by the instruction); `ZERO` where the instruction reads 31 as zero. */
export type Register = number;
export const ZERO: Register = 31;

export type Width = 1 | 2 | 4 | 8;

function word(value: number): Line {
  return { kind: "bytes", bytes: bytesOf(value) };
}

function bytesOf(value: number): number[] {
  return [value & 255, (value >>> 8) & 255, (value >>> 16) & 255, (value >>> 24) & 255];
}

function check(fits: boolean, what: string): void {
  if (!fits) throw new RangeError(what);
}

/** `movz` + `movk`: x = a 32-bit number. */
export function moveImmediate32(to: Register, value: number): Line {
  const low = 0xd2800000 | ((value & 0xffff) << 5) | to;
  const high = 0xf2a00000 | ((value >>> 16) << 5) | to;
  return { kind: "bytes", bytes: [...bytesOf(low), ...bytesOf(high)] };
}

export function move(to: Register, from: Register): Line {
  return word(0xaa0003e0 | (from << 16) | to);
}

export interface At {
  readonly base: Register;
  /** Bytes; a multiple of the width, 0…4095 widths. */
  readonly offset?: number;
}

function access(opcode: number, data: Register, { at, width }: { at: At; width: Width }): Line {
  const scaled = (at.offset ?? 0) / width;
  check(Number.isInteger(scaled) && scaled >= 0 && scaled < 4096, `offset ${at.offset}`);
  const size = Math.log2(width);
  return word(opcode | (size << 30) | (scaled << 10) | (at.base << 5) | data);
}

/** `ldr`, `ldrh`, `ldrb`: zero-extended to 64 bit. */
export function load(to: Register, at: At, width: Width): Line {
  return access(0x39400000, to, { at, width });
}

/** `str`, `strh`, `strb`: the low bytes. */
export function store(from: Register, at: At, width: Width): Line {
  return access(0x39000000, from, { at, width });
}

/** `ldr x, [base, index, lsl #3]`. */
export function loadIndexed(to: Register, base: Register, index: Register): Line {
  return word(0xf8607800 | (index << 16) | (base << 5) | to);
}

/** `str x, [base, index, lsl #3]`. */
export function storeIndexed(from: Register, base: Register, index: Register): Line {
  return word(0xf8207800 | (index << 16) | (base << 5) | from);
}

export interface Operands {
  readonly left: Register;
  readonly right: Register;
  /** Bits that the right operand is shifted to the left before. */
  readonly shift?: number;
}

export function add(to: Register, { left, right, shift = 0 }: Operands): Line {
  return word(0x8b000000 | (right << 16) | (shift << 10) | (left << 5) | to);
}

export function subtract(to: Register, { left, right, shift = 0 }: Operands): Line {
  return word(0xcb000000 | (right << 16) | (shift << 10) | (left << 5) | to);
}

export function addImmediate(to: Register, left: Register, value: number): Line {
  check(value >= 0 && value < 4096, `immediate ${value}`);
  return word(0x91000000 | (value << 10) | (left << 5) | to);
}

/** `cmp x, x`. */
export function compare(left: Register, right: Register): Line {
  return word(0xeb00001f | (right << 16) | (left << 5));
}

/** `cmp w, #value`. */
export function compareImmediate32(left: Register, value: number): Line {
  check(value >= 0 && value < 4096, `immediate ${value}`);
  return word(0x7100001f | (value << 10) | (left << 5));
}

/** `cmn w, #value`: compares with −value. */
export function compareNegative32(left: Register, value: number): Line {
  check(value >= 0 && value < 4096, `immediate ${value}`);
  return word(0x3100001f | (value << 10) | (left << 5));
}

/** `cmn x, #value`: compares with −value. */
export function compareNegative(left: Register, value: number): Line {
  check(value >= 0 && value < 4096, `immediate ${value}`);
  return word(0xb100001f | (value << 10) | (left << 5));
}

/** `lsl x, x, x`: by the low six bits of the count. */
export function shiftLeft(to: Register, from: Register, count: Register): Line {
  return word(0x9ac02000 | (count << 16) | (from << 5) | to);
}

/** `asr x, x, x`: by the low six bits of the count. */
export function shiftRightSigned(to: Register, from: Register, count: Register): Line {
  return word(0x9ac02800 | (count << 16) | (from << 5) | to);
}

/** `lsr x, x, #count`. */
export function shiftRightImmediate(to: Register, from: Register, count: number): Line {
  return word(0xd340fc00 | (count << 16) | (from << 5) | to);
}

/** `svc #0`: number in x8, words in x0…x5, result in x0; the kernel keeps all others (syscall(2)). */
export const systemCall: Line = word(0xd4000001);
/** `udf #0`: SIGILL, which ends a PID 1 too. */
export const illegal: Line = word(0);

const CONDITIONS = { equal: 0, notEqual: 1, below: 3, less: 11 } as const;
export type Condition = keyof typeof CONDITIONS;

function reference(to: string, encode: (words: number) => number): Line {
  return { kind: "reference", to, size: 4, encode: (distance) => bytesOf(encode(distance / 4)) };
}

export function jump(to: string): Line {
  return reference(to, (words) => 0x14000000 | (words & 0x3ffffff));
}

/** `b.cond`: reaches ±1 MiB. */
export function jumpIf(condition: Condition, to: string): Line {
  return reference(to, (words) => {
    check(Math.abs(words) < 1 << 18, `${to} is out of reach`);
    return 0x54000000 | ((words & 0x7ffff) << 5) | CONDITIONS[condition];
  });
}

/** `tbz w, #bit`: reaches ±32 KiB; bit 0…31. */
export function jumpIfBitClear(register: Register, bit: number, to: string): Line {
  return reference(to, (words) => {
    check(Math.abs(words) < 1 << 13, `${to} is out of reach`);
    return 0x36000000 | (bit << 19) | ((words & 0x3fff) << 5) | register;
  });
}
