// runs-under: bun, deno
import { assertEquals, assertInstanceOf, assertRejects } from "@std/assert";
import { describe, test } from "node:test";
import { absolutePath, loadFile, readSpec } from "../../../../runtime/lifecycle/load.ts";
import { dataDirectory } from "../../../../runtime/lifecycle/data.ts";
import { ContainervError } from "../../../../runtime/plan/error.ts";
import { tempDir } from "../../../support/temp.ts";

test("absolutePath() resolves against a directory, without . and ..", () => {
  const rows = [
    ["/a/b", "/a/b"],
    ["b", "/d/e/b"],
    ["./b/./c", "/d/e/b/c"],
    ["../b", "/d/b"],
    ["../../../../b", "/b"],
    ["/a/../../b/", "/b"],
    ["", "/d/e"],
    ["/", "/"],
  ] as const;
  for (const [path, expected] of rows) assertEquals(absolutePath(path, "/d/e"), expected, path);
});

test("dataDirectory(): root's, the user's own, or below home", () => {
  assertEquals(dataDirectory({ XDG_DATA_HOME: "/x" }, 0), "/var/lib/containerv");
  assertEquals(dataDirectory({ XDG_DATA_HOME: "/x", HOME: "/h" }, 5), "/x/containerv");
  assertEquals(dataDirectory({ XDG_DATA_HOME: "x", HOME: "/h" }, 5), "/h/.local/share/containerv");
});

describe("readSpec()", () => {
  test("keeps every byte in the key: files that differ anywhere have different keys", () => {
    using dir = tempDir();
    const bytes = Uint8Array.from({ length: 10_000 }, (_, index) => index & 255);
    const { key, cache } = readSpec(dir.write("a.yaml", bytes));
    assertEquals(key.bytes, bytes);
    assertEquals(key.directory, dir.path);
    // Run from its sources the program keeps nothing.
    assertEquals(cache, undefined);
  });

  test("reads no more of a file than a spec may be, and one byte", () => {
    using dir = tempDir();
    const path = dir.write("long.yaml", new Uint8Array(3 << 20).fill(35));
    assertEquals(readSpec(path).key.bytes.length, (1 << 20) + 1);
  });
});

describe("loadFile()", () => {
  test("a good file, with the places of what it says", async () => {
    using dir = tempDir();
    const path = dir.write("web.yaml", "commands: [ls]\nlimits: {pids: 3}\n");
    const result = await loadFile(path);
    assertEquals(result.desired?.containers[0]?.name, "web");
    assertEquals(result.places["/limits/pids"]?.line, 2);
  });

  test("a command in place of the last one", async () => {
    using dir = tempDir();
    const path = dir.write("web.yaml", "commands: [first, last]\n");
    const { desired } = await loadFile(path, { command: ["id", "-u"] });
    const argv = desired?.containers[0]?.commands.map(({ exec }) => exec);
    assertEquals(argv, [["/bin/sh", "-ec", "first"], ["id", "-u"]]);
  });

  test("relative directories start at the spec, not where the program runs", async () => {
    using dir = tempDir();
    const path = dir.write("web.yaml", "commands: [ls]\nrootfs: {path: root}\n");
    const { desired } = await loadFile(path);
    assertEquals(desired?.containers[0]?.rootfs.path, dir.file("root"));
  });

  test("a wrong file is told in the result, a missing one is thrown", async () => {
    using dir = tempDir();
    const wrong = await loadFile(dir.write("bad.yaml", "commands: [ls]\nlimit: 3\n"));
    assertEquals([wrong.desired, wrong.diagnostics[0]?.code], [undefined, "UNKNOWN_KEY"]);
    for (const path of [dir.file("none.yaml"), dir.path, "/dev/null/x"]) {
      const error = await assertRejects(() => loadFile(path));
      assertInstanceOf(error, ContainervError);
      assertEquals(error.code, "SPEC_UNREADABLE", path);
    }
  });
});
