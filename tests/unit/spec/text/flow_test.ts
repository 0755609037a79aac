import { describe, test } from "node:test";
import { assertEquals } from "@std/assert";
import { showFlow } from "../../../../spec/text/flow.ts";
import { parse } from "../../../../spec/text/parse.ts";
import { type Value, valueOf } from "../../../../spec/text/tree.ts";

const VALUES: readonly (readonly [Value, string])[] = [
  ["web", "web"],
  ["nginx:1.27", '"nginx:1.27"'],
  ["./src", "./src"],
  ["", '""'],
  ["yes", '"yes"'],
  ["1", '"1"'],
  ["-j2", '"-j2"'],
  ["a b", '"a b"'],
  [1.5, "1.5"],
  [true, "true"],
  [null, "null"],
  [["a", 1, []], "[a, 1, []]"],
  [{ a: { "b c": "d" } }, '{a: {"b c": d}}'],
];

describe("showFlow()", () => {
  for (const [value, want] of VALUES) test(want, () => assertEquals(showFlow(value), want));
  test("what it writes is read back as it was", () => {
    for (const [value] of VALUES) {
      const { tree } = parse(`v: ${showFlow(value)}\n`, "a.yaml");
      const back = tree && valueOf(tree) as { v: Value };
      assertEquals(JSON.stringify(back?.v), JSON.stringify(value));
    }
  });
});
