/** The keeper's tables: entries (what it waits for) and boxes (one per container), each handed out and taken back. */
import type { Cell } from "../../../ffi/calls/call.ts";
import { type Emitter, result } from "../emitter.ts";
import { CONTAINERS_MAX, ENTRIES_MAX } from "./protocol.ts";

/** Something that is waited for. epoll hands its address back, so nothing is ever searched or multiplied. */
export const ENTRY = { next: 0, kind: 8, stream: 12, fd: 16, pid: 20, box: 24 } as const;
const ENTRY_BYTES = 32;
const ENTRIES: Cell = { cell: "entries", size: ENTRIES_MAX * ENTRY_BYTES };

/** Kinds of entries. */
export const KIND = {
  listen: 1,
  signals: 2,
  client: 3,
  pipe: 4,
  process: 5,
  held: 6,
  timer: 7,
} as const;

/** What is known of a container's log. */
export const BOX = {
  next: 0,
  name: 8,
  size: 16,
  limit: 24,
  files: 32,
  open: 36,
  lost: 40,
  /** Seconds that output waits for room; 0: it is dropped at once. */
  wait: 48,
  /** When it was waited for long enough, by CLOCK_MONOTONIC; 0: there is room; -1: that time is over. */
  until: 56,
} as const;
const BOX_BYTES = 64;
const BOXES: Cell = { cell: "boxes", size: CONTAINERS_MAX * BOX_BYTES };

interface Pool {
  readonly name: string;
  readonly cell: Cell;
  readonly bytes: number;
}

export const ENTRY_POOL: Pool = { name: "entry", cell: ENTRIES, bytes: ENTRY_BYTES };
export const BOX_POOL: Pool = { name: "box", cell: BOXES, bytes: BOX_BYTES };

/** Memory that was never used is not touched: it costs nothing until then. */
export function preparePool(to: Emitter, { name, cell }: Pool): void {
  to.add(
    { kind: "add", into: `fresh ${name}`, left: { ...cell, offset: 0 }, right: 0 },
    { kind: "add", into: `last ${name}`, left: { ...cell, offset: cell.size }, right: 0 },
    { kind: "add", into: `free ${name}`, left: 0, right: 0 },
  );
}

/** The slot `into` gets the address of a piece; where none is left it goes on at `full`. */
export function takePiece(
  to: Emitter,
  { name, bytes }: Pool,
  { into, full }: { readonly into: string; readonly full: string },
): void {
  const used = to.label("used");
  const fresh = to.label("fresh");
  const done = to.label("taken");
  to.add(
    { kind: "branch", when: "equal", left: result(`free ${name}`), right: 0, to: fresh },
    { kind: "add", into, left: result(`free ${name}`), right: 0 },
    { kind: "load", into: `free ${name}`, address: result(into), width: 8 },
    { kind: "jump", to: done },
    { kind: "label", name: fresh },
    {
      kind: "branch",
      when: "less",
      left: result(`fresh ${name}`),
      right: result(`last ${name}`),
      to: used,
    },
    { kind: "jump", to: full },
    { kind: "label", name: used },
    { kind: "add", into, left: result(`fresh ${name}`), right: 0 },
    { kind: "add", into: `fresh ${name}`, left: result(into), right: bytes },
    { kind: "label", name: done },
  );
}

/** The piece at the address in slot `of` can be handed out again. */
export function giveBack(to: Emitter, { name }: Pool, of: string): void {
  to.add(
    { kind: "store", value: result(`free ${name}`), address: result(of), width: 8 },
    { kind: "add", into: `free ${name}`, left: result(of), right: 0 },
  );
}
