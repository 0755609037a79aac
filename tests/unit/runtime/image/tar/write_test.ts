import { assertEquals } from "@std/assert";
import { test } from "node:test";
import { isZeroBlock, readHeader } from "../../../../../runtime/image/tar/header.ts";
import { readPax } from "../../../../../runtime/image/tar/pax.ts";
import {
  archiveEnd,
  entryHeader,
  padding,
  type WrittenEntry,
} from "../../../../../runtime/image/tar/write.ts";

const ENTRY: WrittenEntry = {
  type: "file",
  path: "a/b",
  mode: 0o4751,
  uid: 1000,
  gid: 100,
  size: 3,
  mtime: { sec: 1_700_000_000, nsec: 0 },
};

test("what ustar can say is one block, which the reader takes as it was meant", () => {
  const block = entryHeader(ENTRY);
  assertEquals(block.length, 512);
  const { name, type, mode, uid, gid, size } = readHeader(block);
  assertEquals([name, type, mode, uid, gid, size], ["a/b", "0", 0o4751, 1000, 100, 3]);
  const directory = readHeader(entryHeader({ ...ENTRY, type: "directory", size: 0 }));
  assertEquals([directory.name, directory.type], ["a/b/", "5"]);
});

test("all else is in a pax header in front of it, each record with its own length", () => {
  const path = `${"d/".repeat(60)}ünï`;
  const bytes = entryHeader({
    ...ENTRY,
    path,
    uid: 4_000_000_000,
    mtime: { sec: -2, nsec: 250_000_000 },
    xattrs: new Map([["user.k", new Uint8Array([0, 10, 255])]]),
  });
  const { type, size } = readHeader(bytes.subarray(0, 512));
  assertEquals([type, bytes.length % 512], ["x", 0]);
  const pax = readPax(bytes.subarray(512, 512 + size));
  const utf8 = new TextEncoder().encode(path);
  assertEquals(pax.path, String.fromCharCode(...utf8));
  assertEquals([pax.uid, pax.mtime], [4_000_000_000, { sec: -2, nsec: 250_000_000 }]);
  assertEquals([...pax.xattrs?.get("user.k") ?? []], [0, 10, 255]);
  assertEquals(readHeader(bytes.subarray(-512)).size, 3);
});

test("data fills whole blocks, and two of zeros end it", () => {
  assertEquals([0, 1, 512, 513].map((size) => padding(size).length), [0, 511, 0, 511]);
  assertEquals([archiveEnd().length, isZeroBlock(archiveEnd().subarray(512))], [1024, true]);
});
