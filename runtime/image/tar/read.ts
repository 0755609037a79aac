/**
 * Reads a tar archive: ustar, pax, GNU long names and sparse files. Strict: what two readers could take for two different
 * things is refused (security case T6). Changes nothing; what is done with the entries is the sink's.
 */
import { ImageError } from "../error.ts";
import { byteText, safePath, shown } from "../names.ts";
import {
  BLOCK_BYTES,
  damaged,
  isZeroBlock,
  type RawHeader,
  readGnuMap,
  readHeader,
  type Segment,
} from "./header.ts";
import { checkGlobal, EXTENSION_BYTES_MAX, type Pax, readPax, segmentsOf } from "./pax.ts";
import { available, type ByteSource, fill, type Window } from "./window.ts";

export type EntryType = "file" | "link" | "symlink" | "char" | "block" | "directory" | "fifo";

export interface TarEntry {
  readonly type: EntryType;
  /** Byte text, relative to the layer's root; "" is the root itself. */
  readonly path: string;
  /** Target of a symbolic link (any bytes), or path of the entry that a hard link is to. */
  readonly link: string;
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly mtime: { readonly sec: number; readonly nsec: number };
  readonly major: number;
  readonly minor: number;
  readonly xattrs: ReadonlyMap<string, Uint8Array>;
  readonly ignored: readonly string[];
  /** Length of the file, holes included. */
  readonly size: number;
  /** True: what `data` does not bring is a hole. */
  readonly sparse: boolean;
}

export interface TarSink {
  readonly begin: (entry: TarEntry) => void;
  /** Bytes from `start` to `end` of the window's piece are at `offset` of the file. */
  readonly data: (start: number, end: number, offset: number) => void;
  readonly end: () => void;
}

export interface TarLimits {
  /** Files, directories, links, … */
  readonly entries: number;
  /** Bytes of data, each entry counted as a block of the disk more. */
  readonly bytes: number;
}

/** Disk that an entry takes besides its data. */
const ENTRY_COST_BYTES = 4096;
/** A sparse file may pretend to be this long. */
const SPARSE_BYTES_MAX = 2 ** 40;
/** Pieces of a sparse file; a map in front of the data has a line for each number. */
const SEGMENTS_MAX = 1 << 17;

interface Reader {
  readonly window: Window;
  readonly source: ByteSource;
  readonly sink: TarSink;
  readonly limits: TarLimits;
  entries: number;
  bytes: number;
}

/** What the headers in front of an entry said. */
interface Before {
  pax?: Pax;
  longName?: string;
  longLink?: string;
}

/** Reads to the end of the stream. @throws ImageError; then the sink has seen a part. */
export async function readTar(
  from: { readonly window: Window; readonly source: ByteSource },
  sink: TarSink,
  limits: TarLimits,
): Promise<void> {
  const reader: Reader = { ...from, sink, limits, entries: 0, bytes: 0 };
  let before: Before = {};
  for (;;) {
    if (available(reader.window) < BLOCK_BYTES) await need(reader, BLOCK_BYTES, "a header");
    const block = takeBlock(reader.window);
    if (isZeroBlock(block)) break;
    const header = readHeader(block);
    if (isExtension(header.type)) await readExtension(reader, header, before);
    else {
      await readEntry(reader, header, before);
      before = {};
    }
  }
  if (Object.keys(before).length > 0) throw damaged("an extended header stands before nothing");
  await readEnd(reader);
}

async function need({ window, source }: Reader, count: number, what: string): Promise<void> {
  if (!await fill(window, source, count)) throw damaged(`it ends before ${what}`);
}

/** The next block, valid until the window is filled again. */
function takeBlock(window: Window): Uint8Array {
  const block = window.piece.bytes.subarray(window.start, window.start + BLOCK_BYTES);
  window.start += BLOCK_BYTES;
  return block;
}

/** Two blocks of zeros end an archive, and nothing but zeros may follow. */
async function readEnd(reader: Reader): Promise<void> {
  const { window } = reader;
  await need(reader, BLOCK_BYTES, "its end mark");
  if (!isZeroBlock(takeBlock(window))) throw damaged("a block of zeros stands between entries");
  for (let length = 0;;) {
    if (available(window) === 0 && !await fill(window, reader.source, 1)) {
      if (length % BLOCK_BYTES !== 0) throw damaged("its last block is not whole");
      return;
    }
    for (; window.start < window.end; window.start++, length++) {
      if (window.piece.bytes[window.start] !== 0) throw damaged("something follows its end");
    }
  }
}

const isExtension = (type: string): boolean => "xgLKV".includes(type);

