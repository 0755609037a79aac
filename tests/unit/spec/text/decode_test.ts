import { describe, test } from "node:test";
import { assert, assertEquals } from "@std/assert";
import { decode, findInvalidUtf8 } from "../../../../spec/text/decode.ts";

const bytes = (text: string) => new TextEncoder().encode(text);
const outcome = (input: Uint8Array | string) => {
  const decoded = decode(input);
  return "text" in decoded ? decoded.text : [decoded.problem.code, decoded.problem.offset];
};

describe("decode()", () => {
  test("text is taken as it is", () => assertEquals(outcome(bytes("a: é😀\tb\n")), "a: é😀\tb\n"));
  test("a string too", () => assertEquals(outcome("a: 1\r\n"), "a: 1\r\n"));
  test("a byte order mark at the start is dropped", () =>
    assertEquals(outcome("\ufeffa: 1"), "a: 1"));
  test("nowhere else", () => assertEquals(outcome("a\ufeff"), ["BOM", 1]));
  test("NUL", () => assertEquals(outcome("a\0"), ["NUL", 1]));
  test("a lone surrogate in a string", () =>
    assertEquals(outcome("a\ud800"), ["CONTROL_CHARACTER", 1]));
  test("a pair is fine", () => assertEquals(outcome("a\ud83d\ude00"), "a\ud83d\ude00"));
  test("next line and non-breaking blanks are fine", () =>
    assertEquals(outcome("\u0085\u00a0"), "\u0085\u00a0"));
  test("CR alone", () => assertEquals(outcome("a\rb"), ["LINE_BREAK", 1]));
  test("CR at the end", () => assertEquals(outcome("a\r"), ["LINE_BREAK", 1]));
  test("exactly 1 MiB is taken", () => assertEquals(outcome("#".repeat(1 << 20)).length, 1 << 20));
  test("one more is not", () => assertEquals(outcome("#".repeat((1 << 20) + 1)), ["TOO_LARGE", 0]));
  test("UTF-16", () => assertEquals(outcome(Uint8Array.of(0xff, 0xfe, 97, 0)), ["NOT_UTF8", 0]));
  test("UTF-32", () => {
    const decoded = decode(Uint8Array.of(0xff, 0xfe, 0, 0));
    assert("problem" in decoded && decoded.problem.message.includes("UTF-32"));
  });
  test("invalid UTF-8 names the byte, counts units before it", () => {
    const decoded = decode(Uint8Array.of(...bytes("é\n"), 0xff));
    assert("problem" in decoded);
    assertEquals(decoded.problem.message, "byte 0xff at 3 is not UTF-8");
    assertEquals(decoded.problem.offset, 2);
  });
});

test("findInvalidUtf8() agrees with TextDecoder on each pair and many triples of bytes", () => {
  const isValid = (input: Uint8Array) => {
    try {
      new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(input);
      return true;
    } catch {
      return false;
    }
  };
  const edges = [
    0,
    0x7f,
    0x80,
    0x8f,
    0x90,
    0x9f,
    0xa0,
    0xbf,
    0xc0,
    0xc2,
    0xdf,
    0xe0,
    0xed,
    0xef,
    0xf0,
    0xf4,
    0xf5,
    0xff,
  ];
  for (const first of edges) {
    for (const second of edges) {
      for (const third of edges) {
        for (const fourth of [0x41, 0x80, 0xbf, 0xc0]) {
          const input = Uint8Array.of(first, second, third, fourth);
          assertEquals(findInvalidUtf8(input) === input.length, isValid(input), `${input}`);
        }
      }
    }
  }
});
