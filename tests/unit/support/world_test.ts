import { spawn, spawnSync } from "node:child_process";
import { closeSync, existsSync, mkdirSync, openSync, rmdirSync } from "node:fs";
import process from "node:process";
import { describe, test } from "node:test";
import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { linux, missing, root, tool } from "../../support/require.ts";
import { diffWorld, settledDiff, snapshotWorld, type World } from "../../support/world.ts";

/** Others work on the machine too: wait for the one line, not for an empty difference. */
async function waitFor(condition: (lines: string[]) => boolean, before: World): Promise<string[]> {
  const deadline = performance.now() + 4000;
  for (;;) {
    const lines = diffWorld(before, snapshotWorld());
    if (condition(lines) || performance.now() > deadline) return lines;
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

const has = (text: string) => (lines: string[]) => lines.some((line) => line.includes(text));
const lacks = (text: string) => (lines: string[]) => !has(text)(lines);

const empty: World = { mounts: [], cgroups: [], links: [], processes: [], fds: [], state: [] };

describe("diffWorld()", () => {
  test("is empty for equal worlds", () => {
    const world = { ...empty, links: ["lo"], mounts: ["a", "a"] };
    assertEquals(diffWorld(world, { ...world }), []);
  });

  test("counts equal lines", () => {
    const before = { ...empty, mounts: ["a"] };
    assertEquals(diffWorld(before, { ...empty, mounts: ["a", "a"] }), ["+ mounts: a"]);
  });

  test("names what is gone, but processes may end", () => {
    const before = { ...empty, links: ["veth0"], processes: ["7 sleep"] };
    assertEquals(diffWorld(before, empty), ["- links: veth0"]);
  });
});

test("settledDiff() gives the difference when it stays", async () => {
  const before = { ...snapshotWorld(), links: ["gone0"] };
  const lines = await settledDiff(before, { withinMs: 50 });
  assert(lines.includes("- links: gone0"), `${lines}`);
});

describe("snapshotWorld()", { skip: missing(linux()) }, () => {
  test("lists the root mount and the loopback link", () => {
    const world = snapshotWorld();
    assert(world.mounts.some((line) => line.split(" ")[1] === "/"), world.mounts.join("\n"));
    assert(world.links.includes("lo"));
  });

  test("sees an open file", () => {
    const before = snapshotWorld();
    const fd = openSync("/proc/self/cmdline", "r");
    const lines = diffWorld(before, snapshotWorld());
    closeSync(fd);
    assert(lines.some((line) => line.startsWith("+ fds:") && line.includes("cmdline")), `${lines}`);
  });

  test("sees a child, and settles when it has ended", async () => {
    const before = snapshotWorld();
    const child = spawn("sleep", ["0.3"], { stdio: "ignore" });
    const lines = diffWorld(before, snapshotWorld());
    assert(lines.some((line) => line === `+ processes: ${child.pid} sleep`), `${lines}`);
    const after = await waitFor(lacks("sleep"), before);
    assert(lacks("sleep")(after), `${after}`);
  });
});

test("snapshotWorld() sees a new cgroup", { skip: missing(linux(), root()) }, () => {
  const root = ["/sys/fs/cgroup/unified", "/sys/fs/cgroup"].find((path) =>
    existsSync(`${path}/cgroup.procs`)
  );
  assert(root !== undefined);
  const path = `${root}/containerv-world-test-${process.pid}`;
  const before = snapshotWorld();
  mkdirSync(path);
  const lines = diffWorld(before, snapshotWorld());
  rmdirSync(path);
  assert(lines.includes(`+ cgroups: ${path}`), `${lines}`);
  assertEquals(snapshotWorld().cgroups.includes(path), false);
});

test("snapshotWorld() sees a process in another pid namespace that is no descendant", {
  skip: missing(linux(), root(), tool("unshare"), tool("setsid")),
}, async () => {
  const before = snapshotWorld();
  spawnSync("sh", ["-c", "setsid unshare --pid --fork --kill-child sleep 1 >/dev/null 2>&1 &"]);
  assertStringIncludes((await waitFor(has("sleep"), before)).join("\n"), "sleep");
  const after = await waitFor(lacks("sleep"), before);
  assert(lacks("sleep")(after), `${after}`);
});
