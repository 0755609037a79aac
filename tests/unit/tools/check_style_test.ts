import { describe, test } from "node:test";
import { assertEquals, assertMatch } from "@std/assert";
import { tempDir } from "../../support/temp.ts";
import { checkStyle } from "../../../tools/check_style.ts";

function problemsOf(path: string, text: string): string[] {
  using dir = tempDir();
  dir.write(path, text);
  return checkStyle(dir.path);
}

const lines = (count: number, text = "run();") => `${text}\n`.repeat(count);
const rows = (count: number) => `  [1, 2],\n`.repeat(count);

describe("checkStyle() catches", () => {
  const table: readonly [name: string, text: string, want: RegExp][] = [
    ["a long file", lines(401), /401 lines without tables/],
    ["a long file beside a table", `${lines(401)}const a = [\n${rows(300)}];\n`, /401 lines/],
    [
      "a table with functions in it",
      `const a = {\n${"b() {},\n".repeat(401)}};\n`,
      /lines without/,
    ],
    ["a long function", `function f() {\n${lines(59)}}\n`, /f has 61 lines/],
    ["a long arrow function", `const f = () => {\n${lines(59)}};\n`, /f has 61 lines/],
    ["a long test", `test("a", () => {\n${lines(59)}});\n`, /a function has 61 lines/],
    ["four positions", "function f(a: X, b: X, c: X, d: number) {}\n", /f takes more than 3/],
    ["a list fourth", "const f = (a: X, b: X, c: X, d: readonly X[]) => a;\n", /f takes more/],
    ["a function fourth", "function f(a: X, b: X, c: X, d: () => void) {}\n", /f takes more/],
    ["five", "function f(a: X, b: X, c: X, d: X, e: Options) {}\n", /f takes more/],
    ["a default export", "export default 1;\n", /default export/],
    ["a default function", "export default function f() {}\n", /default export/],
    ["a class", "class Manager {}\n", /class Manager/],
    ["a derived class", "class A extends Map {}\n", /class A/],
  ];
  for (const [name, text, want] of table) {
    test(name, () => assertMatch(problemsOf("spec/a.ts", text).join("\n"), want));
  }

  test("a name that is not snake_case", () => {
    assertMatch(problemsOf("spec/someThing.ts", "export {};\n").join("\n"), /not snake_case/);
  });

  test("scripts of the tools too", () => {
    assertMatch(problemsOf("tools/a.mjs", "class A {}\n").join("\n"), /tools\/a\.mjs:1: class A/);
  });
});

describe("checkStyle() permits", () => {
  const table: readonly [name: string, text: string][] = [
    ["400 lines", lines(400)],
    ["a long table", `export const TABLE = [\n${rows(900)}] as const;\n`],
    ["60 lines in a function", `function f() {\n${lines(58)}}\n`],
    ["a long group of tests", `describe("a", () => {\n${lines(100)}});\n`],
    ["named options fourth", "function f(a: X, b: X, c: X, options: Options = {}) {}\n"],
    ["options taken apart", "function f(a: X, b: X, c: X, { d }: { d: number }) {}\n"],
    ["a callback as its caller wants it", "list.reduce((a, b, index) => a);\n"],
    ["errors, files, memory", "class AError extends Error {}\nclass Fd {}\nclass Arena {}\n"],
    ["this as first parameter", "function f(this: X, a: X, b: X) {}\n"],
  ];
  for (const [name, text] of table) {
    test(name, () => assertEquals(problemsOf("spec/a.ts", text), []));
  }

  test("anything in generated files", () => {
    assertEquals(problemsOf("ffi/stage/generated/a.ts", lines(1000)), []);
  });
});
