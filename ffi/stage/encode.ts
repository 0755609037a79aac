/** Program → stage image: the one encoder. docs/stage.md has the form. */
import { syscallNumber } from "../abi/syscalls.ts";
import { forArchitecture } from "../calls/architecture.ts";
import type { Word } from "../calls/call.ts";
import { writeElfHeaders } from "./elf.ts";
import { INTERPRETER_CODE } from "./generated/interpreter_code.ts";
import type {
  Architecture,
  Instruction,
  LoadRecord,
  Program,
  StoreRecord,
  SyscallRecord,
} from "./language.ts";
import * as layout from "./layout.ts";
import {
  applyFixups,
  checkSlots,
  createPlaces,
  dynamicPatches,
  type Places,
  slotToWrite,
  writeOperand,
} from "./place.ts";
import { createRegion, type Region, reserve } from "./region.ts";
import { StageError } from "./stage_error.ts";

export interface EncodeOptions {
  /** Number of a system call. Throws or gives undefined for one that the architecture doesn't have. */
  readonly numberOf?: (name: string, architecture: Architecture) => number | undefined;
}

/** A stage image and what one needs to read its reports. */
export interface Encoded {
  readonly architecture: Architecture;
  /** The ELF file. */
  readonly image: Uint8Array<ArrayBuffer>;
  /**
   * Per record of the image the instruction it comes from; a store that fills in a patch has the instruction that uses
   * the bytes. The last one is the trap, which has no instruction in the program.
   */
  readonly records: readonly Instruction[];
  /** Number of each named slot. */
  readonly slots: ReadonlyMap<string, number>;
  readonly addresses: Addresses;
}

export interface Addresses {
  readonly constants: number;
  readonly writable: number;
  readonly slots: number;
  readonly cells: ReadonlyMap<string, number>;
}

interface Encoder {
  readonly places: Places;
  readonly region: Region;
  readonly records: Instruction[];
  readonly labels: Map<string, number>;
  /** Per label that is not met yet: places in the region's halves that await its record, and who asked first. */
  readonly targets: Map<string, { readonly at: number[]; readonly instruction: number }>;
  readonly architecture: Architecture;
  readonly numbers: Map<string, number>;
  readonly numberOf: (name: string) => number | undefined;
}

/** Fields of a record, counted in halves of a word. */
const DESTINATION = layout.RECORD_DESTINATION / 4;
const TARGET = layout.RECORD_TARGET / 4;
const NUMBER = layout.RECORD_NUMBER / 4;
const WORDS = layout.RECORD_WORDS / 4;

const NO_WORDS: readonly Word[] = [];

/** The trap behind the program: reached only when an execve or an exit_group fails. */
const TRAP: SyscallRecord = {
  kind: "syscall",
  call: { name: "exit_group", words: [layout.TRAP_STATUS], text: [String(layout.TRAP_STATUS)] },
  onError: "continue",
  step: -1,
};

/** Takes the place of the next record; returns its index in the region's halves. */
function emit(encoder: Encoder, source: Instruction): number {
  encoder.records.push(source);
  return reserve(encoder.region, layout.RECORD_SIZE, 1) >> 2;
}

/** First half of a record: kind, mode and references in one. */
const headOf = (kind: number, mode: number, references: number): number =>
  kind | (mode << 8) | (references << 16);

/** Writes the words into the zeroed record at `at`; returns the mask of those that refer to slots. */
function putWords({ places, region }: Encoder, at: number, words: readonly Word[]): number {
  const { halves } = region;
  let references = 0;
  for (let i = 0, to = at + WORDS; i < words.length; i++, to += 2) {
    const word = words[i] as Word;
    if (typeof word === "number" && word === (word | 0)) {
      // The most frequent word, written here because a start runs this code before any compiler has seen it.
      halves[to] = word;
      if (word < 0) halves[to + 1] = word >> 31;
    } else if (writeOperand(places, { region, offset: to << 2, word })) references |= 1 << i;
  }
  return references;
}

/** Inserts the stores that fill in what only the run knows. */
function emitPatches(encoder: Encoder, words: readonly Word[], source: Instruction): void {
  const { places, region } = encoder;
  for (let i = 0; i < words.length; i++) {
    const word = words[i] as Word;
    if (typeof word !== "object" || !("patches" in word)) continue;
    for (const patch of dynamicPatches(places, word)) {
      const at = emit(encoder, source);
      const first = at + WORDS;
      // Word 2, the value, is the slot.
      region.halves[at] = headOf(layout.KIND_STORE, patch.width, 1 << 2);
      region.halves[first] = patch.offset;
      region.halves[first + 4] = patch.slot;
      places.fixups.push({ region, offset: first << 2, area: "writable" });
    }
  }
}

