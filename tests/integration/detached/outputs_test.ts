// timeout-seconds: 60
/** Outputs of containers that nobody waits for: copied when they end, by whoever comes first, out of memory that is theirs alone. */
import process from "node:process";
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, symlinkSync } from "node:fs";
import { dirname } from "node:path";
import { describe, test } from "node:test";
import { assert, assertEquals, assertMatch } from "@std/assert";
import { missing, root } from "../../support/require.ts";
import type { SpecObject } from "../cli/sandbox.ts";
import { keeperOf, project, untilAsync } from "./project.ts";

/** A command that leaves `text`, and ends when the input has an end. */
const leaves = (text: string, status = 0) => `mkdir /out; echo ${text} > /out/f; exit ${status}`;
const waits = (text: string) => `mkdir -p /out; echo ${text} > /out/f; sleep 60 & wait`;
const output = { from: "/out", to: "./got/", when: "always" };

const to = (name: string) => [{ ...output, to: `./${name}/` }];

const MANY: SpecObject = {
  name: "outs",
  containers: {
    // No command looks at it: the keeper starts what copies.
    alone: { commands: [`sleep 0.2; ${leaves("alone")}`], outputs: to("alone") },
    early: { commands: [leaves("early")], outputs: to("early") },
    failed: {
      commands: [`sleep 0.1; ${leaves("failed", 3)}`],
      outputs: [{ ...output, when: "success" }],
    },
    stopped: { commands: [waits("stopped")], outputs: to("stopped"), stop: { grace: "0s" } },
    mounted: {
      commands: [waits("mounted")],
      volumes: [{ tmpfs: "1MiB", at: "/out" }],
      outputs: to("mounted"),
      stop: { grace: "0s" },
    },
    linked: {
      commands: [waits("linked")],
      outputs: [...to("linked"), { from: "/none", to: "./none", when: "always" }],
      stop: { grace: "0s" },
    },
  },
};

describe("outputs of detached containers", { skip: missing(root()) }, () => {
  test("each is copied once, by the keeper's program, wait, stop, a new keeper, down", async () => {
    await using made = project(MANY);
    const got = (name: string) => `${dirname(made.file)}/${name}/out/f`;
    const text = (name: string) => existsSync(got(name)) ? readFileSync(got(name), "utf8") : "";
    const up = await made.cv("up", "-d");
    assertEquals(up.code, 0, up.stderr);
    await untilAsync(() => Promise.resolve(text("alone") === "alone\n"), "a file of its own");
    await untilAsync(() => Promise.resolve(text("early") === "early\n"), "one that ended at once");

    const wait = await made.cv("wait", "alone", "failed");
    assertEquals([wait.code, existsSync(`${dirname(made.file)}/got`)], [3, false]);
    assertMatch(wait.stderr, /alone\/out · 1 files, 6 bytes · sha256:[0-9a-f]{64}\n/);

    assertEquals((await made.cv("stop", "stopped")).code, 0);
    assertEquals(text("stopped"), "stopped\n");

    // What a tmpfs holds is in no keeper any more; the next one gets it from the container.
    const [first] = await made.ps();
    assert(first !== undefined);
    process.kill(keeperOf(first.id), "SIGKILL");
    assertEquals((await made.cv("gc")).code, 0);
    assertEquals((await made.cv("stop", "mounted")).code, 0);
    assertEquals(text("mounted"), "mounted\n");

    // A link at the place, which the container could have made.
    const directory = dirname(made.file);
    mkdirSync(`${directory}/elsewhere`);
    symlinkSync("elsewhere", `${directory}/linked`);
    const stop = await made.cv("stop", "linked");
    assertEquals(stop.code, 125);
    assertMatch(stop.stderr, /OUTPUT_LINK/);
    assertMatch(stop.stderr, /OUTPUT_MISSING/);
    assertEquals(readdirSync(`${directory}/elsewhere`), []);
    rmSync(`${directory}/linked`);
    const ps = (await made.cv("ps")).stdout;
    assertMatch(ps, /linked .*, outputs missing/);

    rmSync(`${directory}/stopped`, { recursive: true });
    assertEquals((await made.cv("start", "stopped")).code, 0);
    const down = await made.cv("down");
    assertEquals([down.code, text("stopped")], [0, "stopped\n"], down.stderr);
    // The keeper had nothing left to hold.
    assert(!existsSync(made.state()));
  });

  test("up in the foreground says each, and fails for one that is missing", async () => {
    await using made = project({
      name: "fore",
      commands: [`sleep 0.1; ${leaves("fore")}`],
      outputs: [output, { from: "/none", to: "./none" }],
    });
    const { code, stderr } = await made.cv("up");
    assertEquals(code, 125, stderr);
    assertMatch(stderr, /got\/out · 1 files, 5 bytes · sha256:/);
    assertMatch(stderr, /containerv\.yaml:1:\d+: error OUTPUT_MISSING: the container has left no/);
    assertEquals(readFileSync(`${dirname(made.file)}/got/out/f`, "utf8"), "fore\n");
  });
});
