// runs-under: bun, deno
// timeout-seconds: 1800
/**
 * So few open files that a verb can't do its work: it says so, nothing hangs, nothing is left. Where even the JavaScript runtime can't
 * start, it is the runtime that says so. CONTAINERV_OPEN_FILES=all tries each limit from 3 on until the verb works three times.
 */
import process from "node:process";
import { describe, test } from "node:test";
import { assert, assertEquals } from "@std/assert";
import { missing, root, tool } from "../support/require.ts";
import { guardWorld } from "../integration/cli/sandbox.ts";
import { type Project, project } from "../integration/detached/project.ts";

guardWorld();
const ALL = process.env["CONTAINERV_OPEN_FILES"] === "all";
const SAMPLE = [14, 40];
const MOST = 200;

const one = { policy: "none", commands: [["sleep", "600"]], stop: { grace: "0s" } };
const SPEC = { containers: { one, two: { ...one, limits: { pids: 20 } } } };

interface Verb {
  readonly args: (file: string) => readonly string[];
  /** What is up before. */
  readonly up: boolean;
  readonly sampled?: true;
}

const VERBS: Readonly<Record<string, Verb>> = {
  run: { args: () => ["run", "--no-cache", "--", "true"], up: false, sampled: true },
  up: { args: () => ["up", "-d"], up: false, sampled: true },
  ps: { args: () => ["ps"], up: true },
  exec: { args: () => ["exec", "one", "--", "true"], up: true },
  restart: { args: () => ["restart", "one"], up: true },
  stop: { args: () => ["stop", "one"], up: true },
  rm: { args: () => ["rm", "--force", "one"], up: true },
  gc: { args: () => ["gc"], up: true },
  down: { args: () => ["down"], up: true },
};

/** True when it did its work. */
async function tried(box: Project, verb: Verb, limit: number): Promise<boolean> {
  if (verb.up) assertEquals((await box.cv("up", "-d")).code, 0);
  const limited = ["sh", "-c", `ulimit -n ${limit}; exec "$@"`, "sh"];
  const { code, stdout, stderr, timedOut } = await box.cvUnder(limited, verb.args(box.file));
  const where = `${limit} files: ${code} ${stdout} ${stderr}`;
  assert(!timedOut, where);
  // Ours, or the runtime's before it has loaded us.
  assert(!/error BUG/.test(stderr), where);
  if (code !== 0) assert(/error|panicked/.test(stderr), where);
  if (/error [A-Z_]+:/.test(stderr)) assert(!/\n\s+at /.test(stderr), where);
  assertEquals((await box.cv("gc")).code, 0, where);
  const states = (await box.ps()).map(({ state }) => state);
  assert(states.every((state) => state === "running" || state === "exited"), `${where}: ${states}`);
  const down = await box.cv("down");
  assertEquals([down.code, box.state()], [0, "/run/containerv/none"], `${where}: ${down.stderr}`);
  return code === 0;
}

describe("a limit of open files", { skip: missing(root(), tool("sh")) }, () => {
  for (const [name, verb] of Object.entries(VERBS)) {
    if (!ALL && verb.sampled !== true) continue;
    test(`that is too low for ${name} is told; nothing hangs, nothing is left`, async () => {
      await using box = project(SPEC);
      if (!ALL) {
        for (const limit of SAMPLE) await tried(box, verb, limit);
        return;
      }
      let good = 0;
      let limit = 3;
      for (; good < 3 && limit < MOST; limit++) good = await tried(box, verb, limit) ? good + 1 : 0;
      console.log(`${name}: ${limit - 3} limits, works from ${limit - 3} files on`);
      assertEquals(good, 3);
    });
  }
});
