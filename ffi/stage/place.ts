/**
 * Places what the words of a program point at: constants (merged by content), patched bytes, cells, slots.
 * Where the writable memory begins is known only when all is placed: until then a word that points there holds an
 * offset, and a fixup says from where.
 */
import type { Bytes, Cell, Patch, ResultOf, Word } from "../calls/call.ts";
import { CONSTANTS_ADDRESS, SLOT_ERROR_ERRNO, SLOT_ERROR_RECORD, SLOT_FIRST } from "./layout.ts";
import { ERROR_ERRNO, ERROR_RECORD } from "./language.ts";
import { createRegion, type Region, reserve, writeHalfWord, writeWord } from "./region.ts";
import { StageError } from "./stage_error.ts";

export type Area = "writable" | "cells";

/** `offset` in `region` holds an offset into `area`: the area's address is to be added. */
export interface Fixup {
  readonly region: Region;
  readonly offset: number;
  readonly area: Area;
}

/** A patch whose value only the run knows. */
export interface DynamicPatch {
  /** Offset of the place in the writable area. */
  readonly offset: number;
  readonly width: 4 | 8;
  readonly slot: number;
}

export interface Places {
  readonly constants: Region;
  readonly writable: Region;
  readonly fixups: Fixup[];
  readonly slots: Map<string, number>;
  /** Per slot the first instruction that reads it (for the message where nothing sets it), and whether one sets it. */
  readonly readBy: (number | undefined)[];
  readonly written: boolean[];
  readonly cells: Map<string, { readonly offset: number; readonly size: number }>;
  cellsLength: number;
  /** The instruction being encoded; messages name it. */
  instruction: number;
  readonly constantByText: Map<string, number>;
  readonly writableOf: Map<Bytes, { readonly offset: number; readonly patches: DynamicPatch[] }>;
}

export function createPlaces(): Places {
  const slots = new Map([[ERROR_RECORD, SLOT_ERROR_RECORD], [ERROR_ERRNO, SLOT_ERROR_ERRNO]]);
  return {
    constants: createRegion(8192),
    writable: createRegion(1024),
    fixups: [],
    slots,
    readBy: [],
    written: [true, true, true],
    cells: new Map(),
    cellsLength: 0,
    instruction: 0,
    constantByText: new Map(),
    writableOf: new Map(),
  };
}

/** Every cell begins at a multiple of this: enough for any struct of the kernel's. */
const CELL_ALIGN = 16;
const BYTES_ALIGN = 8;

/** Number of the named slot; the first use makes it. */
function slotNumber(places: Places, name: string): number {
  let slot = places.slots.get(name);
  if (slot === undefined) {
    // One number less than names: the discard slot has none.
    slot = places.slots.size + SLOT_FIRST - 2;
    places.slots.set(name, slot);
  }
  return slot;
}

/** The slot that a record writes. */
export function slotToWrite(places: Places, name: string): number {
  if (name === ERROR_RECORD || name === ERROR_ERRNO) {
    throw new StageError(`${name} is set by the stage alone`, places.instruction);
  }
  const slot = slotNumber(places, name);
  places.written[slot] = true;
  return slot;
}

function slotToRead(places: Places, { result }: ResultOf): number {
  const slot = slotNumber(places, result);
  places.readBy[slot] ??= places.instruction;
  return slot;
}

/** Throws StageError where a record reads a result that no record makes. */
export function checkSlots(places: Places): void {
  for (const [name, slot] of places.slots) {
    if (places.written[slot] === true) continue;
    throw new StageError(`no record makes "${name}"`, places.readBy[slot]);
  }
}

// windows-1252 has 256 different characters: different bytes give different texts, as a Map's key needs it.
const toText = new TextDecoder("latin1");

/** Offset of the bytes among the constants. */
function placeConstant(places: Places, word: Bytes): number {
  const text = toText.decode(word.bytes);
  let offset = places.constantByText.get(text);
  if (offset === undefined) {
    // An empty constant has an address of its own too, inside the segment.
    offset = reserve(places.constants, word.bytes.length || 1, BYTES_ALIGN);
    places.constants.bytes.set(word.bytes, offset);
    places.constantByText.set(text, offset);
  }
  return offset;
}