function putTarget({ places, region, labels, targets }: Encoder, at: number, to: string): void {
  const known = labels.get(to);
  if (known !== undefined) {
    region.halves[at + TARGET] = known;
    return;
  }
  let waiting = targets.get(to);
  if (waiting === undefined) targets.set(to, waiting = { at: [], instruction: places.instruction });
  waiting.at.push(at + TARGET);
}

function findNumber(encoder: Encoder, name: string): number {
  let number = encoder.numbers.get(name);
  if (number === undefined) {
    number = encoder.numberOf(name);
    if (number === undefined) {
      throw new StageError(`no system call "${name}"`, encoder.places.instruction);
    }
    encoder.numbers.set(name, number);
  }
  return number;
}

function encodeSyscall(encoder: Encoder, source: SyscallRecord): void {
  const { into, onError } = source;
  // Some flags have other numbers on another architecture.
  const { name, words } = forArchitecture(source.call, encoder.architecture);
  const { places, region } = encoder;
  if (words.length > layout.WORD_COUNT) {
    throw new StageError(`${name} has ${words.length} words`, places.instruction);
  }
  emitPatches(encoder, words, source);
  const at = emit(encoder, source);
  const references = putWords(encoder, at, words);
  const { halves } = region;
  halves[at] = headOf(layout.KIND_SYSCALL, 0, references);
  halves[at + DESTINATION] = into === undefined ? layout.SLOT_DISCARD : slotToWrite(places, into);
  halves[at + NUMBER] = findNumber(encoder, name);
  if (onError === "continue") halves[at + TARGET] = layout.TARGET_CONTINUE;
  else putTarget(encoder, at, onError);
}

function modeOf({ width, ...rest }: LoadRecord | StoreRecord): number {
  const signed = "signed" in rest && rest.signed === true && width < 8;
  return width | (signed ? layout.WIDTH_SIGNED : 0);
}

interface Parts {
  readonly kind: number;
  readonly mode?: number;
  readonly words: readonly Word[];
}

/** Any record but a system call; returns its index in the region's halves. */
function encodeRecord(encoder: Encoder, source: Instruction, { kind, mode = 0, words }: Parts) {
  emitPatches(encoder, words, source);
  const at = emit(encoder, source);
  const references = putWords(encoder, at, words);
  encoder.region.halves[at] = headOf(kind, mode, references);
  return at;
}

function putDestination({ places, region }: Encoder, at: number, into: string): void {
  region.halves[at + DESTINATION] = slotToWrite(places, into);
}

function placeLabel({ labels, records, places }: Encoder, name: string): void {
  if (labels.has(name) || name === "continue") {
    throw new StageError(`label "${name}" is taken`, places.instruction);
  }
  labels.set(name, records.length);
}

function encodeInstruction(encoder: Encoder, source: Instruction): void {
  switch (source.kind) {
    case "syscall":
      return encodeSyscall(encoder, source);
    case "label":
      return placeLabel(encoder, source.name);
    case "branch": {
      const mode = source.when === "equal" ? layout.CONDITION_EQUAL : layout.CONDITION_LESS;
      const words = [source.left, source.right];
      const at = encodeRecord(encoder, source, { kind: layout.KIND_BRANCH, mode, words });
      return putTarget(encoder, at, source.to);
    }
    case "load": {
      const parts = { kind: layout.KIND_LOAD, mode: modeOf(source) };
      const words = [source.address, source.offset ?? 0];
      const at = encodeRecord(encoder, source, { ...parts, words });
      return putDestination(encoder, at, source.into);
    }
    case "store": {
      const words = [source.address, source.offset ?? 0, source.value];
      encodeRecord(encoder, source, { kind: layout.KIND_STORE, mode: modeOf(source), words });
      return;
    }
    case "add": {
      const words = [source.left, source.right];
      const at = encodeRecord(encoder, source, { kind: layout.KIND_ADD, words });
      return putDestination(encoder, at, source.into);
    }
    case "jump": {
      const at = encodeRecord(encoder, source, { kind: layout.KIND_JUMP, words: NO_WORDS });
      return putTarget(encoder, at, source.to);
    }
  }
}

const ENDS = new Set(["exit", "exit_group", "execve", "execveat"]);

/** A program's last record must not go on to a next one, except by an execve that failed. */
function checkEnd({ instructions }: Program): void {
  const last = instructions.at(-1);
  const ends = last?.kind === "jump" || last?.kind === "syscall" && ENDS.has(last.call.name);
  if (!ends) {
    const what = last === undefined ? "the program is empty" : `the last one is a ${last.kind}`;
    throw new StageError(`${what}: a program ends in a jump, an exit_group or an execve`);
  }
}

function resolveTargets({ targets, labels, region }: Encoder): void {
  for (const [to, waiting] of targets) {
    const record = labels.get(to);
    if (record === undefined) throw new StageError(`no label "${to}"`, waiting.instruction);
    for (let i = 0; i < waiting.at.length; i++) region.halves[waiting.at[i] as number] = record;
  }
}

