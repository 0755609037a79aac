/**
 * Calls that are made by the ten thousand, as unpacking an archive does: no record each, which costs more than the call. Who
 * uses one makes the record of `ffi/calls` when it fails, for the text of the error.
 */
import { openFlagsOfAarch64 } from "../abi/fcntl.ts";
import type { Piece } from "../memory/arena.ts";
import { kernel, numberOf } from "./libc.ts";

/** A call with its words: numbers, and addresses of memory of our own arena. Gives the kernel's own result, −errno on failure. */
export type HotCall = (...words: readonly number[]) => number;

/** `name` is the kernel's. */
export function hotCall(name: string): HotCall {
  const { call } = kernel();
  const number = numberOf(name);
  return (...words) => Number(call(number, words));
}

/** Open flags as this processor spells them. */
export function hotOpenFlags(flags: number): number {
  return kernel().seam.architecture === "aarch64" ? openFlagsOfAarch64(flags) : flags;
}

/** Writes `text`, a byte per character (0 to 255), with a NUL behind it; gives its address. It must fit and hold no NUL. */
export function placeBytes(piece: Piece, text: string): number {
  const { bytes } = piece;
  if (text.length >= bytes.length) throw new RangeError(`a name of ${text.length} bytes`);
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (code === 0 || code > 255) throw new RangeError("a name for the kernel holds no byte");
    bytes[i] = code;
  }
  bytes[text.length] = 0;
  return piece.address;
}
