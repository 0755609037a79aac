// runs-under: bun, deno
// timeout-seconds: 60
/** What others wait for is held up for real: a keeper and a stage that are stopped, a lock that somebody holds. Nobody waits for ever. */
import { type ChildProcess, spawn } from "node:child_process";
import { existsSync, mkdirSync, readdirSync } from "node:fs";
import process from "node:process";
import { describe, test } from "node:test";
import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { missing, root, tool } from "../support/require.ts";
import { childrenOf, guardWorld, lives, statOf, until } from "../integration/cli/sandbox.ts";
import { keeperOf, type Project, project } from "../integration/detached/project.ts";

guardWorld();
const SLEEPS = { policy: "none", commands: [["sleep", "600"]], stop: { grace: "0s" } };

/** Ended when the scope ends, whatever it is by then. */
function ended(pid: number): Disposable {
  return { [Symbol.dispose]: () => lives(pid) && process.kill(pid, "SIGKILL") };
}

async function keeperOfOnly(box: Project): Promise<number> {
  const up = await box.cv("up", "-d");
  assertEquals(up.code, 0, up.stderr);
  const [one] = await box.ps();
  return keeperOf(one?.id ?? "");
}

async function stopProcess(pid: number): Promise<void> {
  process.kill(pid, "SIGSTOP");
  await until(() => statOf(pid)?.state === "T", "it is stopped");
}

async function downWithStoppedKeeper(): Promise<void> {
  await using box = project({ ...SLEEPS, outputs: [{ from: "/tmp", to: "./", when: "always" }] });
  const keeper = await keeperOfOnly(box);
  using _keeper = ended(keeper);
  await stopProcess(keeper);
  const { code, stderr } = await box.cv("down");
  assertMatch(stderr, new RegExp(`^! the keeper of \\S+ \\(process ${keeper}\\) did not answer`));
  assertStringIncludes(stderr, "OUTPUTS_LOST");
  assertStringIncludes(stderr, "✔ 1 container removed");
  assertEquals([code, lives(keeper), existsSync(box.state())], [125, false, false]);
}

async function downWithStoppedStage(): Promise<void> {
  await using box = project({ ...SLEEPS, tty: true });
  const keeper = await keeperOfOnly(box);
  const [one] = await box.ps();
  const [pump = 0] = childrenOf(keeper).filter((pid) => pid !== one?.pid);
  using _pump = ended(pump);
  await stopProcess(pump);
  const { code, stderr } = await box.cv("down");
  assertMatch(stderr, new RegExp(`^! process ${pump} of \\S+, which hung, was killed\n`));
  const left = [keeper, pump].map(lives);
  assertEquals([code, ...left, existsSync(box.state())], [0, false, false, false]);
}

async function gcOfHeldProject(): Promise<void> {
  await using held = project({ name: "held", ...SLEEPS });
  await using left = project({ name: "left", ...SLEEPS });
  for (const box of [held, left]) await keeperOfOnly(box);
  const halves = [held, left].map((box) => `${box.state()}/containers/half`);
  for (const half of halves) mkdirSync(half);
  const key = held.state().split("/").at(-1) ?? "";
  const lock = `/run/containerv/.${key}.lock`;
  const holder: ChildProcess = spawn("flock", ["-o", lock, "sleep", "600"], { stdio: "ignore" });
  const children = (): readonly number[] => childrenOf(holder.pid ?? 0);
  try {
    await until(() => children().length > 0, "it is locked");
    for (const words of [["gc", "--dry-run"], ["gc"]]) {
      const { code, stderr } = await left.cv(...words);
      assertEquals(code, 0, stderr);
      const passed = `! ${key}: process ${holder.pid} changes it at the moment: passed over\n`;
      assertStringIncludes(stderr, passed);
      assert(!stderr.includes(`${key}/half`), stderr);
    }
    assertEquals(halves.map((half) => existsSync(half)), [true, false]);
  } finally {
    for (const pid of [...children(), holder.pid ?? 0]) process.kill(pid, "SIGKILL");
  }
  await until(() => !lives(holder.pid ?? 0), "the lock is free");
  // By now the gc of another test may have done it.
  assertEquals((await left.cv("gc")).code, 0);
  assertEquals(readdirSync(`${held.state()}/containers`), ["held"]);
}

describe("what is held up", { skip: missing(root(), tool("flock")) }, () => {
  // Each waits for its time to be over: so all of them at once.
  test("down ends a stopped keeper and a stopped stage, and says so; gc passes over a held project and names it", async () => {
    await Promise.all([downWithStoppedKeeper(), downWithStoppedStage(), gcOfHeldProject()]);
  });
});
