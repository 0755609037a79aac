/** What happens to a container when its runner is signalled or killed. */
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { describe, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { assert, assertEquals, assertMatch } from "@std/assert";
import { runCli } from "../../support/cli.ts";
import { missing, root } from "../../support/require.ts";
import { tempDir } from "../../support/temp.ts";
import { writeFileSync } from "node:fs";

const skip = missing(root());

/** Processes below `pid`, nearest first. */
function descendants(pid: number): number[] {
  const children = readdirSync("/proc").filter((name) => /^\d+$/.test(name)).flatMap((name) => {
    try {
      const stat = readFileSync(`/proc/${name}/stat`, "utf8");
      return Number(stat.slice(stat.lastIndexOf(")") + 2).split(" ")[1]) === pid
        ? [Number(name)]
        : [];
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === "ENOENT") return [];
      if ((error as NodeJS.ErrnoException).code === "ESRCH") return [];
      throw error;
    }
  });
  return children.flatMap((child) => [child, ...descendants(child)]);
}

const alive = (pid: number): boolean => {
  try {
    return !/^State:\s+[ZX]/m.test(readFileSync(`/proc/${pid}/status`, "utf8"));
  } catch (error) {
    if (["ENOENT", "ESRCH"].includes((error as NodeJS.ErrnoException).code ?? "")) return false;
    throw error;
  }
};

async function until(condition: () => boolean, withinMs: number): Promise<boolean> {
  const deadline = performance.now() + withinMs;
  while (!condition()) {
    if (performance.now() > deadline) return false;
    await sleep(20);
  }
  return true;
}

interface Running {
  readonly pid: number;
  /** The stage and the container's processes. */
  readonly others: readonly number[];
  readonly result: ReturnType<typeof runCli>;
}

/** Runs a spec by the command line until its command has said `ready` by making a file. */
async function running(script: string, limits = ""): Promise<Running & { groups: () => string[] }> {
  const directory = tempDir();
  const name = `signals-${process.pid}-${Math.floor(Math.random() * 1e9)}`;
  const spec = join(directory.path, `${name}.yaml`);
  writeFileSync(spec, `init: true\n${limits}commands:\n  - ${JSON.stringify(script)}\n`);
  let pid = 0;
  const result = runCli(["run", spec], { started: (started) => pid = started });
  result.finally(() => directory[Symbol.dispose]());
  // Runner, stage, PID 1, the shell, and sleep below it.
  const ready = await until(() => pid !== 0 && descendants(pid).length >= 4, 15_000);
  assert(ready, "the container did not start");
  const groups = (): string[] =>
    ["memory", "pids", "unified", ""].map((hierarchy) =>
      join("/sys/fs/cgroup", hierarchy, "containerv", name)
    ).filter((path) => existsSync(path));
  return { pid, others: descendants(pid), result, groups };
}

describe("a runner that is signalled", { skip }, () => {
  test("passes SIGTERM on, and the command's own status comes back", async () => {
    const container = await running("trap 'exit 42' TERM; while :; do sleep 0.1; done");
    process.kill(container.pid, "SIGTERM");
    const { code, stderr } = await container.result;
    assertEquals(code, 42);
    assertMatch(stderr, /✘ exit 42/);
  });

  test("ends a command that ignores it at the second SIGINT", async () => {
    const container = await running("trap '' INT; while :; do sleep 0.1; done");
    process.kill(container.pid, "SIGINT");
    await sleep(200);
    assert(alive(container.pid));
    process.kill(container.pid, "SIGINT");
    const { code } = await container.result;
    assertEquals(code, 137);
  });
});

describe("SIGKILL", { skip }, () => {
  const limits = "limits: {memory: 64MiB, pids: 20}\n";

  test("of the runner ends the container and takes everything back", async () => {
    const container = await running("while :; do sleep 0.1; done", limits);
    assert(container.groups().length > 0);
    process.kill(container.pid, "SIGKILL");
    await container.result;
    assert(await until(() => !container.others.some(alive), 2000), "processes are left");
    assert(await until(() => container.groups().length === 0, 3000), `${container.groups()}`);
  });

  test("of the stage ends the container, and the runner takes everything back", async () => {
    const container = await running("while :; do sleep 0.1; done", limits);
    process.kill(container.others[0] ?? 0, "SIGKILL");
    const { code, stderr } = await container.result;
    assertEquals(code, 125);
    assertMatch(stderr, /the stage was killed/);
    assert(!container.others.some(alive));
    assertEquals(container.groups(), []);
  });
});
