/** gzip and zstd that are too much, too little, or something else. Security case T8. */
import { gzipSync, zstdCompressSync } from "node:zlib";
import { accept, type HostileArchive, refuse } from "./expect.ts";
import { archive, entry, join, latin1 } from "../tar.ts";

const plain = archive(entry({ name: "f", data: "abc" }));
const gz = new Uint8Array(gzipSync(plain));
const zst = new Uint8Array(zstdCompressSync(plain));

const changed = (bytes: Uint8Array, at: number, to: number): Uint8Array => {
  const copy = bytes.slice();
  copy[at < 0 ? copy.length + at : at] = to;
  return copy;
};
const flipped = (bytes: Uint8Array, at: number): Uint8Array =>
  changed(bytes, at, (bytes[at < 0 ? bytes.length + at : at] ?? 0) ^ 1);
const damaged = (name: string, bytes: Uint8Array): HostileArchive =>
  refuse(name, ["ARCHIVE_DAMAGED", /./], bytes);

const zeros = archive(entry({ name: "zeros", data: new Uint8Array(16 << 20) }));
const small = { entries: 100, bytes: 1 << 20 };
const bomb = (name: string, bytes: Uint8Array): HostileArchive => ({
  name,
  bytes,
  limits: small,
  expect: { code: "ARCHIVE_TOO_LARGE", message: /bytes unpacked/ },
});

/** A frame of zstd by hand: descriptor, window, blocks. */
const frame = (...bytes: readonly number[]): Uint8Array =>
  Uint8Array.from([0x28, 0xb5, 0x2f, 0xfd, ...bytes]);

export const COMPRESSED: readonly HostileArchive[] = [
  bomb("a gzip bomb", new Uint8Array(gzipSync(zeros, { level: 9 }))),
  bomb("a zstd bomb", new Uint8Array(zstdCompressSync(zeros))),
  ...[1, 2, 9, 10, 17, 20, gz.length - 1, gz.length - 4, gz.length - 8].map((length) =>
    damaged(`gzip cut at ${length} of ${gz.length}`, gz.subarray(0, length))
  ),
  ...[4, 5, 8, 20, zst.length - 1, zst.length - 4].map((length) =>
    damaged(`zstd cut at ${length}`, zst.subarray(0, length))
  ),
  damaged("gzip of a wrong checksum", flipped(gz, -8)),
  damaged("gzip of a wrong length", flipped(gz, -4)),
  damaged("gzip of another method", changed(gz, 2, 7)),
  damaged("gzip of reserved flags", changed(gz, 3, 0xe0)),
  damaged("gzip with text behind it", join(gz, latin1("text"))),
  damaged("gzip twice", new Uint8Array(gzipSync(gz))),
  damaged("zstd in gzip", new Uint8Array(gzipSync(zst))),
  damaged("zstd with text behind it", join(zst, latin1("text"))),
  damaged("zstd with a frame behind it that is cut", join(zst, zst.subarray(0, 9))),
  damaged("zstd with a window of 2 GiB", frame(0x00, 0xa8, 0x01, 0, 0)),
  damaged("zstd with a reserved bit", frame(0x08, 0x50, 0x01, 0, 0)),
  damaged("zstd with a dictionary", frame(0x01, 0x50, 0x2a, 0x01, 0, 0)),
  damaged("zstd with a block of no type", frame(0x00, 0x50, 0x07, 0, 0)),
  damaged("zstd that says more than it has", frame(0x20, 0x05, 0x01, 0, 0)),
  damaged(
    "a skippable frame of 4 GiB",
    Uint8Array.from([0x50, 0x2a, 0x4d, 0x18, 0xff, 0xff, 0xff, 0xff, 0]),
  ),
  accept(
    "two members of gzip are one stream",
    ["f f 3"],
    join(
      new Uint8Array(gzipSync(plain.subarray(0, 700))),
      new Uint8Array(gzipSync(plain.subarray(700))),
    ),
  ),
  accept(
    "two frames of zstd are one stream",
    ["f f 3"],
    join(
      new Uint8Array(zstdCompressSync(plain.subarray(0, 700))),
      new Uint8Array(zstdCompressSync(plain.subarray(700))),
    ),
  ),
];
