/**
 * The frames of a zstd stream, checked: the runtimes' decompressors stop at the first frame, or accept a short one, or
 * do not compare the checksum. Source: RFC 8878.
 */
import xxhash from "xxhash-wasm";
import { damaged } from "./tar/header.ts";

const FRAME_MAGIC = 0xfd2fb528;
const SKIPPABLE_MAGIC = 0x184d2a50;
/** What a decompressor may be asked to keep at most (security case T8). */
const WINDOW_BYTES_MAX = 128 * 1024 * 1024;

type Chunks = AsyncGenerator<Uint8Array>;

interface Frame {
  readonly hasChecksum: boolean;
  readonly contentBytes?: number;
  /** Set when the frame was read to its end. */
  checksum?: number;
}

/** What is in all frames. `decompress` is given one frame at a time. */
export async function* zstdFrames(
  input: Chunks,
  decompress: (frame: Chunks) => Chunks,
): Chunks {
  const { create64 } = await xxhash();
  const reader = byteReader(input);
  while (await reader.has(1)) {
    const magic = view(await reader.peek(4)).getUint32(0, true);
    if ((magic & 0xfffffff0) >>> 0 === SKIPPABLE_MAGIC) {
      const length = view((await reader.peek(8)).subarray(4)).getUint32(0, true);
      for await (const _ of reader.take(8 + length));
      continue;
    }
    if (magic !== FRAME_MAGIC) throw damaged("what follows a zstd frame is none");
    const frame = readFrame(await reader.peek(18, 6));
    const hash = create64();
    let length = 0;
    for await (const chunk of decompress(frameBytes(reader, frame))) {
      if (frame.hasChecksum) hash.update(chunk);
      length += chunk.length;
      yield chunk;
    }
    const { contentBytes, checksum } = frame;
    if (contentBytes !== undefined && contentBytes !== length) {
      throw damaged("a zstd frame has more or less in it than it says");
    }
    if (frame.hasChecksum && checksum !== Number(hash.digest() & 0xffffffffn)) {
      throw damaged("the checksum of a zstd frame is wrong");
    }
  }
}

const view = (bytes: Uint8Array): DataView =>
  new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);

const CONTENT_WIDTHS = [0, 2, 4, 8] as const;
const DICTIONARY_WIDTHS = [0, 1, 2, 4] as const;

/** From the frame's first bytes: 6 at least, 18 at most. */
function readFrame(bytes: Uint8Array): Frame & { readonly headerBytes: number } {
  const descriptor = bytes[4] as number;
  const single = (descriptor & 0x20) !== 0;
  if ((descriptor & 0x08) !== 0) throw damaged("a zstd frame has a reserved bit");
  const dictionary = DICTIONARY_WIDTHS[descriptor & 3] ?? 0;
  const widthCode = descriptor >> 6;
  const width = widthCode === 0 ? (single ? 1 : 0) : CONTENT_WIDTHS[widthCode] ?? 0;
  const contentAt = 5 + (single ? 0 : 1) + dictionary;
  const headerBytes = contentAt + width;
  if (bytes.length < headerBytes) throw damaged("a zstd frame is too short");
  if (
    dictionary > 0 && bytes.subarray(contentAt - dictionary, contentAt).some((byte) => byte > 0)
  ) {
    throw damaged("a zstd frame needs a dictionary");
  }
  const contentBytes = readContentSize(bytes.subarray(contentAt, headerBytes));
  const window = single ? contentBytes ?? 0 : readWindow(bytes[5] as number);
  if (window > WINDOW_BYTES_MAX) throw damaged("a zstd frame needs more than 128 MiB of memory");
  return {
    headerBytes,
    hasChecksum: (descriptor & 0x04) !== 0,
    ...(contentBytes === undefined ? {} : { contentBytes }),
  };
}

function readWindow(byte: number): number {
  const base = 2 ** (10 + (byte >> 3));
  return base + base / 8 * (byte & 7);
}

function readContentSize(bytes: Uint8Array): number | undefined {
  if (bytes.length === 0) return undefined;
  if (bytes.length === 1) return bytes[0];
  if (bytes.length === 2) return view(bytes).getUint16(0, true) + 256;
  if (bytes.length === 4) return view(bytes).getUint32(0, true);
  return Number(view(bytes).getBigUint64(0, true));
}

const RLE = 1;
const RESERVED = 3;

/** One frame, block by block to its last, with its checksum. */
async function* frameBytes(
  reader: Reader,
  frame: Frame & { readonly headerBytes: number },
): Chunks {
  yield* reader.take(frame.headerBytes);
  for (let last = false; !last;) {
    const [a = 0, b = 0, c = 0] = await reader.peek(3);
    const header = a | b << 8 | c << 16;
    last = (header & 1) === 1;
    const type = header >> 1 & 3;
    if (type === RESERVED) throw damaged("a zstd block is of no type");
    yield* reader.take(3 + (type === RLE ? 1 : header >> 3));
  }
  if (!frame.hasChecksum) return;
  const bytes = await reader.peek(4);
  frame.checksum = view(bytes).getUint32(0, true);
  yield* reader.take(4);
}

interface Reader {
  readonly has: (count: number) => Promise<boolean>;
  /** The next `count` bytes, or at the end of the stream at least `least`. */
  readonly peek: (count: number, least?: number) => Promise<Uint8Array>;
  readonly take: (count: number) => Chunks;
}

function byteReader(input: Chunks): Reader {
  let buffer: Uint8Array = new Uint8Array(0);
  const has = async (count: number): Promise<boolean> => {
    while (buffer.length < count) {
      const next = await input.next();
      if (next.done === true) return false;
      const joined = new Uint8Array(buffer.length + next.value.length);
      joined.set(buffer);
      joined.set(next.value, buffer.length);
      buffer = joined;
    }
    return true;
  };
  return {
    has,
    async peek(count, least = count) {
      if (!await has(count) && buffer.length < least) throw damaged("a zstd frame is too short");
      return buffer.slice(0, count);
    },
    async *take(count) {
      for (let left = count; left > 0;) {
        if (buffer.length === 0 && !await has(1)) throw damaged("a zstd frame is too short");
        const part = buffer.subarray(0, Math.min(left, buffer.length));
        buffer = buffer.subarray(part.length);
        left -= part.length;
        yield part;
      }
    },
  };
}
