// runs-under: bun, deno
/** What is wanted ⇄ what there is: plan and diff say it, up, apply and update make it so, while the container runs where that can be. */
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { spawnSync } from "node:child_process";
import process from "node:process";
import { describe, test } from "node:test";
import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { controller, missing, root, tool } from "../../support/require.ts";
import { observeHost } from "../../../runtime/observe/host.ts";
import { guardWorld, IDLE } from "../cli/sandbox.ts";
import { keeperOf, type Project, project, untilAsync } from "./project.ts";

guardWorld();
const skip = missing(root(), controller("memory"), controller("pids"), tool("nsenter"));

const base = {
  policy: "none",
  commands: [IDLE],
  volumes: [{ tmpfs: "1MiB", at: "/scratch" }],
  stop: { grace: "1s" },
};

/** The file of the container's memory limit, on either version of cgroups. */
function memoryFile(id: string): string {
  const { v1, v2 } = observeHost({ cgroups: true, roots: [] }).cgroups;
  return v1["memory"] === undefined
    ? `${v2?.mount}/containerv/${id}/memory.max`
    : `${v1["memory"]}/containerv/${id}/memory.limit_in_bytes`;
}

async function one(box: Project) {
  const [first] = await box.ps();
  if (first?.pid === undefined) throw new Error("it does not run");
  return { id: first.id, pid: first.pid };
}

