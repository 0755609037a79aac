/** gzip and zstd by node:zlib, made strict where the runtimes are not (docs/decisions/0009-tar.md). */
import { once } from "node:events";
import type { Transform } from "node:stream";
import { createGunzip, createZstdDecompress } from "node:zlib";
import type { Piece } from "../../ffi/memory/arena.ts";
import { damaged } from "./tar/header.ts";
import type { ByteSource } from "./tar/window.ts";
import { zstdFrames } from "./zstd.ts";

const CHUNK_BYTES = 1 << 20;

/** What is in a compressed stream. Its end is checked: a short one, and bytes behind it, are refused. */
export function inflate(
  source: ByteSource,
  compression: "gzip" | "zstd",
  scratch: Piece,
): ByteSource & { readonly close: () => Promise<void> } {
  const input = inputChunks(source, scratch);
  const chunks = compression === "gzip" ? gunzip(input) : zstdFrames(input, unzstd);
  let left: Uint8Array = new Uint8Array(0);
  return {
    async read(piece, at, end) {
      while (left.length === 0) {
        const next = await chunks.next();
        if (next.done === true) return 0;
        left = next.value;
      }
      const length = Math.min(left.length, end - at);
      piece.bytes.set(left.subarray(0, length), at);
      left = left.subarray(length);
      return length;
    },
    async close() {
      await chunks.return(undefined);
    },
  };
}

/** Copies: what a decompressor is given must be JavaScript's own. */
async function* inputChunks(source: ByteSource, scratch: Piece): AsyncGenerator<Uint8Array> {
  for (;;) {
    const length = await source.read(scratch, 0, Math.min(scratch.size, CHUNK_BYTES));
    if (length === 0) return;
    yield scratch.bytes.slice(0, length);
  }
}

function gunzip(input: AsyncGenerator<Uint8Array>): AsyncGenerator<Uint8Array> {
  return through(input, createGunzip({ chunkSize: CHUNK_BYTES }));
}

function unzstd(input: AsyncGenerator<Uint8Array>): AsyncGenerator<Uint8Array> {
  return through(input, createZstdDecompress({ chunkSize: CHUNK_BYTES }));
}

/** Feeds a decompressor and gives what comes out of it. */
async function* through(
  input: AsyncGenerator<Uint8Array>,
  stream: Transform,
): AsyncGenerator<Uint8Array> {
  let failure: unknown;
  const feed = async (): Promise<void> => {
    try {
      for await (const chunk of input) {
        if (stream.destroyed) return;
        if (!stream.write(chunk)) {
          await Promise.race([once(stream, "drain"), once(stream, "close")]);
        }
      }
      stream.end();
    } catch (error) {
      failure ??= error;
      stream.destroy();
    }
  };
  stream.on("error", () => {}); // the iteration throws it
  const feeding = feed();
  try {
    for await (const chunk of stream) yield chunk as Uint8Array;
  } catch (error) {
    failure ??= damaged(`it can't be decompressed: ${(error as Error).message}`);
  } finally {
    stream.destroy();
    // Until it ends it may read into memory that its owner gives back.
    await feeding;
  }
  if (failure !== undefined) throw failure;
}
