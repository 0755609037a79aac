import { describe, test } from "node:test";
import { assert, assertEquals } from "@std/assert";
import { parse } from "../../../../spec/text/parse.ts";
import { valueOf } from "../../../../spec/text/tree.ts";

const valueFrom = (text: string) => {
  const { tree, problems } = parse(text, "a.yaml");
  assertEquals(problems, []);
  assert(tree !== undefined);
  return JSON.parse(JSON.stringify(valueOf(tree)));
};
const codes = (text: string) => parse(text, "a.yaml").problems.map(({ code }) => code);

describe("parse() takes", () => {
  const table: readonly (readonly [string, string, unknown])[] = [
    ["block and flow", "a: [1, {b: c}]\nd:\n  - e\n", { a: [1, { b: "c" }], d: ["e"] }],
    ["JSON", '{"a": [true, null, "x\\u00e9"]}', { a: [true, null, "xé"] }],
    ["quoted numbers as text", `a: "1"\nb: '0644'\n`, { a: "1", b: "0644" }],
    ["block scalars", "a: |\n  x\n  y\nb: >-\n  x\n  y\n", { a: "x\ny\n", b: "x y" }],
    ["a plain text over two lines", "a: x\n  y\n", { a: "x y" }],
    ["aliases", "a: &x [1]\nb: *x\n", { a: [1], b: [1] }],
    ["an anchor that is said again", "a: &x 1\nb: &x 2\nc: *x\n", { a: 1, b: 2, c: 2 }],
    ["an anchor on a key", "&k a: 1\nb: *k\n", { a: 1, b: "a" }],
    ["!!str on a number", "a: !!str 0644\n", { a: "0644" }],
    ["!!map and !!seq", "a: !!map {b: !!seq [c]}\n", { a: { b: ["c"] } }],
    ["numbers and words as keys", "1: a\ntrue: b\n0644: c\n", { "1": "a", true: "b", "0644": "c" }],
    ["a quoted <<", '"<<": a\n', { "<<": "a" }],
    ["missing values", "a:\nb: ~\n", { a: null, b: null }],
    ["%YAML 1.2", "%YAML 1.2\n---\na: 1\n...\n", { a: 1 }],
    ["CRLF", "a: 1\r\nb: 2\r\n", { a: 1, b: 2 }],
    [
      "64 levels",
      `${"[".repeat(64)}${"]".repeat(64)}`,
      JSON.parse("[".repeat(64) + "]".repeat(64)),
    ],
    ["1.1's words as text", "a: yes\nb: off\nc: 1_000\nd: 12:30\n", {
      a: "yes",
      b: "off",
      c: "1_000",
      d: "12:30",
    }],
  ];
  for (const [name, text, value] of table) test(name, () => assertEquals(valueFrom(text), value));
});

describe("parse() refuses", () => {
  const table: readonly (readonly [string, string, readonly string[]])[] = [
    ["65 levels", "[".repeat(65) + "]".repeat(65), ["TOO_DEEP"]],
    ["20,001 values", `[${"1,".repeat(10_000)}${"1,".repeat(10_001)}]`, ["TOO_LARGE"]],
    ["a directive", "%TAG ! tag:x,2000:\n---\na: 1\n", ["DIRECTIVE"]],
    ["a duplicate key once per copy", "a: 1\na: 2\na: 3\n", ["DUPLICATE_KEY", "DUPLICATE_KEY"]],
    ["several things at once", "a: 0644\na: 1\nb: *z\n<<: 1\n? [c]\n", [
      "MODE_LIKE_NUMBER",
      "DUPLICATE_KEY",
      "UNKNOWN_ALIAS",
      "MERGE_KEY",
      "KEY_NOT_TEXT",
    ]],
    ["an unclosed list, syntax only", "a: [1\nb: 0644\n", ["SYNTAX"]],
    ["an unclosed quote, once", 'a: ["1\nb: 0644\n', ["SYNTAX"]],
    ["a tag on a key", "!x a: 1\n", ["UNKNOWN_TAG"]],
    ["a key that is too long", `? ${"k".repeat(1025)}\n: 1\n`, ["TOO_LARGE"]],
    ["nothing", "# nothing\n", ["EMPTY"]],
  ];
  for (const [name, text, want] of table) test(name, () => assertEquals(codes(text), want));

  test("a text that is longer than an argument can be, however it is written", () => {
    const long = "a".repeat(131_073);
    for (
      const [text, start] of [[`a: ${long}`, 3], [`a: "${long}"`, 3], [`a: '${long}'`, 3], [
        `a: |\n  ${long}\n`,
        5,
      ]] as const
    ) {
      const [problem] = parse(text, "a.yaml").problems;
      assertEquals([problem?.code, problem?.start], ["TOO_LARGE", start]);
    }
    assertEquals(codes(`a: "${"\\n".repeat(60_000)}${"b".repeat(100_000)}"`), ["TOO_LARGE"]);
    assertEquals(codes(`a: ${"b".repeat(131_072)} # ${long}\n`), []);
  });

  test("the second of two keys, and says where the first is", () => {
    const [problem] = parse("a: 1\n\nb: 2\na: 3\n", "a.yaml").problems;
    assertEquals([problem?.note, problem?.start], ["first in line 1", 11]);
  });
});
