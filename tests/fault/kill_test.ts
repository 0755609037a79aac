// alone
/** kill -9 of the runner, of the stage, of both: what ends, how soon, and what is left. */
import { existsSync, readdirSync, rmdirSync } from "node:fs";
import process from "node:process";
import { describe, test } from "node:test";
import { assertEquals, assertLess, assertStringIncludes } from "@std/assert";
import { PATIENCE } from "../support/cli.ts";
import { controller, missing, root } from "../support/require.ts";
import { settledDiff, snapshotWorld } from "../support/world.ts";
import {
  type Background,
  guardWorld,
  lives,
  processesOf,
  sh,
  type SpecObject,
  startSpec,
  until,
} from "../integration/cli/sandbox.ts";

guardWorld();
const skip = missing(root(), controller("memory"), controller("pids"));
const FOREVER =
  "(trap '' TERM HUP INT; while :; do sleep 1; done) & setsid sleep 100 & echo up; sleep 100";
const LIMITS = { memory: "64MiB", pids: 50, cpu: 0.5 };

interface Running {
  readonly run: Background;
  readonly stage: number;
  readonly first: number;
}

async function running(spec: SpecObject, name: string): Promise<Running> {
  const run = startSpec({ policy: "none", limits: LIMITS, commands: [sh(FOREVER)], ...spec }, name);
  await run.says("up");
  return { run, ...processesOf(run) };
}

/** Directories of the name in any hierarchy. */
function groupsOf(name: string): readonly string[] {
  const tops = [
    "/sys/fs/cgroup",
    ...readdirSync("/sys/fs/cgroup").map((one) => `/sys/fs/cgroup/${one}`),
  ];
  return tops.map((top) => `${top}/containerv/${name}`).filter((path) => existsSync(path));
}

describe("kill -9", { skip }, () => {
  const variants: readonly (readonly [string, SpecObject])[] = [
    ["alone", {}],
    ["init", { init: true }],
    ["nolimits", { limits: undefined }],
    ["disk", { rootfs: { writable: false } }],
  ];
  for (const [variant, spec] of variants) {
    test(`of the runner ends the container within a second and leaves nothing (${variant})`, async () => {
      const name = `kill-runner-${variant}-${process.pid}`;
      const before = snapshotWorld({ fds: false });
      const { run, stage, first } = await running(spec, name);
      process.kill(run.pid, "SIGKILL");
      assertLess(
        await until(() => !lives(first) && !lives(stage), "stage and container ended", 1000),
        1000 * PATIENCE,
      );
      await until(() => groupsOf(name).length === 0, "no group is left", 1000);
      assertEquals((await run.ended).signal, "SIGKILL");
      assertEquals(await settledDiff(before, { fds: false }), []);
    });
  }

  test("of the runner's whole process group: the stage takes everything back", async () => {
    const name = `kill-group-${process.pid}`;
    const { run, stage, first } = await running({}, name);
    // `startSpec` gives the runner a group of its own.
    process.kill(-run.pid, "SIGKILL");
    await until(() => !lives(first) && !lives(stage), "stage and container ended", 1000);
    await until(() => groupsOf(name).length === 0, "no group is left", 1000);
    assertEquals((await run.ended).signal, "SIGKILL");
  });

  for (const user of ["0", "1000:1000"]) {
    test(`of the stage: the container ends, the runner cleans up and says so (user ${user})`, async () => {
      const name = `kill-stage-${process.pid}`;
      const { run, stage, first } = await running({ user }, name);
      process.kill(stage, "SIGKILL");
      assertLess(await until(() => !lives(first), "the container ended", 1000), 1000 * PATIENCE);
      assertEquals((await run.ended).code, 125);
      assertEquals(groupsOf(name), []);
    });
  }

  test("of the stage with an init: the same", async () => {
    const name = `kill-stage-init-${process.pid}`;
    const { run, stage, first } = await running({ init: true }, name);
    process.kill(stage, "SIGKILL");
    await until(() => !lives(first), "the container ended", 1000);
    assertEquals((await run.ended).code, 125);
    assertEquals(groupsOf(name), []);
  });

  test("of runner and stage at once: only empty groups may be left, and the next run takes another name", async () => {
    const name = `kill-both-${process.pid}`;
    const { run, stage, first } = await running({}, name);
    try {
      process.kill(run.pid, "SIGSTOP");
      process.kill(stage, "SIGKILL");
      process.kill(run.pid, "SIGKILL");
      await until(() => !lives(first), "the container ended", 1000);
      await run.ended;
      const next = await running({ commands: [sh("echo up; sleep 0.5; exit 3")] }, name);
      assertEquals((await next.run.ended).code, 3, next.run.stderr());
    } finally {
      // What `gc` is to do: the groups are empty, so rmdir alone removes them.
      for (const path of groupsOf(name)) rmdirSync(path);
      for (const path of groupsOf("")) {
        if (readdirSync(path, { withFileTypes: true }).every((one) => !one.isDirectory())) {
          rmdirSync(path);
        }
      }
    }
  });

  test("of the container's first process: 137, and everything is taken back", async () => {
    const name = `kill-first-${process.pid}`;
    const { run, first } = await running({}, name);
    process.kill(first, "SIGKILL");
    assertEquals((await run.ended).code, 137);
    assertEquals(groupsOf(name), []);
  });

  test("of the runner while the container is being made: never a process or a mount, at any time", async () => {
    const before = snapshotWorld({ fds: false });
    const name = `kill-early-${process.pid}`;
    for (let ms = 0; ms < 400 * PATIENCE; ms += 25 * PATIENCE) {
      const run = startSpec(
        { policy: "none", limits: LIMITS, commands: [["/bin/sleep", "100"]] },
        name,
      );
      await new Promise((resolve) => setTimeout(resolve, ms));
      process.kill(run.pid, "SIGKILL");
      assertEquals((await run.ended).signal, "SIGKILL");
    }
    assertEquals(await settledDiff(before, { fds: false }), []);
  });
});

describe("a stage that is stopped", { skip }, () => {
  test("does not keep the container alive when the runner is killed and it goes on", async () => {
    const name = `stopped-stage-${process.pid}`;
    const { run, stage, first } = await running({}, name);
    process.kill(stage, "SIGSTOP");
    process.kill(run.pid, "SIGKILL");
    // Its streams stay open as long as the container has them.
    await until(() => !lives(run.pid), "the runner ended");
    process.kill(stage, "SIGCONT");
    await until(() => !lives(first) && !lives(stage), "all ended", 1000);
    await until(() => groupsOf(name).length === 0, "no group is left", 1000);
  });

  test("a container whose processes are stopped ends too", async () => {
    const name = `stopped-first-${process.pid}`;
    const { run, first } = await running({}, name);
    process.kill(first, "SIGSTOP");
    process.kill(run.pid, "SIGKILL");
    await until(() => !lives(first), "the container ended", 1000);
    await run.ended;
    await until(() => groupsOf(name).length === 0, "no group is left", 1000);
    assertStringIncludes(run.stdout(), "up");
  });
});