async function readExtension(reader: Reader, header: RawHeader, before: Before): Promise<void> {
  const { type, size } = header;
  if (size > EXTENSION_BYTES_MAX) throw damaged("an extended header is longer than 1 MiB");
  const bytes = await takeBytes(reader, size);
  if (type === "V") return; // a volume's name
  if (type === "g") return checkGlobal(bytes);
  const isGnu = type !== "x";
  // Which of two would win differs between readers.
  if (isGnu ? before.pax !== undefined : Object.keys(before).length > 0) {
    throw damaged("an entry has two kinds of extended header");
  }
  if (type === "x") before.pax = readPax(bytes);
  else {
    const text = untilNul(bytes);
    const key = type === "L" ? "longName" : "longLink";
    if (before[key] !== undefined) throw damaged("an entry has two long names");
    before[key] = text;
  }
}

function untilNul(bytes: Uint8Array): string {
  const end = bytes.indexOf(0);
  return byteText(end < 0 ? bytes : bytes.subarray(0, end));
}

/** `size` bytes and the padding behind them. */
async function takeBytes(reader: Reader, size: number): Promise<Uint8Array> {
  const out = new Uint8Array(size);
  const { window } = reader;
  for (let at = 0; at < size;) {
    if (available(window) === 0) await need(reader, 1, "the end of an extended header");
    const length = Math.min(size - at, available(window));
    out.set(window.piece.bytes.subarray(window.start, window.start + length), at);
    window.start += length;
    at += length;
  }
  await skipPadding(reader, size);
  return out;
}

async function skipPadding(reader: Reader, size: number): Promise<void> {
  const padding = (BLOCK_BYTES - size % BLOCK_BYTES) % BLOCK_BYTES;
  if (available(reader.window) < padding) await need(reader, padding, "the end of a block");
  reader.window.start += padding;
}

const TYPES: Readonly<Record<string, EntryType>> = {
  "0": "file",
  "7": "file",
  "S": "file",
  "1": "link",
  "2": "symlink",
  "3": "char",
  "4": "block",
  "5": "directory",
  "6": "fifo",
};

async function readEntry(reader: Reader, header: RawHeader, before: Before): Promise<void> {
  const { pax } = before;
  const name = pax?.path ?? before.longName ?? header.name;
  let type = TYPES[header.type];
  if (type === undefined) {
    const what = JSON.stringify(header.type);
    throw new ImageError(
      "ARCHIVE_REFUSED",
      `an entry of type ${what} has no meaning: "${shown(name)}"`,
    );
  }
  const stored = pax?.size ?? header.size;
  // Before POSIX a directory was a file whose name ends in a slash.
  if (type === "file" && name.endsWith("/") && stored === 0) type = "directory";
  if (type !== "file" && stored !== 0) {
    throw damaged(`an entry that is no file has data: "${shown(name)}"`);
  }
  const { segments, realSize, dataSize } = await readMap(reader, header, { pax, stored });
  count(reader, dataSize, name);
  const entry = makeEntry(header, before, { type, name, size: realSize });
  reader.sink.begin({ ...entry, sparse: segments !== undefined });
  for (const segment of segments ?? [{ offset: 0, length: dataSize }]) {
    await passData(reader, segment);
  }
  reader.sink.end();
  await skipPadding(reader, dataSize);
}

function count(reader: Reader, dataSize: number, name: string): void {
  const { limits } = reader;
  reader.entries++;
  reader.bytes += dataSize + ENTRY_COST_BYTES;
  const what = reader.entries > limits.entries
    ? `more than ${limits.entries} entries`
    : reader.bytes > limits.bytes
    ? `more than ${limits.bytes} bytes unpacked`
    : undefined;
  if (what === undefined) return;
  throw new ImageError("ARCHIVE_TOO_LARGE", `the archive has ${what}, at "${shown(name)}"`);
}

function makeEntry(
  header: RawHeader,
  { pax, longLink }: Before,
  { type, name, size }: {
    readonly type: EntryType;
    readonly name: string;
    readonly size: number;
  },
): Omit<TarEntry, "sparse"> {
  const link = pax?.link ?? longLink ?? header.link;
  if (type === "symlink" && (link === "" || link.length > 4095 || link.includes("\0"))) {
    throw new ImageError("ARCHIVE_REFUSED", `a symbolic link has no target: "${shown(name)}"`);
  }
  return {
    type,
    path: safePath(name),
    link: type === "link" ? safePath(link, "the target of a hard link") : link,
    mode: header.mode & 0o7777,
    uid: idOf(pax?.uid ?? header.uid, name),
    gid: idOf(pax?.gid ?? header.gid, name),
    mtime: pax?.mtime ?? { sec: header.mtime, nsec: 0 },
    major: pax?.major ?? header.major,
    minor: pax?.minor ?? header.minor,
    xattrs: pax?.xattrs ?? NONE,
    ignored: pax?.ignored ?? [],
    size,
  };
}

