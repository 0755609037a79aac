import { describe, test } from "node:test";
import { assertEquals } from "@std/assert";
import { indexLines, lineAt, placeAt, sourceLine } from "../../../../spec/text/lines.ts";

const lines = indexLines("a.yaml", "ab\r\n\n😀c: d\nend");

describe("placeAt()", () => {
  const at = (start: number, end?: number) => {
    const { line, column, length } = placeAt(lines, start, end);
    return [line, column, length];
  };
  test("the first character", () => assertEquals(at(0, 1), [1, 1, 1]));
  test("the line break belongs to its line", () => assertEquals(at(2), [1, 3, 0]));
  test("an empty line", () => assertEquals(at(4), [2, 1, 0]));
  test("a character of two units counts once", () => assertEquals(at(7, 8), [3, 2, 1]));
  test("a mark over such a character", () => assertEquals(at(5, 8), [3, 1, 2]));
  test("a mark ends with its line", () => assertEquals(at(7, 99), [3, 2, 4]));
  test("beyond the end", () => assertEquals(at(99), [4, 4, 0]));
  test("before the start", () => assertEquals(at(-1), [1, 1, 0]));
  test("an end before the start", () => assertEquals(at(7, 3), [3, 2, 0]));
});

test("sourceLine() gives lines without their breaks", () => {
  assertEquals([1, 2, 3, 4, 5, 0].map((line) => sourceLine(lines, line)), [
    "ab",
    "",
    "😀c: d",
    "end",
    "",
    "",
  ]);
});

test("lineAt() counts from 1", () => {
  assertEquals([0, 3, 4, 5, 13].map((offset) => lineAt(lines, offset)), [1, 1, 2, 3, 4]);
});