function placeCell(places: Places, { cell, size, offset = 0 }: Cell): number {
  let known = places.cells.get(cell);
  if (known === undefined) {
    if (!Number.isInteger(size) || size < 1) {
      throw new StageError(`cell "${cell}" has size ${size}`, places.instruction);
    }
    known = { offset: places.cellsLength, size };
    places.cells.set(cell, known);
    places.cellsLength += Math.ceil(size / CELL_ALIGN) * CELL_ALIGN;
  }
  if (known.size !== size) {
    const sizes = `${known.size} and ${size} bytes`;
    throw new StageError(`cell "${cell}" is said to have ${sizes}`, places.instruction);
  }
  if (!Number.isInteger(offset) || offset < 0 || offset > size) {
    throw new StageError(`cell "${cell}" has no offset ${offset}`, places.instruction);
  }
  return known.offset + offset;
}

function placePatch(places: Places, base: number, patch: Patch): DynamicPatch | undefined {
  const { width, word } = patch;
  const offset = base + patch.offset;
  if (typeof word === "object" && "result" in word) {
    return { offset, width, slot: slotToRead(places, word) };
  }
  const { writable } = places;
  if (width === 8) {
    writeOperand(places, { region: writable, offset, word });
  } else if (typeof word === "object" || !writeHalfWord(writable, offset, word)) {
    throw new StageError(`a patch of 4 bytes can't hold ${showWord(word)}`, places.instruction);
  }
  return undefined;
}

/** Places bytes that have patches, in memory of their own that can be written. */
function placeWritable(places: Places, word: Bytes) {
  const known = places.writableOf.get(word);
  if (known !== undefined) return known;
  const { bytes, patches = [] } = word;
  const offset = reserve(places.writable, bytes.length || 1, BYTES_ALIGN);
  places.writable.bytes.set(bytes, offset);
  const placed = { offset, patches: [] as DynamicPatch[] };
  places.writableOf.set(word, placed);
  for (const patch of patches) {
    const end = patch.offset + patch.width;
    if (!Number.isInteger(patch.offset) || patch.offset < 0 || end > bytes.length) {
      const where = `${patch.offset}…${end} of ${bytes.length} bytes`;
      throw new StageError(`a patch lies outside: ${where}`, places.instruction);
    }
    const dynamic = placePatch(places, offset, patch);
    if (dynamic !== undefined) placed.patches.push(dynamic);
    else if (typeof patch.word === "object" && "bytes" in patch.word) {
      placed.patches.push(...dynamicPatches(places, patch.word));
    }
  }
  return placed;
}

const NO_PATCHES: readonly DynamicPatch[] = [];

/** What must be written into memory before a record may use the word: also for bytes that its bytes point at. */
export function dynamicPatches(places: Places, word: Word): readonly DynamicPatch[] {
  if (typeof word !== "object" || !("bytes" in word) || word.patches === undefined) {
    return NO_PATCHES;
  }
  return placeWritable(places, word).patches;
}

function writeOffset(places: Places, fixup: Fixup, value: number): void {
  fixup.region.view.setUint32(fixup.offset, value, true);
  fixup.region.view.setUint32(fixup.offset + 4, 0, true);
  places.fixups.push(fixup);
}

/** A word as a message shows it. */
export function showWord(word: Word): string {
  if (typeof word !== "object") return String(word);
  if ("result" in word) return `the result "${word.result}"`;
  return "cell" in word ? `the address of cell "${word.cell}"` : "the address of bytes";
}

/**
 * Writes a word to `offset` of `region`: its value, or its place with a fixup, or (then it returns true) the number of
 * the slot that holds its value at run time.
 */
export function writeOperand(
  places: Places,
  { region, offset, word }: { region: Region; offset: number; word: Word },
): boolean {
  if (typeof word !== "object") {
    if (!writeWord(region, offset, word)) {
      throw new StageError(`${word} is no 64-bit integer`, places.instruction);
    }
    return false;
  }
  if ("result" in word) {
    region.view.setUint32(offset, slotToRead(places, word), true);
    return true;
  }
  if ("cell" in word) {
    writeOffset(places, { region, offset, area: "cells" }, placeCell(places, word));
  } else if (word.patches === undefined) {
    region.view.setUint32(offset, CONSTANTS_ADDRESS + placeConstant(places, word), true);
    region.view.setUint32(offset + 4, 0, true);
  } else {
    const { offset: place } = placeWritable(places, word);
    writeOffset(places, { region, offset, area: "writable" }, place);
  }
  return false;
}

/** Adds the areas' addresses to all words that wait for one. */
export function applyFixups(places: Places, addresses: Record<Area, number>): void {
  for (const { region, offset, area } of places.fixups) {
    region.view.setUint32(offset, region.view.getUint32(offset, true) + addresses[area], true);
  }
}