const NONE: ReadonlyMap<string, Uint8Array> = new Map();
const ID_MAX = 0xfffffffe;

function idOf(id: number, name: string): number {
  if (id >= 0 && id <= ID_MAX) return id;
  throw new ImageError("ARCHIVE_REFUSED", `an owner is no id: ${id} of "${shown(name)}"`);
}

interface DataMap {
  /** Absent: not sparse. */
  readonly segments?: readonly Segment[];
  readonly realSize: number;
  /** Bytes in the archive, without a map. */
  readonly dataSize: number;
}

async function readMap(
  reader: Reader,
  header: RawHeader,
  { pax, stored }: { readonly pax: Pax | undefined; readonly stored: number },
): Promise<DataMap> {
  if (header.type === "S") {
    if (pax?.sparse !== undefined) throw damaged("a sparse file has two maps");
    // The header's block is the last that was taken.
    const { piece, start } = reader.window;
    const block = piece.bytes.slice(start - BLOCK_BYTES, start);
    return checkMap({ ...await readOldMap(reader, block), dataSize: stored });
  }
  const sparse = pax?.sparse;
  if (sparse === undefined) return { realSize: stored, dataSize: stored };
  if (!"07".includes(header.type)) throw damaged("something else than a file is sparse");
  const { realSize } = sparse;
  if (sparse.segments !== undefined) {
    return checkMap({ realSize, segments: sparse.segments, dataSize: stored });
  }
  const { segments, mapBytes } = await readDataMap(reader, stored);
  return checkMap({ realSize, segments, dataSize: stored - mapBytes });
}

async function readOldMap(
  reader: Reader,
  block: Uint8Array,
): Promise<{ segments: readonly Segment[]; realSize: number }> {
  const first = readGnuMap(block, "header");
  const segments = [...first.segments];
  for (let more = first.more; more;) {
    if (available(reader.window) < BLOCK_BYTES) await need(reader, BLOCK_BYTES, "a sparse map");
    const next = readGnuMap(takeBlock(reader.window), "extension");
    segments.push(...next.segments);
    if (segments.length > SEGMENTS_MAX) throw damaged("the map of a sparse file is too long");
    more = next.more;
  }
  return { segments, realSize: first.realSize };
}

/** Version 1.0: how many pieces, then offset and length of each, a line for each number, in whole blocks. */
async function readDataMap(
  reader: Reader,
  stored: number,
): Promise<{ segments: readonly Segment[]; mapBytes: number }> {
  let text = "";
  for (let mapBytes = BLOCK_BYTES; mapBytes <= stored; mapBytes += BLOCK_BYTES) {
    if (mapBytes > EXTENSION_BYTES_MAX) break;
    if (available(reader.window) < BLOCK_BYTES) await need(reader, BLOCK_BYTES, "a sparse map");
    text += byteText(takeBlock(reader.window));
    const count = /^([0-9]{1,7})\n/.exec(text);
    if (count === null) break;
    const numbers = text.split("\n");
    const wanted = 1 + 2 * Number(count[1]);
    // The last part has no line break behind it yet.
    if (numbers.length <= wanted) continue;
    return { segments: segmentsOf(numbers.slice(1, wanted)), mapBytes };
  }
  throw damaged("the map of a sparse file has no end");
}

function checkMap(map: Required<DataMap>): DataMap {
  let end = 0;
  let sum = 0;
  for (const { offset, length } of map.segments) {
    if (offset < end || length < 0) throw damaged("the pieces of a sparse file overlap");
    end = offset + length;
    sum += length;
  }
  if (end > map.realSize || map.realSize > SPARSE_BYTES_MAX) {
    throw damaged("a sparse file is not as long as it says");
  }
  if (sum !== map.dataSize) throw damaged("a sparse file has more or less data than its map");
  return map;
}

async function passData(reader: Reader, { offset, length }: Segment): Promise<void> {
  const { window, sink } = reader;
  for (let done = 0; done < length;) {
    if (available(window) === 0) await need(reader, 1, "the end of a file");
    const part = Math.min(length - done, available(window));
    sink.data(window.start, window.start + part, offset + done);
    window.start += part;
    done += part;
  }
}
