/**
 * The one form in which a kernel call exists in this program: a plain record, made by the pure functions of
 * `ffi/calls`, read by four consumers: run now in the runner (`ffi/linux`), encoded into the stage
 * (`ffi/stage`), printed by `plan` and by errors, compared by tests.
 *
 * No address and no file descriptor number that is known only at run time stands in a record.
 */

/** Constant bytes (a string with its NUL, a struct) that the call points at. The encoder places them. */
export interface Bytes {
  readonly bytes: Uint8Array;
  /**
   * Words that must be written into the bytes just before the call, because only then they are known
   * (an fd in a pollfd, the cgroup fd in clone_args) or because they are addresses: little-endian, `width` bytes.
   */
  readonly patches?: readonly Patch[];
}

export interface Patch {
  readonly offset: number;
  readonly width: 4 | 8;
  readonly word: Word;
}

/** The result of an earlier record of the same program, by the name that record gave it (`into`). */
export interface ResultOf {
  readonly result: string;
}

/** Named writable memory of the program: zeroed, `size` bytes, shared by all who give the same name and size. */
export interface Cell {
  readonly cell: string;
  readonly size: number;
  /** Offset in bytes inside the cell. */
  readonly offset?: number;
}

/** One argument of a call. 64-bit flags and masks are bigint (`1 << 33` is silently 2 in JavaScript). */
export type Word = number | bigint | Bytes | ResultOf | Cell;

/** A system call with its arguments, and each argument as strace prints it. */
export interface Syscall {
  /** The kernel's name; `ffi/abi/syscalls` gives the number per architecture. */
  readonly name: string;
  /** At most six. */
  readonly words: readonly Word[];
  /** One text per argument that strace prints (may be fewer than the words). */
  readonly text: readonly string[];
}

/** `move_mount(5, "", AT_FDCWD, "/proc", MOVE_MOUNT_F_EMPTY_PATH)`: the call as strace prints it, without its result. */
export function showCall(call: Syscall): string {
  return `${call.name}(${call.text.join(", ")})`;
}
