/** Limits as a user of the command line sees them: felt inside, held outside, reported; none made when none is asked. */
import { existsSync, readdirSync, readFileSync } from "node:fs";
import process from "node:process";
import { describe, test } from "node:test";
import {
  assert,
  assertEquals,
  assertGreater,
  assertLess,
  assertLessOrEqual,
  assertMatch,
} from "@std/assert";
import { observeCgroups } from "../../../runtime/observe/host.ts";
import { PATIENCE } from "../../support/cli.ts";
import { controller, missing, root } from "../../support/require.ts";
import {
  guardWorld,
  inside,
  lives,
  processesOf,
  runSpec,
  sh,
  startSpec,
  until,
} from "./sandbox.ts";

guardWorld();
const skip = missing(root(), controller("memory"), controller("pids"), controller("cpu"));
const BASE = { policy: "none" };

/** Mount point of the hierarchy of a controller, and whether it is v1. */
function hierarchy(name: string): { readonly mount: string; readonly v1: boolean } {
  const { v1, v2 } = observeCgroups();
  const mount = v1[name];
  return mount === undefined
    ? { mount: v2?.mount ?? "/sys/fs/cgroup", v1: false }
    : { mount, v1: true };
}

function knob(
  name: string,
  files: { readonly of: string; readonly v1: string; readonly v2: string },
): string {
  const { mount, v1 } = hierarchy(files.of);
  return readFileSync(`${mount}/containerv/${name}/${v1 ? files.v1 : files.v2}`, "utf8").trim();
}

const MEMORY = { of: "memory", v1: "memory.limit_in_bytes", v2: "memory.max" };
const PIDS = { of: "pids", v1: "pids.max", v2: "pids.max" };
const QUOTA = { of: "cpu", v1: "cpu.cfs_quota_us", v2: "cpu.max" };

