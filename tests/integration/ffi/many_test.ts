// runs-under: bun, deno
/** Many files below one directory, looked at one after the other. */
import { readdirSync, renameSync, rmSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { describe, test } from "node:test";
import { assert, assertEquals, assertNotEquals, assertThrows } from "@std/assert";
import { STAMP_NUMBERS, stampsOfEach, textsOfEach } from "../../../ffi/linux/many.ts";
import { tempDir } from "../../support/temp.ts";

const openFds = (): number => readdirSync("/proc/self/fd").length;

describe("stampsOfEach()", () => {
  test("gives inode, length and time of writing, zeros for what is not there", () => {
    using directory = tempDir();
    const names = Array.from({ length: 300 }, (_, index) => `é${index}`);
    names.forEach((name, index) => directory.write(`${name}/file`, "x".repeat(index)));
    directory.write("empty/other", "");
    const stamps = stampsOfEach({
      directory: directory.path,
      names: [...names, "nothing", "empty"],
      file: "file",
    });
    assertEquals(stamps.length, 302 * STAMP_NUMBERS);
    names.forEach((name, index) => {
      const { ino, size, mtimeMs } = statSync(directory.file(`${name}/file`));
      const at = index * STAMP_NUMBERS;
      const [inode, length, seconds = 0, nanoseconds = 0] = stamps.subarray(at, at + STAMP_NUMBERS);
      assertEquals([inode, length], [ino, size]);
      // Deno tells milliseconds only.
      assert(Math.abs(seconds * 1000 + nanoseconds / 1e6 - mtimeMs) < 1, `${seconds} ${mtimeMs}`);
    });
    assertEquals(Array.from(stamps.subarray(300 * STAMP_NUMBERS)), [0, 0, 0, 0, 0, 0, 0, 0]);
  });

  test("another file of the same name and length has another", () => {
    using directory = tempDir();
    const path = directory.write("one/file", "abc");
    const one = { directory: directory.path, names: ["one"], file: "file" };
    const before = stampsOfEach(one);
    assertEquals(stampsOfEach(one), before);
    renameSync(directory.write("one/other", "abd"), path);
    assertNotEquals(stampsOfEach(one), before);
  });

  test("a directory's own changes with what is in it", async () => {
    using directory = tempDir();
    const own = { directory: directory.path, names: ["."], file: "" };
    const before = stampsOfEach(own);
    assertEquals(before[0], statSync(directory.path).ino);
    // Longer than a tick of the kernel's clock.
    await new Promise((resolve) => setTimeout(resolve, 30));
    directory.write("one", "");
    assertNotEquals(stampsOfEach(own), before);
  });

  test("of a directory that is not there nothing is known, and nothing stays open", () => {
    using directory = tempDir();
    const before = openFds();
    const none = { directory: directory.file("none"), names: ["a", "b"], file: "file" };
    assertEquals(stampsOfEach(none), new Float64Array(2 * STAMP_NUMBERS));
    assertEquals(textsOfEach(none), [undefined, undefined]);
    const noNames = { directory: directory.path, names: [], file: "file" };
    assertEquals(stampsOfEach(noNames), new Float64Array());
    assertEquals(textsOfEach(noNames), []);
    assertEquals(openFds(), before);
  });

  test("refuses a name with a zero byte", () => {
    using directory = tempDir();
    const before = openFds();
    const split = { directory: directory.path, names: ["a\0b", "c"], file: "file" };
    for (const look of [stampsOfEach, textsOfEach]) {
      assertThrows(() => look(split), RangeError, "zero byte");
    }
    assertEquals(openFds(), before);
  });
});

describe("textsOfEach()", () => {
  test("gives each file's text, undefined for what can't be read", () => {
    using directory = tempDir();
    const names = Array.from({ length: 300 }, (_, index) => `${index}`);
    for (const name of names) directory.write(`${name}/file`, `${name} ü\n`);
    rmSync(directory.file("17/file"));
    writeFileSync(directory.file("18/file"), "");
    directory.write("link/other", "");
    symlinkSync("nowhere", directory.file("link/file"));
    const before = openFds();
    const texts = textsOfEach({
      directory: directory.path,
      names: [...names, "link", "nothing"],
      file: "file",
    });
    assertEquals(openFds(), before);
    const expected = names.map((name): string | undefined => `${name} ü\n`);
    expected[17] = undefined;
    expected[18] = "";
    assertEquals(texts, [...expected, undefined, undefined]);
  });

  test("what is longer than one look is not given in part", () => {
    using directory = tempDir();
    directory.write("short/file", "x".repeat(4095));
    directory.write("long/file", "x".repeat(4096));
    const [short, long] = textsOfEach({
      directory: directory.path,
      names: ["short", "long"],
      file: "file",
    });
    assertEquals(short?.length, 4095);
    assert(long === undefined);
  });
});