describe("a project that is up", { skip }, () => {
  test("a limit and a label change while it runs; plan and diff say so before, and nothing after", async () => {
    await using box = project({ ...base, limits: { memory: "64MiB", pids: 50 } });
    assertEquals((await box.cv("diff")).code, 3);
    assertEquals((await box.cv("up", "-d")).code, 0);
    const before = await one(box);
    const none = await box.cv("diff");
    assertEquals([none.code, none.stdout, none.stderr], [0, "", "✔ no difference\n"]);
    const limits = { memory: "32MiB", pids: 60 };
    box.write({ ...base, limits, labels: { a: "b" } });
    const plan = await box.cv("plan", "--exit-code");
    assertEquals(plan.code, 3, plan.stderr);
    assertMatch(plan.stdout, /^~ containerv {3}change while it runs, 3 operations\n/);
    assertStringIncludes(plan.stdout, "limits.memory: 64MiB → 32MiB");
    assertStringIncludes(plan.stdout, `write("${memoryFile(before.id)}", "33554432")`);
    assertStringIncludes(plan.stdout, "1 to change. Nothing was changed.");
    const diff = await box.cv("diff", "--json");
    const [change] = JSON.parse(diff.stdout).changes;
    assertEquals(
      [diff.code, change.action, change.differences.map(({ key }: { key: string }) => key)],
      [3, "change", ["labels", "limits.memory", "limits.pids"]],
    );
    const refused = await box.cv("apply");
    assertEquals([refused.code, refused.stdout], [2, ""]);
    const applied = await box.cv("apply", "--yes");
    assertEquals(applied.code, 0, applied.stderr);
    assertStringIncludes(applied.stderr, "changed without a restart: labels; limits.memory 64MiB");
    assertEquals(readFileSync(memoryFile(before.id), "utf8"), "33554432\n");
    assertEquals(await one(box), before);
    assertEquals((await box.cv("plan", "--exit-code")).code, 0);
    assertEquals((await box.cv("apply", "--yes")).stderr, "✔ nothing to do\n");
  });

  test("what drifted is said by diff and mended by up", async () => {
    await using box = project({ ...base, limits: { memory: "64MiB" } });
    await box.cv("up", "-d");
    const before = await one(box);
    writeFileSync(memoryFile(before.id), "4096000");
    process.kill(keeperOf(before.id), "SIGKILL");
    const first = await box.cv("diff");
    assertEquals(first.code, 3);
    assertMatch(first.stdout, /limits\.memory: drift: memory\.\S+ holds 4096000, not 67108864/);
    assertStringIncludes(first.stdout, "! the keeper is gone");
    assertEquals((await box.cv("up", "-d")).code, 0);
    assertEquals(readFileSync(memoryFile(before.id), "utf8"), "67108864\n");
    assertEquals(await one(box), before);
    assertEquals((await box.cv("diff")).code, 0);
    spawnSync("nsenter", ["-t", `${before.pid}`, "-m", "umount", "/scratch"]);
    const second = await box.cv("diff");
    assertEquals(second.code, 3);
    assertStringIncludes(second.stdout, "volumes: drift: nothing is mounted at /scratch any more");
    assertEquals((await box.cv("up", "-d")).code, 0);
    assertEquals(await one(box), before);
    assertMatch(
      readFileSync(`/proc/${before.pid}/mountinfo`, "utf8"),
      / \/scratch rw,nosuid,nodev/,
    );
    assertEquals((await box.cv("diff")).code, 0);
    process.kill(before.pid, "SIGKILL");
    await untilAsync(async () => (await box.ps())[0]?.state === "exited", "it ended");
    // Its keeper adopted it, and is no parent of it.
    assertStringIncludes((await box.cv("diff")).stdout, "replace: it has ended, nobody saw how");
    await box.cv("up", "-d");
    assertEquals((await box.cv("diff")).code, 0);
  });

  test("a volume that is added is mounted while it runs; one that can't be is a reason to replace it", async () => {
    await using box = project({ ...base, limits: { pids: 50 } });
    await box.cv("up", "-d");
    const before = await one(box);
    const more = { ...base, volumes: [...base.volumes, "./:/data/spec:ro"], limits: { pids: 51 } };
    box.write(more);
    const up = await box.cv("up", "-d");
    assertEquals(up.code, 0, up.stderr);
    assertStringIncludes(up.stderr, "changed without a restart: volumes + /data/spec; limits.pids");
    assertEquals(await one(box), before);
    const found = await box.cv("exec", "containerv", "--", "cat", "/data/spec/containerv.yaml");
    assertEquals(found.stdout, JSON.stringify(more), found.stderr);
    assertMatch(readFileSync(`/proc/${before.pid}/mountinfo`, "utf8"), / \/data\/spec ro,/);
    assertEquals((await box.cv("diff")).code, 0);
    const missing = { ...more, volumes: [...more.volumes, "./none:/none"] };
    box.write(missing);
    const refused = await box.cv("up", "-d");
    assertEquals(refused.code, 125);
    assertStringIncludes(refused.stderr, "there is no ./none");
    assertEquals(await one(box), before);
    box.write({ ...more, volumes: [...base.volumes] });
    assertEquals((await box.cv("up", "-d")).code, 0);
    assert((await one(box)).pid !== before.pid);
  });

  test("update changes a limit by hand: diff says what the spec says, and up makes it so again", async () => {
    await using box = project({ ...base, limits: { memory: "64MiB" } });
    await box.cv("up", "-d");
    const before = await one(box);
    const updated = await box.cv("update", "containerv", "--memory", "32MiB", "--pids", "70");
    assertEquals(updated.code, 0, updated.stderr);
    assertMatch(updated.stderr, /^! .*containerv.yaml says limits.memory 64MiB, limits.pids 4096/);
    assertStringIncludes(updated.stderr, "✔ containerv changed: limits.memory 64MiB → 32MiB");
    assertEquals(readFileSync(memoryFile(before.id), "utf8"), "33554432\n");
    assertStringIncludes((await box.cv("diff")).stdout, "limits.memory: 32MiB → 64MiB");
    assertEquals((await box.cv("update", "containerv", "--memory", "1MB2")).code, 2);
    assertEquals((await box.cv("update", "containerv")).code, 2);
    await box.cv("up", "-d");
    assertEquals(readFileSync(memoryFile(before.id), "utf8"), "67108864\n");
    assertEquals(await one(box), before);
    // On v1 it was in no group of this controller: all of it, and what it starts meanwhile, goes into one that is made.
    const cpu = await box.cv("update", "containerv", "--cpu", "0.5");
    assertEquals(cpu.code, 0, cpu.stderr);
    const { v1 } = observeHost({ cgroups: true, roots: [] }).cgroups;
    const pattern = v1["cpu"] === undefined ? /^0::/ : /^\d+:([^:]*,)?cpu(,[^:]*)?:/;
    const group = `/containerv/${before.id}`;
    let seen = 0;
    for (const pid of [before.pid, ...childrenOf(before.pid)]) {
      const lines = groupsOf(pid);
      if (lines.length === 0) continue;
      seen++;
      assertEquals(lines.filter((line) => pattern.test(line)).map((line) => line.split(":")[2]), [
        group,
      ]);
    }
    assert(seen > 0);
    await box.cv("up", "-d");
    assertEquals(await one(box), before);
  });
});

/** PF_EXITING of linux/sched.h: of such a process the kernel says that it is in the root of each hierarchy of version 1. */
const EXITING = 0x4;

/** The lines of /proc/PID/cgroup; none of a process that is ending or gone. */
function groupsOf(pid: number): readonly string[] {
  try {
    const lines = readFileSync(`/proc/${pid}/cgroup`, "utf8").split("\n");
    const [flags] = readFileSync(`/proc/${pid}/stat`, "utf8").split(") ")[1]?.split(" ").slice(6) ??
      [];
    return (Number(flags) & EXITING) !== 0 ? [] : lines;
  } catch {
    return [];
  }
}

/** It starts one after the other: those that are there now. */
function childrenOf(pid: number): readonly number[] {
  const text = readFileSync(`/proc/${pid}/task/${pid}/children`, "utf8");
  return text.split(" ").filter((word) => word !== "").map(Number)
    .filter((child) => existsSync(`/proc/${child}/cgroup`));
}