const alignUp = (value: number, align: number): number => Math.ceil(value / align) * align;

interface Layout {
  readonly addresses: Addresses;
  readonly recordsOffset: number;
  readonly writableOffset: number;
  readonly writableFile: number;
  readonly writableMemory: number;
}

function arrange({ region, places }: Encoder): Layout {
  // The region ends in the guard, a record of zeros: should even the trap fail, the stage dies of it.
  const recordsOffset = alignUp(layout.CONSTANTS_OFFSET + places.constants.length, 64);
  const writableOffset = recordsOffset + region.length;
  // Never empty: kernels before 6.7 refuse a segment that has memory but no bytes in the file.
  const writableFile = Math.max(places.writable.length, 8);
  const writable = layout.WRITABLE_BASE + writableOffset;
  const slots = alignUp(writable + writableFile, 64);
  const cellsAddress = alignUp(slots + (places.slots.size + 1) * 8, 64);
  const end = cellsAddress + places.cellsLength;
  if (writableOffset - layout.DATA_OFFSET > layout.DATA_LIMIT || end > layout.WRITABLE_END) {
    throw new StageError(`too large: ${writableOffset} bytes and ${end - writable} of cells`);
  }
  const cells = new Map<string, number>();
  for (const [name, { offset }] of places.cells) cells.set(name, cellsAddress + offset);
  applyFixups(places, { writable, cells: cellsAddress });
  const addresses = { constants: layout.CONSTANTS_ADDRESS, writable, slots, cells };
  return {
    addresses,
    recordsOffset,
    writableOffset,
    writableFile,
    writableMemory: end - writable,
  };
}

function buildImage(encoder: Encoder, architecture: Architecture, laid: Layout) {
  const { places, region, records } = encoder;
  const code = INTERPRETER_CODE[architecture];
  const image = new Uint8Array(laid.writableOffset + laid.writableFile);
  const view = new DataView(image.buffer);
  writeElfHeaders(view, architecture, {
    code: code.length,
    data: laid.writableOffset - layout.DATA_OFFSET,
    writableOffset: laid.writableOffset,
    writableFile: laid.writableFile,
    writableMemory: laid.writableMemory,
  });
  image.set(code, layout.CODE_OFFSET);
  const header = layout.DATA_OFFSET;
  view.setUint32(header + layout.HEADER_SLOTS_ADDRESS, laid.addresses.slots, true);
  const recordsAddress = layout.DATA_BASE + laid.recordsOffset;
  view.setUint32(header + layout.HEADER_RECORDS_ADDRESS, recordsAddress, true);
  view.setUint32(header + layout.HEADER_RECORD_COUNT, records.length, true);
  view.setUint32(header + layout.HEADER_SLOT_COUNT, places.slots.size + 1, true);
  view.setUint32(header + layout.HEADER_MAGIC, layout.MAGIC_LOW, true);
  view.setUint32(header + layout.HEADER_MAGIC + 4, layout.MAGIC_HIGH, true);
  image.set(
    places.constants.bytes.subarray(0, places.constants.length),
    layout.CONSTANTS_OFFSET,
  );
  image.set(region.bytes.subarray(0, region.length), laid.recordsOffset);
  image.set(places.writable.bytes.subarray(0, places.writable.length), laid.writableOffset);
  return image;
}

/**
 * Encodes a program into a static ELF for one architecture. Pure: the same program gives the same bytes.
 *
 * Throws StageError for a program that is not whole: a label or result that nobody makes, one made twice, a word that
 * is no 64-bit integer, more than six words, cells of the same name with different sizes, patches outside of their
 * bytes, a system call that the architecture does not have, an end that would run on.
 */
export function encode(
  program: Program,
  architecture: Architecture,
  { numberOf = syscallNumber }: EncodeOptions = {},
): Encoded {
  checkEnd(program);
  const { instructions } = program;
  const encoder: Encoder = {
    places: createPlaces(),
    region: createRegion((instructions.length + 32) * layout.RECORD_SIZE),
    records: [],
    labels: new Map(),
    targets: new Map(),
    architecture,
    numbers: new Map(),
    numberOf: (name) => numberOf(name, architecture),
  };
  const { places } = encoder;
  for (const instruction of instructions) {
    encodeInstruction(encoder, instruction);
    places.instruction++;
  }
  encodeSyscall(encoder, TRAP);
  reserve(encoder.region, layout.RECORD_SIZE, 1);
  checkSlots(places);
  resolveTargets(encoder);
  const laid = arrange(encoder);
  const image = buildImage(encoder, architecture, laid);
  const { records } = encoder;
  return { architecture, image, records, slots: places.slots, addresses: laid.addresses };
}
