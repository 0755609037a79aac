// runs-under: bun, deno
/** What was being written when its writer was killed is in nobody's way, and `gc` takes it away. */
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import process from "node:process";
import { describe, test } from "node:test";
import { assertEquals } from "@std/assert";
import { replaceFile } from "../../../ffi/linux/file.ts";
import { missing, root } from "../../support/require.ts";
import { tempDir } from "../../support/temp.ts";
import { guardWorld, IDLE, type SpecObject } from "../cli/sandbox.ts";
import { project } from "./project.ts";

const skip = missing(root());
guardWorld();

const SPEC: SpecObject = { policy: "none", stop: { grace: "0s" }, commands: [IDLE] };
/** Of a process that has ended. */
const ended = (): number => spawnSync("true").pid;

describe("a file that was not renamed", () => {
  test("of a process that had our pid: it is written anew", () => {
    using directory = tempDir();
    const left = directory.write(`record.json.${process.pid}`, "half of");
    assertEquals(replaceFile(directory.file("record.json"), "whole"), undefined);
    assertEquals(readFileSync(directory.file("record.json"), "utf8"), "whole");
    assertEquals(existsSync(left), false);
  });

  test("a directory of that name is the reason, and stays", () => {
    using directory = tempDir();
    mkdirSync(directory.file(`record.json.${process.pid}`));
    const reason = replaceFile(directory.file("record.json"), "whole");
    assertEquals(/^unlinkat\(.*EISDIR/s.test(reason ?? ""), true, reason);
    assertEquals(existsSync(directory.file("record.json")), false);
  });

  test("gc takes it away, of the project and of the caches", { skip }, async () => {
    using cache = tempDir();
    await using box = project(SPEC, { env: { XDG_CACHE_HOME: cache.path } });
    const up = await box.cv("up", "-d");
    assertEquals(up.code, 0, up.stderr);
    const gone = ended();
    const one = `${box.state()}/containers/containerv`;
    const left = [
      `${box.state()}/project.json`,
      `${box.state()}/roster.json`,
      `${box.state()}/supervised`,
      `${box.state()}/renamed`,
      `${one}/record.json`,
      `${one}/stopped`,
    ].map((path) => `${path}.${gone}`);
    const cached = ["", ".json", ".run"]
      .map((end) => `${cache.path}/containerv/0123456789abcdef${end}.${gone}`);
    mkdirSync(`${cache.path}/containerv`, { recursive: true, mode: 0o700 });
    // Of one that still writes, and what no program of ours is called.
    const others = [`${one}/record.json.${process.pid}`, `${one}/notes.${gone}`];
    for (const path of [...left, ...cached, ...others]) writeFileSync(path, "half");

    const dry = await box.cv("gc", "--dry-run");
    assertEquals(dry.code, 0, dry.stderr);
    const gc = await box.cv("gc");
    assertEquals(gc.code, 0, gc.stderr);
    // Another's gc may have been first with those of the project: of them it says what it took itself.
    assertEquals([...left, ...cached].filter((path) => existsSync(path)), []);
    for (const path of cached) {
      const line = `${path}: it was not written to its end\n`;
      assertEquals([dry, gc].map(({ stderr }) => stderr.includes(line)), [true, true], path);
    }
    assertEquals(others.map((path) => existsSync(path)), [true, true]);
    assertEquals((await box.ps()).map(({ state }) => state), ["running"]);
  });
});
