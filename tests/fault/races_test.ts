// runs-under: bun, deno
// timeout-seconds: 300
/**
 * Who acts at the same moment on a project that lives: a keeper that ends, a gc, a start that fails. Nothing that lives comes to harm.
 * CONTAINERV_GC_ROUNDS has another number of rounds beside a gc than the quick default.
 */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdirSync, readFileSync, renameSync, rmdirSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import process from "node:process";
import { describe, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { controller, findTool, missing, root, tool } from "../support/require.ts";
import { tempDir } from "../support/temp.ts";
import { childrenOf, guardWorld, lives, sh, until } from "../integration/cli/sandbox.ts";
import { PATIENCE, runCli } from "../support/cli.ts";
import { keeperOf, type Listed, type Project, project } from "../integration/detached/project.ts";

guardWorld();
const skip = missing(root());
const GC_ROUNDS = Number(process.env["CONTAINERV_GC_ROUNDS"] ?? 1);
const BASE = { policy: "none", stop: { grace: "0s" } };
const SLEEPS = { ...BASE, commands: [["sleep", "600"]] };

async function said(box: Project, ...args: readonly string[]): Promise<string> {
  const { code, stdout, stderr } = await box.cv(...args);
  assertEquals(code, 0, `${args.join(" ")}: ${stderr}`);
  return stdout + stderr;
}

async function listed(box: Project, name: string): Promise<Listed> {
  const found = (await box.ps()).find((one) => one.name === name);
  if (found === undefined) throw new Error(`${name} is gone`);
  return found;
}

describe("a keeper that is about to end", { skip: missing(root(), tool("strace")) }, () => {
  test("is not asked for the next start: the container is started again by another", async () => {
    await using box = project(SLEEPS);
    await said(box, "up", "-d");
    const keeper = keeperOf((await listed(box, "containerv")).id);
    // It has seen that nothing is left, and is held where its end begins.
    const held = spawn(findTool("strace") ?? "strace", [
      "-q",
      "-o",
      "/dev/null",
      "-p",
      String(keeper),
      "-e",
      "inject=exit_group:delay_enter=500000",
    ], { stdio: "ignore" });
    const closed = once(held, "close");
    await until(
      () => /TracerPid:\t[1-9]/.test(readFileSync(`/proc/${keeper}/status`, "utf8")),
      "held",
    );
    assertStringIncludes(await said(box, "restart", "containerv"), "started again");
    const now = await listed(box, "containerv");
    assertEquals(now.state, "running");
    assert(keeperOf(now.id) !== keeper);
    await closed;
  });
});

describe("a start that fails", { skip }, () => {
  test("leaves what was there before: it is started again by hand, and by its supervisor in time", async () => {
    const volumes = ["./source:/source"];
    await using box = project({
      containers: {
        hand: { ...SLEEPS, volumes },
        always: {
          ...BASE,
          volumes,
          commands: [sh("sleep 0.05; exit 3")],
          restart: { policy: "always", backoff: "200ms" },
        },
      },
    });
    const source = `${dirname(box.file)}/source`;
    mkdirSync(source);
    await said(box, "up", "-d");
    renameSync(source, `${source}.away`);
    const refused = await box.cv("restart", "hand");
    assertEquals(refused.code, 125);
    assertStringIncludes(refused.stderr, "VOLUME_SOURCE_MISSING");
    const { state, ending } = await listed(box, "hand");
    assertEquals([state, ending?.status], ["exited", 137]);
    await sleep(500);
    assertEquals((await listed(box, "always")).state, "exited");
    renameSync(`${source}.away`, source);
    await said(box, "start", "hand");
    assertEquals((await listed(box, "hand")).state, "running");
    const tries = async () => (await said(box, "events", "always")).split('"started"').length - 1;
    const before = await tries();
    for (const begin = performance.now(); await tries() === before;) {
      assert(performance.now() - begin < 20_000 * PATIENCE, "it is not tried again");
      await sleep(100);
    }
    rmdirSync(source);
  });
});

describe("gc", { skip }, () => {
  test("ends what a killed start left with the keeper, and not what moves another's terminal", async () => {
    await using box = project({
      containers: { terminal: { ...SLEEPS, tty: true }, left: SLEEPS },
    });
    await said(box, "up", "-d");
    const path = `${box.state()}/containers/left/record.json`;
    const { process: left, ...record } = JSON.parse(readFileSync(path, "utf8"));
    const { pid = 0, id } = await listed(box, "terminal");
    const children = () => {
      const keeper = keeperOf(id);
      return readFileSync(`/proc/${keeper}/task/${keeper}/children`, "utf8").trim().split(" ");
    };
    assertEquals(children().length, 3);
    // From here on any gc may end it, that of another test too.
    writeFileSync(path, JSON.stringify({ ...record, phase: "starting" }));
    await said(box, "gc");
    await until(() => !lives(left.pid), "what was left is gone");
    assertEquals(children().length, 2);
    await said(box, "exec", "terminal", "--", "sh", "-c", "echo it is shown > /dev/pts/0");
    const log = `${box.state()}/logs/${logOf(box)}`;
    // It is made with the first that is shown.
    const shown = () => existsSync(log) && readFileSync(log, "utf8").includes("it is shown");
    await until(shown, "the terminal is read");
    assertEquals(lives(pid), true);
  });

  test("makes nothing anew of a project that is removed while it looks", {
    skip: missing(tool("strace")),
  }, async () => {
    await using box = project(SLEEPS);
    await said(box, "up", "-d");
    const lock = box.state().replace(/([^/]+)$/, ".$1.lock");
    const log = `${dirname(box.file)}/calls`;
    // It has seen the lock, and is held there until the project is gone.
    const held = ["-e", "inject=?newfstatat,?statx:signal=STOP:when=1"];
    const strace = [findTool("strace") ?? "strace", "-f", "-qq", "-o", log, "-P", lock, ...held];
    let tracer = 0;
    const gc = runCli(["gc"], { prefix: strace, started: (pid) => tracer = pid });
    const calls = (): string => existsSync(log) ? readFileSync(log, "utf8") : "";
    await until(() => calls().includes("stopped by SIGSTOP"), "held", 30_000);
    await said(box, "down");
    for (const pid of childrenOf(tracer)) process.kill(pid, "SIGCONT");
    const { code, stderr } = await gc;
    assertEquals(code, 0, stderr);
    assert(!calls().includes("O_CREAT"), calls());
  });

  test("leaves a group to the run that has not entered it yet, however long that takes", {
    skip: missing(tool("strace"), controller("pids")),
  }, async () => {
    using directory = tempDir();
    const name = `slow-${process.pid}`;
    const spec = { ...BASE, name, limits: { pids: 20 }, commands: [["true"]] };
    const file = directory.write("slow.yaml", JSON.stringify(spec));
    const log = directory.file("calls");
    // By keyctl(2) only the container's side is held: with cgroup v1 it enters its groups after that.
    const held = ["-e", "trace=keyctl", "-e", "inject=keyctl:signal=STOP:when=1"];
    const strace = [findTool("strace") ?? "strace", "-f", "-qq", "-o", log, ...held];
    const run = runCli(["run", file], { prefix: strace });
    const stopped = () =>
      /^(\d+) +--- stopped by SIGSTOP/m.exec(existsSync(log) ? readFileSync(log, "utf8") : "");
    await until(() => stopped() !== null, "held", 30_000);
    await sleep(1100);
    assertEquals((await runCli(["gc"])).code, 0);
    process.kill(Number(stopped()?.[1]), "SIGCONT");
    const { code, stderr } = await run;
    assertEquals(code, 0, stderr);
  });

  test("again and again beside up, exec, restart, a supervisor and down harms nothing that lives", async () => {
    let over = false;
    await using box = project({
      containers: {
        plain: SLEEPS,
        limited: { ...SLEEPS, limits: { pids: 20 } },
        terminal: { ...SLEEPS, tty: true },
        flaky: {
          ...BASE,
          commands: [sh("exit 5")],
          restart: { policy: "on-failure", maxRetries: 3, backoff: "1ms" },
        },
      },
    });
    const collect = async (): Promise<void> => {
      while (!over) {
        const { code, stdout, stderr } = await box.cv("gc");
        assertEquals(code, 0, stderr);
        // Of this project; others' tests may leave what they like.
        assert(!stdout.includes(box.state().split("/").at(-1) ?? ""), stdout);
      }
    };
    const collecting = collect().catch((error: unknown) => error);
    try {
      for (let round = 0; round < GC_ROUNDS; round++) await liveOnce(box);
    } finally {
      over = true;
      assertEquals(await collecting, undefined);
    }
  });
});

const logOf = (box: Project): string =>
  JSON.parse(readFileSync(`${box.state()}/containers/terminal/record.json`, "utf8")).log;

async function liveOnce(box: Project): Promise<void> {
  await said(box, "up", "-d");
  for (const name of ["plain", "limited", "terminal"]) await said(box, "exec", name, "--", "true");
  await said(box, "restart", "limited");
  for (const begin = performance.now();;) {
    const events = await said(box, "events", "flaky");
    if (events.includes('"failed"')) {
      assertEquals(events.split('"exited"').length - 1, 4, events);
      break;
    }
    assert(performance.now() - begin < 30_000 * PATIENCE, events);
  }
  const states = (await box.ps()).map(({ name, state }) => `${name} ${state}`);
  assertEquals(states, ["flaky exited", "limited running", "plain running", "terminal running"]);
  await said(box, "down");
}
