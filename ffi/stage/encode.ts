/** Program → stage image: the one encoder. docs/stage.md has the form. */
import { syscallNumber } from "../abi/syscalls.ts";
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
  /** Places in `region` that await the number of a label's record. */
  readonly targets: {
    readonly offset: number;
    readonly to: string;
    readonly instruction: number;
  }[];
  readonly numberOf: (name: string) => number | undefined;
}

const NO_WORDS: readonly Word[] = [];

/** The trap behind the program: reached only when an execve or an exit_group fails. */
const TRAP: SyscallRecord = {
  kind: "syscall",
  call: { name: "exit_group", words: [layout.TRAP_STATUS], text: [String(layout.TRAP_STATUS)] },
  onError: "continue",
  step: -1,
};

function emit(encoder: Encoder, head: { kind: number; mode?: number; source: Instruction }) {
  const { region } = encoder;
  const offset = reserve(region, layout.RECORD_SIZE, 1);
  region.bytes[offset] = head.kind;
  if (head.mode !== undefined) region.bytes[offset + layout.RECORD_MODE] = head.mode;
  encoder.records.push(head.source);
  return offset;
}

function emitPatches(encoder: Encoder, words: readonly Word[], source: Instruction): void {
  const { places, region } = encoder;
  for (const word of words) {
    for (const patch of dynamicPatches(places, word)) {
      const at = emit(encoder, { kind: layout.KIND_STORE, mode: patch.width, source });
      const first = at + layout.RECORD_WORDS;
      region.view.setUint16(at + layout.RECORD_REFERENCES, 4, true);
      region.view.setUint32(first, patch.offset, true);
      places.fixups.push({ region, offset: first, area: "writable" });
      region.view.setUint32(first + 16, patch.slot, true);
    }
  }
}

function writeWords(encoder: Encoder, record: number, words: readonly Word[]): void {
  let references = 0;
  for (let i = 0; i < words.length; i++) {
    const word = words[i];
    if (word === undefined || word === 0) continue;
    const offset = record + layout.RECORD_WORDS + i * 8;
    if (writeOperand(encoder.places, { region: encoder.region, offset, word })) {
      references |= 1 << i;
    }
  }
  encoder.region.view.setUint16(record + layout.RECORD_REFERENCES, references, true);
}

function writeDestination(encoder: Encoder, record: number, into: string | undefined): void {
  const slot = into === undefined ? layout.SLOT_DISCARD : slotToWrite(encoder.places, into);
  encoder.region.view.setUint32(record + layout.RECORD_DESTINATION, slot, true);
}

function writeTarget(encoder: Encoder, record: number, to: string): void {
  const { instruction } = encoder.places;
  encoder.targets.push({ offset: record + layout.RECORD_TARGET, to, instruction });
}

function encodeSyscall(encoder: Encoder, source: SyscallRecord): void {
  const { call, into, onError } = source;
  const { instruction } = encoder.places;
  if (call.words.length > layout.WORD_COUNT) {
    throw new StageError(`${call.name} has ${call.words.length} words`, instruction);
  }
  const number = encoder.numberOf(call.name);
  if (number === undefined) throw new StageError(`no system call "${call.name}"`, instruction);
  emitPatches(encoder, call.words, source);
  const at = emit(encoder, { kind: layout.KIND_SYSCALL, source });
  encoder.region.view.setUint32(at + layout.RECORD_NUMBER, number, true);
  writeWords(encoder, at, call.words);
  writeDestination(encoder, at, into);
  if (onError !== "continue") writeTarget(encoder, at, onError);
  else encoder.region.view.setUint32(at + layout.RECORD_TARGET, layout.TARGET_CONTINUE, true);
}

function modeOf({ width, ...rest }: LoadRecord | StoreRecord): number {
  const signed = "signed" in rest && rest.signed === true && width < 8;
  return width | (signed ? layout.WIDTH_SIGNED : 0);
}

function encodeInstruction(encoder: Encoder, source: Instruction): void {
  const record = (kind: number, words: readonly Word[], mode?: number): number => {
    emitPatches(encoder, words, source);
    const at = emit(encoder, mode === undefined ? { kind, source } : { kind, mode, source });
    writeWords(encoder, at, words);
    return at;
  };
  switch (source.kind) {
    case "syscall":
      return encodeSyscall(encoder, source);
    case "branch": {
      const mode = source.when === "equal" ? layout.CONDITION_EQUAL : layout.CONDITION_LESS;
      const at = record(layout.KIND_BRANCH, [source.left, source.right], mode);
      return writeTarget(encoder, at, source.to);
    }
    case "load": {
      const words = [source.address, source.offset ?? 0];
      return writeDestination(
        encoder,
        record(layout.KIND_LOAD, words, modeOf(source)),
        source.into,
      );
    }
    case "store": {
      record(layout.KIND_STORE, [source.address, source.offset ?? 0, source.value], modeOf(source));
      return;
    }
    case "add":
      return writeDestination(
        encoder,
        record(layout.KIND_ADD, [source.left, source.right]),
        source.into,
      );
    case "jump":
      return writeTarget(encoder, record(layout.KIND_JUMP, NO_WORDS), source.to);
    case "label":
      if (encoder.labels.has(source.name) || source.name === "continue") {
        throw new StageError(`label "${source.name}" is taken`, encoder.places.instruction);
      }
      encoder.labels.set(source.name, encoder.records.length);
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
  for (const { offset, to, instruction } of targets) {
    const record = labels.get(to);
    if (record === undefined) throw new StageError(`no label "${to}"`, instruction);
    region.view.setUint32(offset, record, true);
  }
}

const alignUp = (value: number, align: number): number => Math.ceil(value / align) * align;

interface Layout {
  readonly addresses: Addresses;
  readonly constantsOffset: number;
  readonly writableOffset: number;
  readonly writableFile: number;
  readonly writableMemory: number;
}

function arrange({ region, places }: Encoder): Layout {
  // The region ends in the guard, a record of zeros: should even the trap fail, the stage dies of it.
  const constantsOffset = layout.RECORDS_OFFSET + region.length;
  const writableOffset = alignUp(constantsOffset + places.constants.length, 64);
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
  const constants = layout.DATA_BASE + constantsOffset;
  applyFixups(places, { constants, writable, cells: cellsAddress });
  const addresses = { constants, writable, slots, cells };
  return {
    addresses,
    constantsOffset,
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
    data: laid.constantsOffset + places.constants.length - layout.DATA_OFFSET,
    writableOffset: laid.writableOffset,
    writableFile: laid.writableFile,
    writableMemory: laid.writableMemory,
  });
  image.set(code, layout.CODE_OFFSET);
  const header = layout.DATA_OFFSET;
  view.setUint32(header + layout.HEADER_SLOTS_ADDRESS, laid.addresses.slots, true);
  view.setUint32(header + layout.HEADER_RECORD_COUNT, records.length, true);
  view.setUint32(header + layout.HEADER_SLOT_COUNT, places.slots.size + 1, true);
  view.setUint32(header + layout.HEADER_MAGIC, layout.MAGIC_LOW, true);
  view.setUint32(header + layout.HEADER_MAGIC + 4, layout.MAGIC_HIGH, true);
  image.set(region.bytes.subarray(0, region.length), layout.RECORDS_OFFSET);
  image.set(places.constants.bytes.subarray(0, places.constants.length), laid.constantsOffset);
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
    targets: [],
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
