/** The 512 bytes in front of every entry. Source: tar(5), POSIX.1-2017 pax, GNU tar's tar.h. */
import { ImageError } from "../error.ts";
import { byteText } from "../names.ts";

export const BLOCK_BYTES = 512;

export interface RawHeader {
  /** Byte texts. */
  readonly name: string;
  readonly link: string;
  /** The type's character; NUL is "0". */
  readonly type: string;
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly size: number;
  readonly mtime: number;
  readonly major: number;
  readonly minor: number;
}

/** What is wrong at this place of the archive. */
export function damaged(message: string): ImageError {
  return new ImageError("ARCHIVE_DAMAGED", `the archive is damaged: ${message}`);
}

export function isZeroBlock(block: Uint8Array): boolean {
  for (let i = 0; i < BLOCK_BYTES; i++) if (block[i] !== 0) return false;
  return true;
}

const CHECKSUM = 148;
const CHECKSUM_BYTES = 8;

/** The sum of all bytes, those of the checksum itself counted as blanks; old writers summed them as signed. */
function checkSum(block: Uint8Array): void {
  let unsigned = CHECKSUM_BYTES * 0x20;
  let signed = unsigned;
  for (let i = 0; i < BLOCK_BYTES; i++) {
    if (i === CHECKSUM) i += CHECKSUM_BYTES;
    const byte = block[i] as number;
    unsigned += byte;
    signed += byte < 128 ? byte : byte - 256;
  }
  const said = readOctal(block, { offset: CHECKSUM, length: CHECKSUM_BYTES, name: "checksum" });
  if (said !== unsigned && said !== signed) {
    throw damaged("the checksum of a header is wrong");
  }
}

interface NumberField {
  readonly offset: number;
  readonly length: number;
  readonly name: string;
}

const SPACE = 0x20;
const ZERO = 0x30;
const SEVEN = 0x37;

function readOctal(block: Uint8Array, { offset, length, name }: NumberField): number {
  let at = offset;
  const end = offset + length;
  while (at < end && block[at] === SPACE) at++;
  let value = 0;
  for (; at < end; at++) {
    const byte = block[at] as number;
    if (byte < ZERO || byte > SEVEN) break;
    value = value * 8 + (byte - ZERO);
  }
  for (; at < end; at++) {
    if (block[at] !== 0 && block[at] !== SPACE) throw damaged(`the field ${name} is no number`);
  }
  return value;
}

/** GNU's form for what octal digits can't hold: big-endian, two's complement, the first bit set. */
function readNumber(block: Uint8Array, field: NumberField): number {
  const { offset, length, name } = field;
  const first = block[offset] as number;
  if ((first & 0x80) === 0) return readOctal(block, field);
  if (first !== 0x80 && first !== 0xff) throw damaged(`the field ${name} is too large`);
  let value = first === 0xff ? -1n : 0n;
  for (let i = 1; i < length; i++) value = (value << 8n) | BigInt(block[offset + i] as number);
  const number = Number(value);
  if (!Number.isSafeInteger(number)) throw damaged(`the field ${name} is too large`);
  return number;
}

function readText(block: Uint8Array, offset: number, length: number): string {
  let end = offset;
  while (end < offset + length && block[end] !== 0) end++;
  return byteText(block.subarray(offset, end));
}

const field = (name: string, offset: number, length: number): NumberField => ({
  name,
  offset,
  length,
});
const MODE = field("mode", 100, 8);
const UID = field("uid", 108, 8);
const GID = field("gid", 116, 8);
const SIZE = field("size", 124, 12);
const MTIME = field("mtime", 136, 12);
const MAJOR = field("devmajor", 329, 8);
const MINOR = field("devminor", 337, 8);
const MAGIC = 257;

/** @throws ImageError when the checksum is wrong or a field is no number. */
export function readHeader(block: Uint8Array): RawHeader {
  checkSum(block);
  const magic = readText(block, MAGIC, 6);
  const isUstar = magic === "ustar";
  const isGnu = magic === "ustar ";
  const prefix = isUstar ? readText(block, 345, 155) : "";
  const name = readText(block, 0, 100);
  const type = block[156] === 0 ? "0" : String.fromCharCode(block[156] as number);
  const isDevice = type === "3" || type === "4";
  const size = readNumber(block, SIZE);
  if (size < 0) throw damaged("the size of an entry is negative");
  return {
    name: prefix === "" ? name : `${prefix}/${name}`,
    link: readText(block, 157, 100),
    type,
    mode: readNumber(block, MODE),
    uid: readNumber(block, UID),
    gid: readNumber(block, GID),
    size,
    mtime: readNumber(block, MTIME),
    // Other types may hold anything there.
    major: isDevice && (isUstar || isGnu) ? readNumber(block, MAJOR) : 0,
    minor: isDevice && (isUstar || isGnu) ? readNumber(block, MINOR) : 0,
  };
}

const GNU_SPARSE = { first: 386, count: 4, extended: 482, size: field("realsize", 483, 12) };
const GNU_EXTENSION = { first: 0, count: 21, extended: 504 };

/** A piece of a sparse file that has data. */
export interface Segment {
  readonly offset: number;
  readonly length: number;
}

/** The map in a header of GNU's old sparse form, or in a block that continues it. */
export function readGnuMap(
  block: Uint8Array,
  where: "header" | "extension",
): { readonly segments: readonly Segment[]; readonly more: boolean; readonly realSize: number } {
  const { first, count, extended } = where === "header" ? GNU_SPARSE : GNU_EXTENSION;
  const segments: Segment[] = [];
  for (let index = 0; index < count; index++) {
    const at = first + index * 24;
    const offset = readNumber(block, field("sparse offset", at, 12));
    const length = readNumber(block, field("sparse length", at + 12, 12));
    if (block[at] === 0 && block[at + 12] === 0) break;
    segments.push({ offset, length });
  }
  const realSize = where === "header" ? readNumber(block, GNU_SPARSE.size) : 0;
  return { segments, more: block[extended] === 1, realSize };
}