describe("limits by the command line", { skip }, () => {
  test("inside and outside the same values are seen; the group is its own root inside", async () => {
    const name = `limits-${process.pid}`;
    const script = [
      "cat /sys/fs/cgroup/memory/memory.limit_in_bytes /sys/fs/cgroup/memory.max 2>/dev/null",
      "cat /sys/fs/cgroup/pids/pids.max /sys/fs/cgroup/pids.max 2>/dev/null",
      "cat /sys/fs/cgroup/cpu/cpu.cfs_quota_us /sys/fs/cgroup/cpu.max 2>/dev/null",
      "grep -cE ':(memory|pids|cpu|):/$' /proc/self/cgroup; echo up; sleep 30",
    ].join("\n");
    const run = startSpec({
      ...BASE,
      limits: { memory: "48MiB", pids: 33, cpu: 0.75 },
      commands: [sh(script)],
    }, name);
    await run.says("up");
    const [memory, pids, quota, roots] = run.stdout().split("\n");
    assertEquals([memory, pids, quota?.split(" ")[0]], [`${48 << 20}`, "33", "75000"]);
    assertGreater(Number(roots), 0);
    assertEquals([knob(name, MEMORY), knob(name, PIDS)], [`${48 << 20}`, "33"]);
    assertEquals(knob(name, QUOTA).split(" ")[0], "75000");
    const { first, stage } = processesOf(run);
    const members = knob(name, { of: "pids", v1: "cgroup.procs", v2: "cgroup.procs" }).split("\n")
      .map(Number);
    assert(
      members.includes(first) && !members.includes(stage) && !members.includes(run.pid),
      `${members}`,
    );
    process.kill(first, "SIGKILL");
    assertEquals((await run.ended).code, 137);
    for (const { of } of [MEMORY, PIDS, QUOTA]) {
      assertEquals(existsSync(`${hierarchy(of).mount}/containerv/${name}`), false, of);
    }
  });

  test("what the container writes to its groups changes nothing: they are read-only inside", async () => {
    const out = await inside(
      "for f in $(find /sys/fs/cgroup -type f 2>/dev/null); do { command : >> $f; } 2>/dev/null && echo $f; done; mkdir /sys/fs/cgroup/memory/x /sys/fs/cgroup/x 2>/dev/null && echo made; true",
      { limits: { memory: "48MiB", pids: 33 } },
    );
    assertEquals(out, "");
  });

  test("a fork bomb is held at the number, outside nothing is felt, and its end is the container's", async () => {
    const name = `bomb-${process.pid}`;
    const bomb = "f() { f | f & }; f; echo up; sleep 60";
    const run = startSpec({
      ...BASE,
      limits: { pids: 12 },
      commands: [sh(`(${bomb}) 2>/dev/null`)],
    }, name);
    const group = `${hierarchy("pids").mount}/containerv/${name}`;
    const held = (file: string): string =>
      existsSync(group) ? readFileSync(`${group}/${file}`, "utf8").trim() : "";
    let most = 0;
    // How often the kernel said no is its own count: a peak between two looks is not missed.
    await until(
      () => {
        most = Math.max(most, Number(held("pids.current")));
        return /^max [1-9]/.test(held("pids.events"));
      },
      "the limit was hit",
      20_000,
    );
    assertLessOrEqual(most, 12);
    process.kill(run.pid, "SIGKILL");
    await until(() => !lives(run.pid), "the runner ended");
    await run.ended;
    await until(() => !existsSync(group), "no group is left", 5000);
  });

  test("a memory bomb dies of SIGKILL in its own group; PID 1 of ours lives to say so", async () => {
    for (const init of [false, true]) {
      const { code, stderr, ms } = await runSpec({
        ...BASE,
        init,
        limits: { memory: "24MiB", pids: 20 },
        // exec: what is killed is the command itself.
        commands: [sh("exec tail /dev/zero")],
      }, { verb: ["run", "--no-cache"], timeoutMs: 60_000 });
      assertEquals(code, 137, stderr);
      assertMatch(stderr, /exit 137: out of memory \(limits\.memory 24MiB, .*box\.yaml:1\)/);
      assertLess(ms, 30_000 * PATIENCE);
    }
  });

  test("the processor's time is divided: a tenth of it takes ten times as long", async () => {
    // Its own clock: processor time used per wall-clock time, as the kernel accounts it.
    const script =
      "i=0; while [ $i -lt 150000 ]; do i=$((i+1)); done; cat /proc/self/stat | cut -d' ' -f14,15; cut -d' ' -f1 /proc/uptime";
    const before = Number(readFileSync("/proc/uptime", "utf8").split(" ")[0]);
    const [ticks = "", uptime = ""] =
      (await inside(script, { limits: { cpu: 0.1 } }, { timeoutMs: 110_000 })).split("\n");
    const used = ticks.split(" ").map(Number).reduce((a, b) => a + b, 0) / 100;
    const wall = Number(uptime) - before;
    assert(used / wall < 0.3, `${used} s of ${wall} s`);
  });

  test("without limits no group is made anywhere, and the caller's own stays its group", async () => {
    const run = startSpec({ ...BASE, commands: [sh("echo up; sleep 30")] }, `none-${process.pid}`);
    await run.says("up");
    const { first } = processesOf(run);
    assertEquals(
      readFileSync(`/proc/${first}/cgroup`, "utf8"),
      readFileSync("/proc/self/cgroup", "utf8"),
    );
    const mounts = [...new Set(["memory", "pids", "cpu"].map((one) => hierarchy(one).mount))];
    const groups = mounts.filter((mount) => existsSync(`${mount}/containerv`)).flatMap((mount) =>
      readdirSync(`${mount}/containerv`)
    );
    assertEquals(groups.filter((name) => name === `none-${process.pid}`), []);
    process.kill(run.pid, "SIGKILL");
    await until(() => !lives(first), "the container ended");
    await run.ended;
  });

  test("the same spec run four times at once: each has a group and a limit of its own", async () => {
    const spec = { ...BASE, limits: { pids: 5 }, commands: [sh("sleep 0.3; exit 6")] };
    const codes = await Promise.all([1, 2, 3, 4].map(() => runSpec(spec, { name: "same" })));
    assertEquals(codes.map(({ code }) => code), [6, 6, 6, 6]);
  });

  test("a limit that the kernel can't hold is an error before anything runs, and nothing is left", async () => {
    const { code, stdout, stderr } = await runSpec({
      ...BASE,
      limits: { memory: "1KiB" },
      commands: [sh("echo ran")],
    }, { verb: ["run", "--no-cache"] });
    assertEquals(stdout, "");
    assert(code === 125 || code === 137, `${code} ${stderr}`);
    assertMatch(stderr, /memory|SIGKILL/);
  });
});
