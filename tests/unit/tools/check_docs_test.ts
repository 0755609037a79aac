import { describe, test } from "node:test";
import { assertEquals, assertMatch } from "@std/assert";
import { tempDir } from "../../support/temp.ts";
import { checkApi, checkCalls, checkLinks, checkTree } from "../../../tools/check_docs.ts";

const GOOD_CALL = `/**
 * \`umask(2)\`: sets the mask.
 *
 * Header  include/linux/syscalls.h
 * Since   Linux 1.0
 * Needs   nothing
 * @see https://man7.org/linux/man-pages/man2/umask.2.html
 */
export function umask(mask: number): Syscall {}
`;

describe("checkCalls()", () => {
  const check = (text: string) => {
    using dir = tempDir();
    dir.write("ffi/calls/a.ts", text);
    return checkCalls(dir.path);
  };

  test("permits a call that says all", () => assertEquals(check(GOOD_CALL), []));

  for (const line of ["Header", "Since", "Needs", "@see"]) {
    test(`catches a call without ${line}`, () => {
      const text = GOOD_CALL.split("\n").filter((row) => !row.includes(` ${line}`)).join("\n");
      assertEquals(check(text).map((problem) => problem.split(": ")[1]), [`umask lacks ${line}`]);
    });
  }

  test("catches a call and a helper without any comment", () => {
    const text = "export function a(): Syscall {}\nexport function b(): string {}\n";
    assertMatch(
      check(text).join("\n"),
      /a lacks Header, Since, Needs, @see\n.*b has no description/,
    );
  });

  test("permits a helper with a description", () => {
    assertEquals(check("/** Text. */\nexport function show(call: Syscall): string {}\n"), []);
  });
});

describe("checkApi()", () => {
  const check = (text: string) => {
    using dir = tempDir();
    dir.write("mod.ts", 'export { run } from "./run.ts";\nexport type { Spec } from "./run.ts";\n');
    dir.write("run.ts", text);
    return checkApi(dir.path);
  };
  const example = "/**\n * Runs.\n *\n * @example\n * ```ts\n * run();\n * ```\n */\n";

  test("permits a function with an example and a described type", () => {
    const text =
      `${example}export function run() {}\n/** What to run. */\nexport interface Spec {}\n`;
    assertEquals(check(text), []);
  });

  test("catches what has no description", () => {
    assertEquals(check("export function run() {}\nexport interface Spec {}\n"), [
      "mod.ts: run has no description",
      "mod.ts: Spec has no description",
    ]);
  });

  test("catches a function without an example", () => {
    const text = "/** Runs. */\nexport function run() {}\n/** What. */\nexport interface Spec {}\n";
    assertEquals(check(text), ["mod.ts: run has no @example"]);
  });
});

describe("checkLinks()", () => {
  const check = (readme: string) => {
    using dir = tempDir();
    dir.write("README.md", readme);
    dir.write("docs/a.md", "# A title, `code`\n\n[back](../README.md)\n");
    return checkLinks(dir.path);
  };

  test("permits files, anchors, addresses and what is only code", () => {
    const text = "[a](docs/a.md) [b](docs/a.md#a-title-code) [c](https://a.example/x) `[d](e)`\n";
    assertEquals(check(`${text}\n\`\`\`\n[e](f.md)\n\`\`\`\n`), []);
  });

  test("catches a file that is not there", () => {
    assertEquals(check("[a](docs/b.md)\n"), ["README.md: the link docs/b.md leads nowhere"]);
  });

  test("catches an anchor that is not there", () => {
    assertEquals(check("[a](docs/a.md#b)\n"), ["README.md: no heading for docs/a.md#b"]);
  });
});

describe("checkTree()", () => {
  const check = (text: string) => {
    using dir = tempDir();
    dir.write("docs/a.md", text);
    return checkTree(dir.path, ["/opt/someone/", "mirror.example"]);
  };

  test("permits a tree without them", () => assertEquals(check("a\n/srv/opt/someone/b\n"), []));

  test("catches a path of the machine", () => {
    assertEquals(check("a\nsee /opt/someone/x\n"), ["docs/a.md:2: names this machine"]);
  });

  test("catches a host in any case", () => {
    assertEquals(check("https://Mirror.Example/x\n"), ["docs/a.md:1: names this machine"]);
  });
});
