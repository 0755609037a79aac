/** The part of a stream that is in memory: memory of our own arena, so that the kernel can be given it. */
import type { Piece } from "../../../ffi/memory/arena.ts";

/** A stream of bytes. */
export interface ByteSource {
  /** Where in the window's piece there is room for the next bytes; `undefined`: all of it is room. */
  readonly room?: () => Room | Promise<Room>;
  /** Puts bytes into `piece` from `at` to at most `end`; gives how many, 0 when there are no more. */
  readonly read: (piece: Piece, at: number, end: number) => number | Promise<number>;
}

/** From `at` to `end`; in front of it is place for what a reader has not used yet, which is less than a block. */
export interface Room {
  readonly at: number;
  readonly end: number;
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
  for (;;) {
    const rest = available(window);
    if (rest >= count) return true;
    const given = source.room?.() ?? { at: rest, end: piece.size };
    const { at, end } = given instanceof Promise ? await given : given;
    moveRest(window, at);
    const got = source.read(piece, at, end);
    const length = typeof got === "number" ? got : await got;
    if (length === 0) return false;
    window.end += length;
  }
}

/** What is not used yet, to where it ends at `end`. */
function moveRest(window: Window, end: number): void {
  const start = end - available(window);
  if (start === window.start) return;
  if (start < 0) throw new RangeError("no place for what is left of a window");
  window.piece.bytes.copyWithin(start, window.start, window.end);
  window.base += window.start - start;
  window.start = start;
  window.end = end;
}
