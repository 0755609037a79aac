import { describe, test } from "node:test";
import { assertEquals, assertThrows } from "@std/assert";
import {
  bytesOf,
  byteText,
  byteTextOf,
  DEPTH_MAX,
  safePath,
  shown,
} from "../../../../runtime/image/names.ts";

describe("byte texts", () => {
  test("keep every byte, whatever it is in UTF-8", () => {
    const all = Uint8Array.from({ length: 10_000 }, (_, index) => index & 0xff);
    assertEquals(bytesOf(byteText(all)), all);
  });

  test("names that are no UTF-8 stay two", () => {
    const [one, two] = [byteText(Uint8Array.of(0x66, 0xff)), byteText(Uint8Array.of(0x66, 0xfe))];
    assertEquals(one === two, false);
    assertEquals([shown(one), shown(two)], ["f\ufffd", "f\ufffd"]);
  });

  test("of a text are its UTF-8", () => assertEquals(byteTextOf("ä"), "\xc3\xa4"));

  test("are clipped in messages", () => {
    assertEquals(shown("x".repeat(80)), "x".repeat(80));
    assertEquals(shown("x".repeat(81)), `${"x".repeat(80)}…`);
  });
});

describe("safePath()", () => {
  const good: Readonly<Record<string, string>> = {
    "a/b": "a/b",
    "/a//./b/": "a/b",
    "./": "",
    "": "",
    "...": "...",
    "a/..b": "a/..b",
    [Array.from({ length: DEPTH_MAX }, () => "d").join("/")]: Array.from(
      { length: DEPTH_MAX },
      () => "d",
    ).join("/"),
    ["x".repeat(255)]: "x".repeat(255),
  };
  for (const [name, path] of Object.entries(good)) {
    test(`takes ${JSON.stringify(name.slice(0, 30))}`, () => assertEquals(safePath(name), path));
  }

  const bad: Readonly<Record<string, RegExp>> = {
    "..": /has `\.\.`/,
    "a/../b": /has `\.\.`/,
    "/..": /has `\.\.`/,
    "a\0": /NUL/,
    ["x".repeat(256)]: /255 bytes/,
    [Array.from({ length: DEPTH_MAX + 1 }, () => "d").join("/")]: /deeper/,
    [Array.from({ length: 20 }, () => "y".repeat(250)).join("/")]: /4095 bytes/,
  };
  for (const [name, why] of Object.entries(bad)) {
    test(`refuses ${JSON.stringify(name.slice(0, 30))}`, () => {
      const error = assertThrows(() => safePath(name, "the target")) as Error;
      assertEquals(why.test(error.message), true, error.message);
      assertEquals(error.message.startsWith("the target "), true);
    });
  }
});
