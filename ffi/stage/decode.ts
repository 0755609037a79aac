/** Stage image → records, for tests, the simulator and people. */
import { type ElfImage, readElf } from "./elf.ts";
import type { Architecture } from "./language.ts";
import * as layout from "./layout.ts";

export type DecodedKind = "syscall" | "branch" | "load" | "store" | "add" | "jump";

/** A record as it stands in the image: numbers only. */
export interface DecodedRecord {
  readonly kind: DecodedKind;
  /** Branch: a condition; load and store: a width, perhaps with `WIDTH_SIGNED`. */
  readonly mode: number;
  /** Bit i: word i is the index of a slot. */
  readonly references: number;
  readonly destination: number;
  readonly target: number;
  readonly number: number;
  /** Six, as signed 64-bit numbers. */
  readonly words: readonly bigint[];
}

export interface DecodedImage {
  readonly architecture: Architecture;
  readonly elf: ElfImage;
  readonly slotsAddress: number;
  readonly slotCount: number;
  readonly records: readonly DecodedRecord[];
}

const KINDS: readonly (DecodedKind | undefined)[] = [
  undefined,
  "syscall",
  "branch",
  "load",
  "store",
  "add",
  "jump",
];

const USES_TARGET = new Set<DecodedKind>(["syscall", "branch", "jump"]);
const USES_DESTINATION = new Set<DecodedKind>(["syscall", "load", "add"]);
const WIDTHS = [1, 2, 4, 8];

interface Limits {
  /** Of the first record in the file. */
  readonly offset: number;
  readonly records: number;
  readonly slots: number;
}

/** What is wrong with a record; undefined when nothing is. */
function findFault(record: DecodedRecord, { records, slots }: Limits): string | undefined {
  const { kind, mode, target, destination, references } = record;
  const continues = kind === "syscall" && target === layout.TARGET_CONTINUE;
  if (USES_TARGET.has(kind) && !continues && target >= records) return `target ${target}`;
  if (USES_DESTINATION.has(kind) && destination >= slots) return `destination ${destination}`;
  if (kind === "branch" && mode > layout.CONDITION_LESS) return `condition ${mode}`;
  const width = kind === "load" ? mode & ~layout.WIDTH_SIGNED : mode;
  if ((kind === "load" || kind === "store") && !WIDTHS.includes(width)) return `width ${mode}`;
  if (references >= 1 << layout.WORD_COUNT) return `references ${references}`;
  const bad = record.words.findIndex((word, i) =>
    (references & (1 << i)) !== 0 && (word < 0n || word >= BigInt(slots))
  );
  return bad < 0 ? undefined : `word ${bad} refers to slot ${record.words[bad]}`;
}

function readRecord(view: DataView, index: number, limits: Limits): DecodedRecord {
  const at = limits.offset + index * layout.RECORD_SIZE;
  const number = view.getUint8(at + layout.RECORD_KIND);
  const kind = KINDS[number];
  if (kind === undefined) throw new RangeError(`record ${index}: kind ${number}`);
  const words: bigint[] = [];
  for (let i = 0; i < layout.WORD_COUNT; i++) {
    words.push(view.getBigInt64(at + layout.RECORD_WORDS + i * 8, true));
  }
  const record: DecodedRecord = {
    kind,
    mode: view.getUint8(at + layout.RECORD_MODE),
    references: view.getUint16(at + layout.RECORD_REFERENCES, true),
    destination: view.getUint32(at + layout.RECORD_DESTINATION, true),
    target: view.getUint32(at + layout.RECORD_TARGET, true),
    number: view.getUint32(at + layout.RECORD_NUMBER, true),
    words,
  };
  const fault = findFault(record, limits);
  if (fault !== undefined) throw new RangeError(`record ${index}: ${fault}`);
  return record;
}

/** Throws RangeError for bytes that are no stage image or hold a record that the language does not have. */
export function decode(image: Uint8Array): DecodedImage {
  const elf = readElf(image);
  const view = new DataView(image.buffer, image.byteOffset, image.byteLength);
  const header = layout.DATA_OFFSET;
  if (
    image.length < layout.CONSTANTS_OFFSET ||
    view.getUint32(header + layout.HEADER_MAGIC, true) !== layout.MAGIC_LOW ||
    view.getUint32(header + layout.HEADER_MAGIC + 4, true) !== layout.MAGIC_HIGH
  ) throw new RangeError("not a stage image: no header");
  const slotCount = view.getUint32(header + layout.HEADER_SLOT_COUNT, true);
  const count = view.getUint32(header + layout.HEADER_RECORD_COUNT, true);
  const offset = view.getUint32(header + layout.HEADER_RECORDS_ADDRESS, true) - layout.DATA_BASE;
  if (offset < layout.CONSTANTS_OFFSET || offset + count * layout.RECORD_SIZE > image.length) {
    throw new RangeError(`not a stage image: ${count} records in ${image.length} bytes`);
  }
  const records: DecodedRecord[] = [];
  for (let i = 0; i < count; i++) {
    records.push(readRecord(view, i, { offset, records: count, slots: slotCount }));
  }
  const slotsAddress = view.getUint32(header + layout.HEADER_SLOTS_ADDRESS, true);
  return { architecture: elf.architecture, elf, slotsAddress, slotCount, records };
}

const hex = (value: bigint): string => {
  const address = value >= BigInt(layout.CODE_BASE) && value < BigInt(layout.WRITABLE_END);
  return address ? `0x${value.toString(16)}` : String(value);
};

function showRecord(record: DecodedRecord): string {
  const word = (i: number): string => {
    const value = record.words[i] ?? 0n;
    return (record.references & (1 << i)) !== 0 ? `s${value}` : hex(value);
  };
  const into = `s${record.destination} =`;
  const bits = (record.mode & ~layout.WIDTH_SIGNED) * 8;
  switch (record.kind) {
    case "syscall": {
      const words = record.words.map((_, i) => word(i)).join(", ");
      const target = record.target === layout.TARGET_CONTINUE ? "" : ` else ${record.target}`;
      return `${into} syscall ${record.number}(${words})${target}`;
    }
    case "branch": {
      const sign = record.mode === layout.CONDITION_EQUAL ? "==" : "<";
      return `if ${word(0)} ${sign} ${word(1)} jump ${record.target}`;
    }
    case "load": {
      const sign = (record.mode & layout.WIDTH_SIGNED) !== 0 ? "i" : "u";
      return `${into} ${sign}${bits} [${word(0)} + ${word(1)}]`;
    }
    case "store":
      return `u${bits} [${word(0)} + ${word(1)}] = ${word(2)}`;
    case "add":
      return `${into} ${word(0)} + ${word(1)}`;
    case "jump":
      return `jump ${record.target}`;
  }
}

/** One line per record: its index and what it does; `sN` is slot N. */
export function showImage({ records }: DecodedImage): string {
  return records.map((record, i) => `${String(i).padStart(4)}  ${showRecord(record)}\n`).join("");
}
