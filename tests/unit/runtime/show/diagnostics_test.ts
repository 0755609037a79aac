import { describe, test } from "node:test";
import { assertEquals, assertLess, assertStringIncludes } from "@std/assert";
import type { Diagnostic } from "../../../../spec/text/diagnostic.ts";
import { githubAnnotations, showDiagnostics } from "../../../../runtime/show/diagnostics.ts";

const BASE: Diagnostic = {
  code: "UNKNOWN_KEY",
  severity: "error",
  message: "unknown key `image`",
  pointer: "/containers/web/image",
  place: { file: "bad.yaml", line: 17, column: 5, offset: 200, length: 5 },
  source: "    image: nginx:1.27",
  note: 'compose\'s word; here: rootfs: {layers: [{image: "nginx:1.27"}]}',
};
const MODE: Diagnostic = {
  code: "MODE_LIKE_NUMBER",
  severity: "error",
  message: "0644 is the number 644 in YAML 1.2",
  pointer: "/inputs/0/mode",
  place: { file: "bad.yaml", line: 21, column: 30, offset: 300, length: 4 },
  source: "inputs: [{from: a, to: /b, mode: 0644}]",
  fix: 'mode: "0644"',
};
const show = (...diagnostics: readonly Diagnostic[]) =>
  showDiagnostics(diagnostics, { color: false });

describe("showDiagnostics()", () => {
  test("is the transcript", () => {
    assertEquals(
      show(BASE, MODE),
      `bad.yaml:17:5: error: unknown key \`image\`
   17 |     image: nginx:1.27
      |     ^^^^^ compose's word; here: rootfs: {layers: [{image: "nginx:1.27"}]}
bad.yaml:21:30: error: 0644 is the number 644 in YAML 1.2
      |     fix: mode: "0644"
2 errors, nothing was done
`,
    );
  });
  test("nothing for nothing", () => assertEquals(show(), ""));
  test("counts", () => {
    const last = (...all: readonly Diagnostic[]) => show(...all).trimEnd().split("\n").at(-1);
    const warning: Diagnostic = { ...BASE, severity: "warning" };
    assertEquals(last(BASE), "1 error, nothing was done");
    assertEquals(last(warning), "1 warning");
    assertEquals(last(BASE, warning, warning), "1 error, 2 warnings, nothing was done");
  });
  test("note and fix together", () => {
    assertEquals(show({ ...BASE, note: "why", fix: "x: 1" }).split("\n").slice(1, 4), [
      "   17 |     image: nginx:1.27",
      "      |     ^^^^^ why",
      "      |     fix: x: 1",
    ]);
  });
  test("neither shows the place", () => {
    const { note: _note, ...bare } = BASE;
    assertEquals(show(bare).split("\n")[2], "      |     ^^^^^");
  });
  test("without a place the pointer stands in", () => {
    const { place: _place, source: _source, ...object } = BASE;
    assertEquals(
      show({ ...object, note: "why" }),
      "/containers/web/image: error: unknown key `image`\n      | why\n1 error, nothing was done\n",
    );
    assertEquals(show({ ...object, pointer: "" }).split(":")[0], "the spec");
  });
  test("an empty mark is one caret", () => {
    const place = { file: "a", line: 1, column: 3, offset: 2, length: 0 };
    assertEquals(show({ ...BASE, place, source: "ab", note: "n" }).split("\n")[2], "      |   ^ n");
  });
  test("control characters and directions are escaped, and the caret stands behind them", () => {
    const source = "a\x1b[2J\u202e\x9b: b";
    const place = { file: "e\x1bvil", line: 1, column: 9, offset: 8, length: 1 };
    const shown = show({ ...BASE, message: "m\x07\n", source, place, note: "n\r" });
    assertEquals(
      shown,
      `e\\x1bvil:1:9: error: m\\x07\\x0a
    1 | a\\x1b[2J\\u202e\\x9b: b
      |                    ^ n\\x0d
1 error, nothing was done
`,
    );
  });
  test("a tab is one blank", () => {
    const place = { file: "a", line: 1, column: 2, offset: 1, length: 1 };
    assertEquals(show({ ...BASE, source: "\tb", place, note: "n" }).split("\n").slice(1, 3), [
      "    1 |  b",
      "      |  ^ n",
    ]);
  });
  test("a long line is cut around the column", () => {
    const source = "x".repeat(500) + "BAD" + "y".repeat(500_000);
    const place = { file: "a", line: 1, column: 501, offset: 500, length: 3 };
    const [, line = "", caret = ""] = show({ ...BASE, source, place, note: "n" }).split("\n");
    assertLess(line.length, 120);
    assertEquals(line.slice(caret.indexOf("^"), caret.lastIndexOf("^") + 1), "BAD");
    assertStringIncludes(line, "…");
  });
  test("a mark longer than what is shown ends there", () => {
    const place = { file: "a", line: 1, column: 1, offset: 0, length: 5000 };
    const caret = show({ ...BASE, source: "z".repeat(5000), place }).split("\n")[2] ?? "";
    assertEquals(caret.match(/\^+/)?.[0].length, 100);
  });
  test("colour marks the word, the caret and the fix", () => {
    const shown = showDiagnostics([{ ...BASE, fix: "f" }], { color: true });
    for (
      const part of [
        "\x1b[31;1merror\x1b[0m",
        "\x1b[31;1m^^^^^\x1b[0m",
        "\x1b[32mfix:\x1b[0m",
        "\x1b[2m   17 |\x1b[0m",
      ]
    ) {
      assertStringIncludes(shown, part);
    }
    const bare = shown.replaceAll("\x1b", "ESC").replaceAll(/ESC\[[0-9;]*m/g, "");
    assertEquals(bare, show({ ...BASE, fix: "f" }));
  });
});

describe("githubAnnotations()", () => {
  test("one command per diagnostic", () => {
    assertEquals(
      githubAnnotations([MODE]),
      '::error file=bad.yaml,line=21,col=30,title=MODE_LIKE_NUMBER::0644 is the number 644 in YAML 1.2%0Afix: mode: "0644"\n',
    );
  });
  test("what would end the command is escaped", () => {
    const place = { file: "a,b:c%d.yaml", line: 1, column: 1, offset: 0, length: 0 };
    const { note: _note, ...bare } = BASE;
    assertEquals(
      githubAnnotations([{ ...bare, place, message: "50%\r\n::error::x", severity: "warning" }]),
      "::warning file=a%2Cb%3Ac%25d.yaml,line=1,col=1,title=UNKNOWN_KEY::50%25%0D%0A::error::x\n",
    );
  });
  test("without a place", () => {
    const { place: _place, ...object } = BASE;
    assertStringIncludes(
      githubAnnotations([object]),
      "::error title=UNKNOWN_KEY::/containers/web/image: unknown key",
    );
  });
});
