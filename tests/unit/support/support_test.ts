import { existsSync, readFileSync } from "node:fs";
import process from "node:process";
import { describe, test } from "node:test";
import {
  assert,
  assertEquals,
  AssertionError,
  assertMatch,
  assertNotEquals,
  assertStringIncludes,
  assertThrows,
} from "@std/assert";
import { runProgram } from "../../support/cli.ts";
import { assertGolden, normaliseOutput, sideBySide } from "../../support/golden.ts";
import { random } from "../../support/random.ts";
import { findTool, kernel, missing, tool } from "../../support/require.ts";
import { tempDir } from "../../support/temp.ts";

test("tempDir() removes the directory at the end of its scope", () => {
  let path = "";
  {
    using dir = tempDir();
    path = dir.path;
    assertEquals(readFileSync(dir.write("a/b.txt", "text"), "utf8"), "text");
  }
  assert(path !== "" && !existsSync(path));
});

describe("random()", () => {
  test("repeats for the same seed and differs for another", () => {
    const words = (seed: number) => Array.from({ length: 8 }, random(seed).word);
    assertEquals(words(7), words(7));
    assertNotEquals(words(7), words(8));
  });

  test("stays below the limit and reaches every value", () => {
    const source = random(1);
    const seen = new Set(Array.from({ length: 2000 }, () => source.below(10)));
    assertEquals([...seen].sort(), [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
  });

  test("uses all 64 bits", () => {
    const source = random(3);
    let [ones, zeros] = [0n, 0n];
    for (let count = 0; count < 200; count++) {
      const value = source.long();
      ones |= value;
      zeros |= ~value & 0xffff_ffff_ffff_ffffn;
    }
    assertEquals([ones, zeros], [0xffff_ffff_ffff_ffffn, 0xffff_ffff_ffff_ffffn]);
  });

  test("shuffles without loss", () => {
    const items = Array.from({ length: 50 }, (_, index) => index);
    const mixed = random(5).shuffle(items);
    assertNotEquals(mixed, items);
    assertEquals(mixed.toSorted((a, b) => a - b), items);
  });
});

describe("assertGolden()", () => {
  test("fails on a missing file and on a difference, showing both sides", () => {
    if (process.env["UPDATE_GOLDEN"] === "1") return; // it would write instead, as it should
    using dir = tempDir();
    assertStringIncludes(
      assertThrows(() => assertGolden(dir.file("no"), "x"), AssertionError).message,
      "does not exist",
    );
    const path = dir.write("out.txt", "one\ntwo\nthree\n");
    assertGolden(path, "one\ntwo\nthree\n");
    const error = assertThrows(() => assertGolden(path, "one\n2\nthree\n"), AssertionError);
    assertMatch(error.message, /^- two +│/m);
    assertMatch(error.message, /^\+ +│ 2$/m);
  });

  test("sideBySide() leaves out what is far from a change", () => {
    const lines = Array.from({ length: 100 }, (_, index) => `line ${index}`);
    const shown = sideBySide(lines.join("\n"), lines.with(50, "changed").join("\n"));
    assertStringIncludes(shown, "changed");
    assert(!shown.includes("line 10 ") && shown.split("\n").length < 12, shown);
  });

  test("normaliseOutput() hides times, pids and scratch paths only", () => {
    assertEquals(
      normaliseOutput(
        "exit 0 · 4 ms · memory 64MiB, pid 812, /tmp/containerv-test-aB1/x 1.9s 64ms",
      ),
      "exit 0 · N ms · memory 64MiB, pid N, /TMP/x N s N ms",
    );
  });
});

describe("missing()", () => {
  test("is false when nothing is missing", () => {
    assertEquals(missing(undefined, tool("sh"), kernel("2.6")), false);
  });

  test("joins and logs the reasons", () => {
    using dir = tempDir();
    const before = process.env["CONTAINERV_SKIP_LOG"];
    process.env["CONTAINERV_SKIP_LOG"] = dir.file("skips");
    try {
      const text = missing(tool("no-such-program"), undefined, kernel("999.0"));
      assertEquals(text, "needs the program no-such-program; needs Linux 999.0");
      assertEquals(readFileSync(dir.file("skips"), "utf8"), `${text}\n`);
    } finally {
      if (before === undefined) delete process.env["CONTAINERV_SKIP_LOG"];
      else process.env["CONTAINERV_SKIP_LOG"] = before;
    }
  });

  test("findTool() gives a path", () => {
    assertMatch(findTool("sh") ?? "", /\/sh$/);
  });
});

describe("runProgram()", () => {
  test("captures both streams, the code and the input", async () => {
    const result = await runProgram(["sh", "-c", "cat; echo bad >&2; exit 3"], { stdin: "in" });
    assertEquals([result.stdout, result.stderr, result.code], ["in", "bad\n", 3]);
  });

  test("reports a signal", async () => {
    const result = await runProgram(["sh", "-c", "kill -TERM $$"]);
    assertEquals([result.code, result.signal, result.timedOut], [null, "SIGTERM", false]);
  });

  test("kills the whole group when the time is over", async () => {
    const begin = performance.now();
    const result = await runProgram(["sh", "-c", "sleep 20 & sleep 20; wait"], { timeoutMs: 200 });
    assertEquals([result.timedOut, result.signal], [true, "SIGKILL"]);
    assert(performance.now() - begin < 5000);
  });

  test("gives a clean environment", async () => {
    process.env["CONTAINERV_CANARY"] = "1";
    const result = await runProgram(["env"], { env: { EXTRA: "2", HOME: undefined } });
    delete process.env["CONTAINERV_CANARY"];
    assertStringIncludes(result.stdout, "EXTRA=2\n");
    assert(!result.stdout.includes("CANARY") && !/^HOME=/m.test(result.stdout), result.stdout);
  });
});
