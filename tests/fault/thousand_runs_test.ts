// alone
// timeout-seconds: 300
/** A thousand containers in a few lanes: every result right, and the machine and this process as before. */
import { readdirSync, readFileSync } from "node:fs";
import process from "node:process";
import { describe, test } from "node:test";
import { assert, assertEquals, assertLess } from "@std/assert";
import { run, start } from "../../mod.ts";
import { PATIENCE } from "../support/cli.ts";
import { missing, root } from "../support/require.ts";
import { settledDiff, snapshotWorld, type World } from "../support/world.ts";

const skip = missing(root());
const COUNT = Number(process.env["CONTAINERV_RUNS"] ?? 1000);
const LANES = 4;

/** Runs `work` for 0 … count-1 in a few lanes. */
async function lanes(count: number, work: (index: number) => Promise<void>): Promise<void> {
  let next = 0;
  const lane = async (): Promise<void> => {
    while (next < count) await work(next++);
  };
  await Promise.all(Array.from({ length: LANES }, lane));
}

/** What differs; beside others' tests only what has a name such as runs without one have. */
async function leftOf(before: World): Promise<readonly string[]> {
  const lines = await settledDiff(before, { fds: false, withinMs: 10_000 * PATIENCE });
  if (process.env["CONTAINERV_SHARED_MACHINE"] !== "1") return lines;
  return lines.filter((line) => line.includes("/container-"));
}

const fds = (): number => readdirSync("/proc/self/fd").length;
const threads = (): number =>
  Number(/^Threads:\s+(\d+)/m.exec(readFileSync("/proc/self/status", "utf8"))?.[1]);
const zombies = (): number =>
  readdirSync("/proc").filter((name) => {
    if (!/^\d+$/.test(name)) return false;
    try {
      const stat = readFileSync(`/proc/${name}/stat`, "utf8");
      const [state, parent] = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
      return state === "Z" && Number(parent) === process.pid;
    } catch (error) {
      if (["ENOENT", "ESRCH"].includes((error as NodeJS.ErrnoException).code ?? "")) return false;
      throw error;
    }
  }).length;

describe(`${COUNT} runs`, { skip }, () => {
  test("every exit status and output is its own; mounts, cgroups, links, processes, descriptors are as before", async () => {
    const limits = { memory: "64MiB", pids: 16 } as const;
    const one = async (index: number): Promise<void> => {
      const code = index % 256;
      const output = await run({
        policy: "none",
        ...(index % 2 === 0 ? { limits } : {}),
        commands: [["/bin/sh", "-c", `echo ${index}; exit ${code}`]],
      });
      assertEquals([output.code, output.stdout], [code, `${index}\n`]);
    };
    // What the runtime opens and starts once.
    await lanes(20, one);
    const before = snapshotWorld({ fds: false });
    const [fdsBefore, threadsBefore] = [fds(), threads()];
    const times: number[] = [];
    await lanes(COUNT, async (index) => {
      const begin = performance.now();
      await one(index);
      times.push(performance.now() - begin);
    });
    assertEquals(await leftOf(before), []);
    assertEquals(zombies(), 0);
    assert(fds() <= fdsBefore + 2, `${fdsBefore} descriptors became ${fds()}`);
    assert(threads() <= threadsBefore + 8, `${threadsBefore} threads became ${threads()}`);
    const median = (part: readonly number[]): number =>
      [...part].sort((a, b) => a - b)[part.length >> 1] ?? 0;
    const [early, late] = [median(times.slice(0, COUNT >> 2)), median(times.slice(-(COUNT >> 2)))];
    // It does not get slower: 3 for a machine that others use too.
    assertLess(late, early * 3 + 10);
  });

  test("handles: started, seen, left, 100 times, and those that fail", async () => {
    const before = snapshotWorld({ fds: false });
    const fdsBefore = fds();
    await lanes(100, async (index) => {
      if (index % 5 === 4) {
        const error: unknown = await start({ commands: [["no-such-program"]] }).catch((
          thrown: unknown,
        ) => thrown);
        assertEquals((error as { code?: string }).code, "COMMAND_NOT_FOUND");
        return;
      }
      await using container = await start({
        policy: "none",
        limits: { pids: 10 },
        init: index % 2 === 0,
        commands: [["sleep", "60"]],
      });
      assert(container.name.startsWith("container-"));
    });
    assertEquals(await leftOf(before), []);
    assertEquals(zombies(), 0);
    assert(fds() <= fdsBefore + 2, `${fdsBefore} descriptors became ${fds()}`);
  });
});
