// runs-under: bun, deno
/** kill -9 while files are copied to the host: gc finds what is left beside their place, and takes nothing else away. */
import { existsSync, mkdirSync, readdirSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { describe, test } from "node:test";
import { assert, assertEquals, assertMatch } from "@std/assert";
import type { CliResult } from "../support/cli.ts";
import { findTool, missing, root, tool } from "../support/require.ts";
import { guardWorld } from "../integration/cli/sandbox.ts";
import { project } from "../integration/detached/project.ts";

guardWorld();
const skip = missing(root(), tool("strace"));
const NOTES = "/var/lib/containerv/copies";
/** Each file's time is set when all else of it is there, and before it gets its name. */
const killing = (when: number) => [
  findTool("strace") ?? "strace",
  ...["-qq", "-o", "/dev/null", "-e", "trace=utimensat"],
  ...["-e", `inject=utimensat:signal=KILL:when=${when}`],
];

describe("kill -9 of who copies to the host", { skip }, () => {
  test("leaves what gc takes away: of run, of wait, of cp", async () => {
    await using made = project({
      name: "halves",
      commands: ["mkdir -p /out/deep; echo a > /out/a; echo b > /out/deep/b; sleep 60 & wait"],
      outputs: [{ from: "/out", to: "./got/", when: "always" }],
      stop: { grace: "0s" },
    });
    const directory = dirname(made.file);
    const got = `${directory}/got`;
    mkdirSync(got);
    // Of somebody else, whatever its name.
    writeFileSync(`${got}/.containerv-1-2-3`, "");
    const left = () => readdirSync(got).filter((name) => name !== ".containerv-1-2-3");

    const isKilled = ({ code, signal }: CliResult): boolean => code === 137 || signal === "SIGKILL";
    writeFileSync(
      `${directory}/run.yaml`,
      JSON.stringify({ commands: ["echo c > /c"], outputs: [{ from: "/c", to: "./got/c" }] }),
    );
    const run = await made.cvUnder(killing(1), ["run", "run.yaml"]);
    assert(isKilled(run), run.stderr);
    assertEquals(left().map((name) => name.startsWith(".containerv-")), [true]);
    assertEquals((await made.cv("gc")).code, 0);
    assertEquals(left(), []);

    assertEquals((await made.cv("up", "-d")).code, 0);
    const cp = await made.cvUnder(killing(2), ["cp", "halves:/out", `${got}/out`]);
    assert(isKilled(cp), cp.stderr);
    assertEquals(left(), ["out"]);
    const halves = readdirSync(`${got}/out`, { recursive: true, encoding: "utf8" });
    assert(halves.some((name) => name.includes(".containerv-")), halves.join());

    const dry = await made.cv("gc", "--dry-run");
    assertMatch(dry.stdout + dry.stderr, /got\/out\/.*\.containerv-\d+-\d+-\d+: it was not copied/);
    assertEquals((await made.cv("gc")).code, 0);
    const kept = readdirSync(`${got}/out`, { recursive: true, encoding: "utf8" });
    assert(kept.every((name) => !name.includes(".containerv-")), kept.join());

    const stop = await made.cvUnder(killing(1), ["stop"]);
    assert(isKilled(stop), stop.stderr);
    assertEquals(left().length, 2, left().join());
    const gc = await made.cv("gc");
    assertEquals([gc.code, left()], [0, ["out"]], gc.stderr);
    assertEquals(readdirSync(got).length, 2);
    assertEquals((await made.cv("down")).code, 0);
    assert(!existsSync(NOTES));
  });
});
