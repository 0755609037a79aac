// runs-under: bun, deno
// timeout-seconds: 300
/**
 * kill -9 of `up -d` while it works, and several at once. CONTAINERV_KILL_POINTS, CONTAINERV_CONCURRENT_UPS (`2,8,32`: how many at once) and
 * CONTAINERV_CONCURRENT_ROUNDS (how often each) have other numbers than the quick defaults.
 */
import { spawn } from "node:child_process";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import process from "node:process";
import { describe, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { assert, assertEquals } from "@std/assert";
import { cliCommand } from "../support/cli.ts";
import { missing, root } from "../support/require.ts";
import { childrenOf, guardWorld, IDLE } from "../integration/cli/sandbox.ts";
import { keeperOf, project } from "../integration/detached/project.ts";

guardWorld();
const skip = missing(root());
const KILL_POINTS = Number(process.env["CONTAINERV_KILL_POINTS"] ?? 6);
const CONCURRENT_UPS = (process.env["CONTAINERV_CONCURRENT_UPS"] ?? "4").split(",").map(Number);
const CONCURRENT_ROUNDS = Number(process.env["CONTAINERV_CONCURRENT_ROUNDS"] ?? 1);

/** Processes whose groups are of a project, in any hierarchy. */
function membersOf(key: string): readonly string[] {
  return readdirSync("/proc").filter((pid) => {
    if (!/^\d+$/.test(pid)) return false;
    try {
      return readFileSync(`/proc/${pid}/cgroup`, "utf8").includes(`containerv/${key}/`);
    } catch {
      return false; // it has ended meanwhile
    }
  });
}

describe("detached containers", { skip }, () => {
  test("kill -9 of up at any time: one gc, and what is not running is gone; up again makes it whole", async () => {
    for (let point = 0; point < KILL_POINTS; point++) {
      await using box = project({
        containers: {
          one: { policy: "none", commands: [IDLE], limits: { pids: 20 } },
          two: { policy: "none", init: true, commands: [IDLE] },
        },
      });
      const words = [...cliCommand(), "up", "-d", box.file];
      const up = spawn(words[0] ?? "", words.slice(1), { stdio: "ignore" });
      await sleep(60 + (point * 500) / KILL_POINTS);
      up.kill("SIGKILL");
      const where = `point ${point}`;
      const key = box.state().split("/").at(-1) ?? "";
      assertEquals((await box.cv("gc")).code, 0, where);
      const states = (await box.ps()).map(({ state }) => state);
      // A container that ran, and whose runner was killed before its stage was told to leave it, has ended with it.
      const isGood = (state: string): boolean => state === "running" || state === "exited";
      assert(states.every(isGood), `${where}: ${states}`);
      if (states.length === 0 && key !== "none") {
        assertEquals(membersOf(key), [], where);
        assert(!existsSync(box.state()), `${where}: records are left`);
      }
      assertEquals((await box.cv("up", "-d")).code, 0, where);
      assertEquals((await box.ps()).map(({ state }) => state), ["running", "running"], where);
      assertEquals((await box.cv("down", "--time", "1")).code, 0, where);
    }
  });

  test("several up at once make one set of containers, and all say that it is good", async () => {
    await using box = project({
      containers: {
        one: { policy: "none", commands: [IDLE] },
        two: { policy: "none", commands: [IDLE] },
      },
    });
    for (const count of CONCURRENT_UPS) {
      for (let round = 0; round < CONCURRENT_ROUNDS; round++) {
        const where = `${count} at once, round ${round}`;
        const results = await Promise.all(
          Array.from({ length: count }, () => box.cv("up", "-d")),
        );
        for (const { code, stderr } of results) assertEquals(code, 0, `${where}: ${stderr}`);
        const started = results.map(({ stderr }) => stderr).join("").split("\n")
          .filter((line) => line.includes("running"));
        assertEquals(started.length, 2, `${where}: ${started.join("\n")}`);
        const listed = await box.ps();
        assertEquals(listed.map(({ state }) => state), ["running", "running"], where);
        // Nothing else has a parent that no record names: a second set would be here.
        const kept = childrenOf(keeperOf(listed[0]?.id ?? ""));
        assertEquals([...kept].sort(), listed.map(({ pid }) => pid).sort(), where);
        assertEquals((await box.cv("down", "--time", "1")).code, 0, where);
      }
    }
  });
});
