// runs-under: bun, deno
import { assertEquals } from "@std/assert";
import { chmodSync, mkdirSync, symlinkSync } from "node:fs";
import { test } from "node:test";
import { differencesOf } from "../../../../runtime/lifecycle/compare.ts";
import { showRepro } from "../../../../runtime/show/repro.ts";
import { tempDir } from "../../../support/temp.ts";

test("each kind of difference, by path; then as text", () => {
  using directory = tempDir();
  const [one, other] = ["one", "other"].map((side) => {
    const isOne = side === "one";
    directory.write(`${side}/same`, "same\n");
    directory.write(`${side}/text`, `line\nbuilt at 12:0${isOne ? 1 : 2}\n`);
    directory.write(`${side}/long`, isOne ? "ab\nc" : "ab\ncd");
    directory.write(`${side}/deep/bytes`, new Uint8Array([1, isOne ? 0xfe : 0xff]));
    chmodSync(directory.write(`${side}/mode`, ""), isOne ? 0o644 : 0o600);
    symlinkSync(isOne ? "a" : "b", directory.file(`${side}/link`));
    if (isOne) directory.write("one/kind", "");
    else mkdirSync(directory.file("other/kind"));
    directory.write(`${side}/only-${side}`, "");
    return directory.file(side);
  }) as [string, string];
  assertEquals(differencesOf(one, one), []);
  const differences = differencesOf(one, other);
  assertEquals(
    differences.map(({ path, what, values, offset, line }) => [path, what, values, offset, line]),
    [
      ["deep/bytes", "content", ["fe", "ff"], 1, 1],
      ["kind", "kind", ["file", "directory"], undefined, undefined],
      ["link", "target", ["a", "b"], undefined, undefined],
      ["long", "size", ["4", "5"], 4, 2],
      ["mode", "mode", ["0644", "0600"], undefined, undefined],
      ["only-one", "missing", ["there", "none"], undefined, undefined],
      ["only-other", "missing", ["none", "there"], undefined, undefined],
      ["text", "content", ['"1"', '"2"'], 18, 2],
    ],
  );
  const shown = showRepro([
    { from: "/out", digests: ["aa", "bb"], differences },
    { from: "/log", digests: ["cc", "cc"], differences: [] },
  ]);
  assertEquals(shown.split("\n"), [
    "✘ /out differs · sha256:aa, then sha256:bb",
    "    /out/deep/bytes, byte 1, line 1: fe, then ff",
    "    /out/kind is a file, then a directory",
    "    /out/link leads to a, then to b",
    "    /out/long has 4 bytes, then 5: the same up to byte 4, line 2",
    "    /out/mode has the mode 0644, then 0600",
    "    and 3 more",
    "✔ /log is the same twice · sha256:cc",
    "",
  ]);
});
