/** The part of a stream that is in memory: memory of our own arena, so that the kernel can be given it. */
import type { Piece } from "../../../ffi/memory/arena.ts";

/** A stream of bytes. */
export interface ByteSource {
  /** Puts bytes into `piece` from `at` to at most `end`; gives how many, 0 when there are no more. */
  readonly read: (piece: Piece, at: number, end: number) => number | Promise<number>;
}

export interface Window {
  readonly piece: Piece;
  /** The bytes that are there and not used yet: from `start` to `end` in the piece. */
  start: number;
  end: number;
  /** Where in the stream the piece's first byte is. */
  base: number;
}

export function createWindow(piece: Piece): Window {
  return { piece, start: 0, end: 0, base: 0 };
}

export const available = (window: Window): number => window.end - window.start;

/** Reads until `count` bytes are there; false when the stream ends before. `count` is at most the piece's size. */
export async function fill(
  window: Window,
  source: ByteSource,
  count: number,
): Promise<boolean> {
  const { piece } = window;
  if (window.start > 0) {
    piece.bytes.copyWithin(0, window.start, window.end);
    window.end -= window.start;
    window.base += window.start;
    window.start = 0;
  }
  while (window.end < count) {
    const got = source.read(piece, window.end, piece.size);
    const length = typeof got === "number" ? got : await got;
    if (length === 0) return false;
    window.end += length;
  }
  return true;
}
