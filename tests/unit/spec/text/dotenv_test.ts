import { assertEquals } from "@std/assert";
import { describe, test } from "node:test";
import { parseDotenv } from "../../../../spec/text/dotenv.ts";

describe("parseDotenv()", () => {
  const rows: readonly (readonly [string, Readonly<Record<string, string>>])[] = [
    ["A=b", { A: "b" }],
    ["# a\n\nexport A = b c # d\r\nB=", { A: "b c", B: "" }],
    ["A=b#c", { A: "b#c" }],
    ["A='b \\n #c' # d", { A: "b \\n #c" }],
    ['A="b\\n\\"c\\" \\\\ \\$D $E"', { A: 'b\n"c" \\ $D $E' }],
    ["A=1\nA=2", { A: "2" }],
    ["\ufeffA=b", { A: "b" }],
    ["A=b=c", { A: "b=c" }],
    ["__proto__=x", { ["__proto__"]: "x" }],
  ];
  for (const [text, want] of rows) {
    test(JSON.stringify(text), () => {
      const { values, problems } = parseDotenv(text);
      assertEquals([Object.entries(values), problems], [Object.entries(want), []]);
    });
  }
  test("what is wrong, by its line", () => {
    assertEquals(parseDotenv('A=b\nnonsense\nB=\'x\nC="a" b').problems, [
      { line: 2, message: "is no NAME=value" },
      { line: 3, message: "the quotes of B are not closed" },
      { line: 4, message: "the quotes of C are not closed" },
    ]);
  });
});
