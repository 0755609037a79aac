import { describe, test } from "node:test";
import { assertEquals } from "@std/assert";
import { treeOf } from "../../../../spec/text/object.ts";
import { valueOf } from "../../../../spec/text/tree.ts";

const problems = (value: unknown) =>
  treeOf(value).problems.map(({ code, pointer }) => `${code} ${pointer}`);

test("treeOf() copies plain data and drops what is undefined", () => {
  const { tree, problems } = treeOf({ a: [1, "b", null, true], c: undefined, d: { e: 1.5 } });
  assertEquals(problems, []);
  assertEquals(JSON.parse(JSON.stringify(valueOf(tree))), {
    a: [1, "b", null, true],
    d: { e: 1.5 },
  });
});

describe("treeOf() refuses", () => {
  const circle: Record<string, unknown> = {};
  circle.self = [circle];
  const deep = Array.from({ length: 100 }).reduce<unknown>((inner) => [inner], 1);
  const table: readonly (readonly [string, unknown, readonly string[]])[] = [
    ["a circle", circle, ["ALIAS_CIRCLE /self/0"]],
    ["a function", { a: () => 1 }, ["NOT_DATA /a"]],
    ["a symbol", [Symbol("x")], ["NOT_DATA /0"]],
    ["a bigint", { a: 1n }, ["NOT_DATA /a"]],
    ["undefined itself", undefined, ["NOT_DATA "]],
    ["a Date", { a: new Date() }, ["NOT_DATA /a"]],
    ["a Map", { a: new Map() }, ["NOT_DATA /a"]],
    ["NaN", { a: NaN }, ["LOSSY_NUMBER /a"]],
    ["infinity", { a: Infinity }, ["LOSSY_NUMBER /a"]],
    ["2^53", { a: 2 ** 53 }, ["LOSSY_NUMBER /a"]],
    ["NUL", { a: "b\0" }, ["NUL /a"]],
    ["half a character", { a: "\ud800" }, ["LONE_SURROGATE /a"]],
    ["NUL in a key", { "a\0": 1 }, ["NUL "]],
    ["keys of the language", JSON.parse('{"__proto__": 1, "constructor": 2}'), [
      "FORBIDDEN_KEY ",
      "FORBIDDEN_KEY ",
    ]],
    ["a long key", { ["k".repeat(2000)]: 1 }, ["TOO_LARGE "]],
    ["great depth", deep, ["TOO_DEEP /0" + "/0".repeat(63)]],
    ["many values", Array.from({ length: 30_000 }, () => 1), ["TOO_LARGE /19999"]],
    ["a long list of holes", new Array(2 ** 31), ["NOT_DATA"]],
  ];
  for (const [name, value, want] of table) {
    test(name, () => {
      const found = problems(value);
      if (name === "a long list of holes") assertEquals(found[0]?.split(" ")[0], want[0]);
      else assertEquals(found, want);
    });
  }
  test("the same object twice is no circle", () => {
    const shared = { a: 1 };
    assertEquals(problems([shared, shared]), []);
  });
});
