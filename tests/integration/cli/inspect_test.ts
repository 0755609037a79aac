/** `inspect` reads back what the kernel holds: by name, pid and spec, as root and as an ordinary user. */
import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { existsSync, readlinkSync } from "node:fs";
import process from "node:process";
import { describe, test } from "node:test";
import type { Isolation } from "../../../runtime/plan/isolation.ts";
import { runCli } from "../../support/cli.ts";
import { controller, missing, root } from "../../support/require.ts";
import { tempDir } from "../../support/temp.ts";
import { guardWorld, processesOf, sh, startSpec } from "./sandbox.ts";

const SPEC = {
  commands: [sh("echo ready; exec sleep 60")],
  policy: { preset: "none", capabilities: ["CHOWN"] },
  user: "7:8",
  // A first process does not die of SIGTERM: nobody shall wait for its grace time.
  stop: { grace: "0s" },
  network: "host",
  limits: { memory: "64MiB", pids: 16 },
};

async function inspected(what: string): Promise<readonly (Isolation & { name: string })[]> {
  const { code, stdout, stderr } = await runCli(["inspect", "--json", what]);
  assertEquals([code, stderr], [0, ""]);
  return JSON.parse(stdout);
}

const skip = missing(root(), controller("memory"), controller("pids"));

describe("inspect", { skip }, () => {
  guardWorld();

  test("by name, by pid and by spec: one container, as the kernel has it", async () => {
    const name = `inspect-${process.pid}`;
    const run = startSpec(SPEC, name);
    try {
      await run.says("ready");
      const { first } = processesOf(run);
      const [one] = await inspected(name);
      assert(one !== undefined);
      assertEquals([one.name, one.pid, one.insidePids, one.argv], [name, first, [1], [
        "sleep",
        "60",
      ]]);
      const shared = one.namespaces.filter(({ host }) => host).map(({ type }) => type);
      // Not every kernel has time namespaces.
      const time = existsSync("/proc/self/ns/time") ? ["time"] : [];
      assertEquals(shared.toSorted(), ["net", ...time, "user"]);
      const pids = one.namespaces.find(({ type }) => type === "pid");
      assertEquals(`pid:[${pids?.inode}]`, readlinkSync(`/proc/${first}/ns/pid`));
      const values = Object.assign({}, ...one.cgroups.map((group) => group.values));
      assertEquals(values["memory.max"] ?? values["memory.limit_in_bytes"], "67108864");
      assertEquals(values["pids.max"], "16");
      assertEquals([one.ids.uids[0], one.ids.gids[0]], [7, 8]);
      assertEquals(one.capabilities.bounding, ["CHOWN"]);
      assertEquals(one.capabilities.ambient, ["CHOWN"]);
      assertEquals(one.noNewPrivileges, true);
      assertEquals(one.mounts.find(({ at }) => at === "/proc/sys")?.options.includes("ro"), true);
      assertEquals(one.unreadable, []);
      assertEquals((await inspected(`${first}`))[0]?.namespaces, one.namespaces);
      using directory = tempDir();
      const file = directory.write(`${name}.yaml`, JSON.stringify(SPEC));
      assertEquals((await inspected(file))[0]?.pid, first);
    } finally {
      process.kill(run.pid, "SIGTERM");
      await run.ended;
    }
  });

  test("one that `up` started, by its record: it has no limits and so no group", async () => {
    using directory = tempDir();
    const name = `recorded-${process.pid}`;
    const spec = { commands: [["sleep", "60"]], policy: "none", stop: { grace: "0s" } };
    const file = directory.write(`${name}.yaml`, JSON.stringify(spec));
    const up = await runCli(["up", "-d", file]);
    try {
      assertEquals(up.code, 0, up.stderr);
      const [one] = await inspected(name);
      assertEquals([one?.argv, one?.insidePids], [["sleep", "60"], [1]]);
      assertEquals((await inspected(file))[0]?.pid, one?.pid);
    } finally {
      assertEquals((await runCli(["down", file])).code, 0);
    }
  });

  test("what is not there: exit 1 and its name; a wrong spec too", async () => {
    for (const what of ["no-such-container", "4194303", "../containerv"]) {
      const { code, stdout, stderr } = await runCli(["inspect", what]);
      assertEquals([code, stdout], [1, ""], stderr);
      assertStringIncludes(stderr, "there is no");
    }
    using directory = tempDir();
    const bad = directory.write("bad.yaml", "comands: []\n");
    const wrong = await runCli(["inspect", bad]);
    assertEquals(wrong.code, 1);
    assertStringIncludes(wrong.stderr, "comands");
  });
});
