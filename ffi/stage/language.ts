/**
 * The six records of the stage's language, in symbolic form (docs/stage.md has the meaning and the binary form).
 * Slots, cells and labels are names here; the encoder turns them into numbers and addresses.
 */
import type { Syscall, Word } from "../calls/call.ts";

/** Runs a system call; the raw kernel result (−errno on failure) goes to the slot `into`. */
export interface SyscallRecord {
  readonly kind: "syscall";
  readonly call: Syscall;
  /** Name of the slot that takes the result. */
  readonly into?: string;
  /**
   * Where to go on when the result is −4095…−1: a label (the slots `error.record` and `error.errno` are set first),
   * or `"continue"`: the next record, whatever happened.
   */
  readonly onError: string;
  /** Index of the operation of the plan that this record belongs to; reports name it. */
  readonly step: number;
}

/** Jumps to `to` when `left == right` / `left < right` (signed 64 bit). */
export interface BranchRecord {
  readonly kind: "branch";
  readonly when: "equal" | "less";
  readonly left: Word;
  readonly right: Word;
  readonly to: string;
}

/** `into` = the `width` bytes at `address` (+ `offset`), little-endian, zero- or sign-extended. */
export interface LoadRecord {
  readonly kind: "load";
  readonly into: string;
  readonly address: Word;
  /** Added to the address; may be a result. */
  readonly offset?: Word;
  readonly width: 1 | 2 | 4 | 8;
  readonly signed?: boolean;
}

/** Writes the low `width` bytes of `value` to `address` (+ `offset`). */
export interface StoreRecord {
  readonly kind: "store";
  readonly value: Word;
  readonly address: Word;
  readonly offset?: Word;
  readonly width: 1 | 2 | 4 | 8;
}

/** `into` = `left` + `right`, wrapping at 64 bit. */
export interface AddRecord {
  readonly kind: "add";
  readonly into: string;
  readonly left: Word;
  readonly right: Word;
}

export interface JumpRecord {
  readonly kind: "jump";
  readonly to: string;
}

/** Not a record: a name for the place of the next record. Unique in a program. */
export interface Label {
  readonly kind: "label";
  readonly name: string;
}

export type Instruction =
  | SyscallRecord
  | BranchRecord
  | LoadRecord
  | StoreRecord
  | AddRecord
  | JumpRecord
  | Label;

/** A whole program. Execution begins at the first record. */
export interface Program {
  readonly instructions: readonly Instruction[];
}

export type Architecture = "x86_64" | "aarch64";

/** The two slots that the interpreter sets itself when a call fails and `onError` names a label. */
export const ERROR_RECORD = "error.record";
export const ERROR_ERRNO = "error.errno";
