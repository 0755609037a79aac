/** Where the bytes of an archive come from: a file or a part of one, plain, gzip or zstd; digests are made on the way. */
import { EINTR } from "../../ffi/abi/errno.ts";
import { pread64 } from "../../ffi/calls/io.ts";
import { hotCall } from "../../ffi/linux/hot.ts";
import { SyscallError } from "../../ffi/linux/error.ts";
import type { Piece } from "../../ffi/memory/arena.ts";
import type { ByteSource } from "./tar/window.ts";
import { inflate } from "./compression.ts";
import { createDigester, type Digester, isLong } from "./digester.ts";
import { type Range, readAhead } from "./read_ahead.ts";
import { SLOT_BYTES } from "./ring.ts";

export type { Range } from "./read_ahead.ts";

/** The bytes of a range; what lies beyond it is not read. */
export function rangeSource({ fd, offset, size }: Range) {
  const pread = hotCall("pread64");
  let position = 0;
  return {
    read(piece: Piece, at: number, end: number): number {
      const count = Math.min(end - at, size - position);
      if (count === 0) return 0;
      for (;;) {
        const got = pread(fd, piece.address + at, count, offset + position);
        if (got === -EINTR) continue;
        if (got < 0) throw readError(got, { fd, count, offset: offset + position });
        position += got;
        return got;
      }
    },
  };
}

/** The same, digested. */
function digestedSource(range: Range, digester: Digester): ByteSource {
  const { read } = rangeSource(range);
  return {
    read(piece, at, end) {
      const got = read(piece, at, end);
      const full = digester.update(piece.bytes.subarray(at, at + got));
      return full === undefined ? got : full.then(() => got);
    },
  };
}

function readError(
  result: number,
  { fd, count, offset }: { readonly fd: number; readonly count: number; readonly offset: number },
): Error {
  return new SyscallError(
    pread64({ fd, buf: { cell: "archive", size: count }, count, offset }),
    -result,
  );
}

export type Compression = "none" | "gzip" | "zstd";

const MAGICS: readonly (readonly [Compression, readonly number[]])[] = [
  ["gzip", [0x1f, 0x8b]],
  ["zstd", [0x28, 0xb5, 0x2f, 0xfd]],
];

/** By the first bytes; a skippable frame may stand before zstd's first. */
export function compressionOf(first: Uint8Array): Compression {
  const found = MAGICS.find(([, magic]) => magic.every((byte, index) => first[index] === byte));
  if (found !== undefined) return found[0];
  const skippable = (first[0] ?? 0) >> 4 === 5 && first[1] === 0x2a && first[2] === 0x4d &&
    first[3] === 0x18;
  return skippable ? "zstd" : "none";
}

/** To be asked for once, at the end. */
export interface Digests {
  /** `sha256:…` of the bytes as they are in the file. */
  readonly digest: string;
  /** Of the archive in them: the layer's diff id. */
  readonly diffId: string;
}

/** The archive in it, whatever it is compressed with. For a plain one both digests are the same. */
export interface ArchiveSource extends ByteSource {
  readonly digests: () => Promise<Digests>;
  /** Ends what still reads: to be awaited before the memory is given back. */
  readonly close: () => Promise<void>;
}

/** `scratch`: memory for what is compressed; `shared`: that of the window, where a thread may see it. */
export function archiveSource(
  range: Range,
  compression: Compression,
  memory: { readonly scratch: () => Piece; readonly shared: SharedArrayBuffer | undefined },
): ArchiveSource {
  if (compression === "none") return plainSource(range, memory.shared);
  const compressed = createDigester(range.size);
  const raw = digestedSource(range, compressed);
  // Mostly it is some three times as long.
  const whole = createDigester(3 * range.size);
  const inner = inflate(raw, compression, memory.scratch());
  return {
    async read(piece, at, end) {
      const length = await inner.read(piece, at, end);
      await whole.update(piece.bytes.subarray(at, at + length));
      return length;
    },
    digests: async () => ({ digest: await compressed.digest(), diffId: await whole.digest() }),
    close: async () => {
      await inner.close();
      await Promise.all([compressed.close(), whole.close()]);
    },
  };
}

function plainSource(range: Range, shared: SharedArrayBuffer | undefined): ArchiveSource {
  const make = (): readonly [ByteSource, Omit<Digester, "update">] => {
    if (shared !== undefined && isLong(range.size)) {
      const { fd, offset } = range;
      const ahead = readAhead(
        range,
        shared,
        (got) => readError(got, { fd, count: SLOT_BYTES, offset }),
      );
      return [ahead, ahead];
    }
    const digester = createDigester(range.size);
    return [digestedSource(range, digester), digester];
  };
  const [source, digester] = make();
  return {
    ...source,
    digests: async () => {
      const digest = await digester.digest();
      return { digest, diffId: digest };
    },
    close: digester.close,
  };
}
