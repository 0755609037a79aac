import { describe, test } from "node:test";
import { assertEquals, assertThrows } from "@std/assert";
import { isZeroBlock, readGnuMap, readHeader } from "../../../../../runtime/image/tar/header.ts";
import { type EntryParts, header, latin1 } from "../../../../support/tar.ts";

const read = (parts: Partial<EntryParts>) => readHeader(header({ name: "f", ...parts }));

/** A field in GNU's form: big-endian, the first bit set. */
const base256 = (offset: number, length: number, value: bigint) => (block: Uint8Array): void => {
  for (let index = length - 1, left = value; index >= 0; index--, left >>= 8n) {
    block[offset + index] = Number(left & 0xffn);
  }
  block[offset] = value < 0n ? 0xff : 0x80;
};

describe("readHeader()", () => {
  test("reads every field", () => {
    const all = read({ mode: 0o4755, uid: 1000, gid: 1001, size: 5, mtime: 1e9, link: "t" });
    assertEquals(all, {
      name: "f",
      link: "t",
      type: "0",
      mode: 0o4755,
      uid: 1000,
      gid: 1001,
      size: 5,
      mtime: 1e9,
      major: 0,
      minor: 0,
    });
  });

  test("a prefix stands before the name, in ustar alone", () => {
    assertEquals(read({ prefix: "a/b" }).name, "a/b/f");
    assertEquals(read({ prefix: "a/b", magic: "ustar  \0" }).name, "f");
    assertEquals(read({ prefix: "a/b", magic: "" }).name, "f");
  });

  test("numbers of devices are read of devices alone", () => {
    assertEquals(read({ type: "3", major: 8, minor: 1 }).major, 8);
    assertEquals(read({ type: "0", major: 8, minor: 1 }).major, 0);
  });

  const numbers: readonly (readonly [string, bigint])[] = [
    ["ids above 65535", 4_294_967_294n],
    ["sizes above 8 GiB", 1n << 40n],
    ["the last exact number", BigInt(Number.MAX_SAFE_INTEGER)],
  ];
  for (const [name, value] of numbers) {
    test(`GNU's form holds ${name}`, () => {
      assertEquals(read({ patch: base256(124, 12, value) }).size, Number(value));
    });
  }

  test("a time may lie before 1970", () => {
    assertEquals(read({ patch: base256(136, 12, -5n) }).mtime, -5);
  });

  test("a number that is not exact is refused", () => {
    assertThrows(() => read({ patch: base256(124, 12, 1n << 53n) }));
  });

  test("a checksum may be that of signed bytes", () => {
    const block = header({ name: "f\xff\xfe" });
    const unsigned = Number.parseInt(String.fromCharCode(...block.subarray(148, 154)), 8);
    block.set(latin1((unsigned - 512).toString(8).padStart(6, "0")), 148);
    assertEquals(readHeader(block).name, "f\xff\xfe");
    block.set(latin1((unsigned - 511).toString(8).padStart(6, "0")), 148);
    assertThrows(() => readHeader(block));
  });
});

test("isZeroBlock() looks at all 512 bytes", () => {
  const block = new Uint8Array(512);
  assertEquals(isZeroBlock(block), true);
  block[511] = 1;
  assertEquals(isZeroBlock(block), false);
});

test("readGnuMap() reads until an empty piece, and whether more follows", () => {
  const pieces = "00000000012\x0000000000003\0";
  const block = header({
    name: "s",
    type: "S",
    patch: (bytes) => {
      bytes.set(latin1(pieces), 386);
      bytes[482] = 1;
      bytes.set(latin1("00000000144\0"), 483);
    },
  });
  assertEquals(readGnuMap(block, "header"), {
    segments: [{ offset: 10, length: 3 }],
    more: true,
    realSize: 100,
  });
});
