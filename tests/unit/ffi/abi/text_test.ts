import { describe, test } from "node:test";
import { assertEquals, assertThrows } from "@std/assert";
import { cstr, utf8 } from "../../../../ffi/abi/text.ts";

describe("cstr()", () => {
  const cases: readonly (readonly [string, readonly number[]])[] = [
    ["", [0]],
    ["/a", [0x2f, 0x61, 0]],
    ["é", [0xc3, 0xa9, 0]],
    ["a€", [0x61, 0xe2, 0x82, 0xac, 0]],
    ["𝄞", [0xf0, 0x9d, 0x84, 0x9e, 0]],
  ];
  for (const [text, bytes] of cases) {
    test(`ends ${JSON.stringify(text)} with one NUL`, () => {
      assertEquals([...cstr(text)], [...bytes]);
    });
  }

  for (const text of ["\0", "a\0b", "é\0", "a\0"]) {
    test(`refuses the NUL in ${JSON.stringify(text)}`, () => {
      assertThrows(() => cstr(text), RangeError, "holds a NUL");
    });
  }

  for (const text of ["\ud800", "a\udc00b", "\udc00\ud800"]) {
    test(`refuses half a character ${JSON.stringify(text)}`, () => {
      assertThrows(() => cstr(text), RangeError, "half a character");
    });
  }
});

describe("utf8()", () => {
  test("has no NUL of its own and permits those of the text", () => {
    assertEquals([...utf8("a\0b")], [0x61, 0, 0x62]);
    assertEquals([...utf8("é", 2)], [0xc3, 0xa9, 0, 0]);
    assertEquals([...utf8("")], []);
  });
});
