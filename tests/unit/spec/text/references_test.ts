import { assertEquals } from "@std/assert";
import { describe, test } from "node:test";
import { onlyReference, substitute } from "../../../../spec/text/references.ts";

describe("substitute()", () => {
  const values: Readonly<Record<string, string>> = { A: "1", B: "${{ A }}", C: "" };
  const lookUp = (name: string): string | undefined => values[name];
  const rows: readonly (readonly [string, string, readonly string[], readonly string[]])[] = [
    ["x", "x", [], []],
    ["${{ A }}", "1", ["A"], []],
    ["a${{A}}b${{  A  }}", "a1b1", ["A", "A"], []],
    ["${{ C }}", "", ["C"], []],
    ["$A ${A} $${{ A }}", "$A ${A} $1", ["A"], []],
    ["${{ B }}", "${{ A }}", ["B"], []],
    ["${{ D }}", "${{ D }}", ["D"], []],
    ["${{ }} ${{ a-b }}", "${{ }} ${{ a-b }}", [], ["", "a-b"]],
    ["x ${{ A", "x ${{ A", [], ["${{ A"]],
  ];
  for (const [text, filled, names, wrong] of rows) {
    test(text, () => assertEquals(substitute(text, lookUp), { text: filled, names, wrong }));
  }
  test("a reference alone", () => {
    assertEquals(["${{ A }}", "x${{ A }}", "${{ A }}${{ A }}"].map(onlyReference), [
      true,
      false,
      false,
    ]);
  });
});
