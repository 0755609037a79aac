// runs-under: bun, deno
/** `up` at a terminal: output, who ends whom, exit statuses, signals, and what a kill -9 of it leaves. */
import { spawn } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import process from "node:process";
import { describe, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { missing, root, tool } from "../../support/require.ts";
import { guardWorld, IDLE_LOOP, lives, sh, until } from "../cli/sandbox.ts";
import { type CliOptions, type CliResult, PATIENCE, runCli } from "../../support/cli.ts";
import { keeperOf, type Project, project, untilAsync } from "./project.ts";

guardWorld();
const skip = missing(root());
const IDLE = sh(`trap 'echo bye; exit 0' TERM; echo up; ${IDLE_LOOP}`);
const base = (script: readonly string[]) => ({ policy: "none", commands: [script] });

interface Running {
  readonly pid: number;
  readonly result: Promise<CliResult>;
}

/** `up` that runs until somebody ends it. */
function begin(
  of: Project,
  options: Pick<CliOptions, "env"> = {},
  ...words: readonly string[]
): Running {
  let pid = 0;
  const cwd = of.file.slice(0, of.file.lastIndexOf("/"));
  const result = runCli(["up", ...words], { ...options, cwd, started: (started) => pid = started });
  return { pid, result };
}

async function states(of: Project): Promise<Record<string, string>> {
  return Object.fromEntries((await of.ps()).map(({ name, state }) => [name, state]));
}

describe("up without -d", { skip }, () => {
  test("shows what all write, names in front; the first failure ends the others and is the status; a good end ends nobody", async () => {
    await using shop = project({
      containers: {
        once: base(sh("echo migrated")),
        db: { ...base(IDLE), dependsOn: { once: "completed" } },
        web: { ...base(sh("printf 'two\\nlines'; sleep 0.3; exit 7")), dependsOn: ["db"] },
      },
    });
    const { code, stdout, stderr } = await shop.cv("up");
    assertEquals(code, 7, stderr);
    const lines = (name: string) =>
      stdout.split("\n").filter((line) => line.startsWith(name)).map((line) => line.slice(7));
    assertEquals([lines("once"), lines("db"), lines("web")], [
      ["migrated"],
      ["up", "bye"],
      ["two", "lines"],
    ]);
    assert(!stdout.includes("\x1b"), "colour without a terminal");
    assertMatch(
      stderr,
      /✘ web exited \(7\)\nweb has failed: .*--keep-going.*\n✔ db completed \(0\)/,
    );
    // They stay recorded; what was stopped is started again.
    assertEquals(await states(shop), { db: "exited", once: "exited", web: "exited" });
    const again = await shop.cv("up", "-d");
    assertMatch(again.stderr, /once completed before.*\n✔ db running .*it was stopped/);
    assertEquals((await shop.cv("down")).code, 0);
  });

  test("--keep-going waits for all; the status is that of the first that failed, 125 when one could not be made", async () => {
    await using jobs = project({
      containers: {
        first: base(sh("sleep 0.2; exit 3")),
        last: base(sh("sleep 0.5; echo done; exit 4")),
      },
    });
    const { code, stdout } = await jobs.cv("up", "--keep-going");
    assertEquals([code, stdout], [3, "last  | done\n"]);
    jobs.write({ containers: { missing: base(["/no/such/program"]), idle: base(IDLE) } });
    const failed = await jobs.cv("up");
    assertEquals(failed.code, 125, failed.stderr);
    assertEquals((await jobs.ps()).filter(({ state }) => state === "running"), []);
  });

  test("SIGINT ends them, dependents first, without restarting any; twice kills", async () => {
    await using shop = project({
      containers: {
        db: { ...base(IDLE), restart: "always" },
        web: { ...base(IDLE), dependsOn: ["db"] },
        deaf: {
          ...base(sh(`trap '' TERM; ${IDLE_LOOP}`)),
          dependsOn: ["web"],
          stop: { grace: `${10 * PATIENCE}s` },
        },
      },
    });
    const { pid, result } = begin(shop);
    await untilAsync(async () => Object.keys(await states(shop)).length === 3, "all are there");
    process.kill(pid, "SIGINT");
    const events = () => readFileSync(`${shop.state()}/events`, "utf8");
    await untilAsync(() => Promise.resolve(events().includes("stopping")), "it stops");
    const second = performance.now();
    process.kill(pid, "SIGINT");
    const { code, stderr } = await result;
    assertEquals(code, 0, stderr);
    assert(performance.now() - second < 9000 * PATIENCE, "the grace time was waited for");
    const order = events().trim().split("\n").map((line) => JSON.parse(line))
      .filter(({ type }) => type === "stopping").map(({ container }) => container);
    assertEquals(order, ["deaf", "web", "db"]);
    assertEquals(await states(shop), { db: "exited", deaf: "exited", web: "exited" });
    assertMatch(stderr, /deaf exited \(137\)/);
  });

  test("kill -9 of it leaves everything as up -d does", async () => {
    await using box = project({ containers: { one: base(IDLE), two: base(IDLE) } });
    const { pid, result } = begin(box);
    await untilAsync(
      async () => (await box.ps()).filter(({ state }) => state === "running").length === 2,
      "both run",
    );
    process.kill(pid, "SIGKILL");
    assertEquals((await result).signal, "SIGKILL");
    const list = await box.ps();
    assertEquals(list.map(({ state }) => state), ["running", "running"]);
    assert(lives(keeperOf(list[0]?.id ?? "")));
    assertStringIncludes((await box.cv("up", "-d")).stderr, "✔ one unchanged\n✔ two unchanged\n");
    const logs = (await box.cv("logs")).stdout.trim().split("\n").sort();
    assertEquals(logs, ["one | up", "two | up"]);
    assertEquals((await box.cv("down")).code, 0);
  });
});

describe("up --watch", { skip }, () => {
  test("makes each change of the spec and of .env true; a wrong one is said and changes nothing", async () => {
    const spec = (more: object) => ({
      variables: { WORD: { default: "first" } },
      containers: {
        one: base(IDLE),
        two: { ...base(sh("echo ${{ WORD }}; sleep 100")), stop: { grace: "0s" } },
        ...more,
      },
    });
    await using box = project(spec({}));
    const running = begin(box, {}, "--watch");
    const log = async (name: string) => (await box.cv("logs", name).catch(() => undefined))?.stdout;
    await untilAsync(async () => (await log("two")) === "first\n", "it is up");
    const pid = (await box.ps()).find(({ name }) => name === "one")?.pid;
    writeFileSync(box.file.replace("containerv.yaml", ".env"), "WORD=second\n");
    await untilAsync(async () => (await log("two")) === "second\n", ".env was read");
    box.write({ containers: { one: { comands: [] } } });
    await sleep(700 * PATIENCE);
    box.write(spec({ three: base(sh("echo third")) }));
    await untilAsync(async () => (await log("three")) === "third\n", "the third came");
    assertEquals((await box.ps()).find(({ name }) => name === "one")?.pid, pid);
    process.kill(running.pid, "SIGINT");
    process.kill(running.pid, "SIGINT");
    const { code, stdout, stderr } = await running.result;
    assertEquals(code, 0, stderr);
    assertStringIncludes(stderr, "unknown key `comands`");
    assertStringIncludes(stderr, "what runs is left as it is");
    assertMatch(stdout, /two \| first\n[^]*two \| second\n[^]*three \| third\n/);
  });
});

describe("a service manager", { skip: missing(root(), tool("perl")) }, () => {
  test("is told when all is up and when it stops, by a socket with a path or an abstract name", async () => {
    await using box = project({ containers: { one: base(IDLE) } });
    const name = `@containerv-test-${process.pid}`;
    const script = `use Socket; socket(my $s, AF_UNIX, SOCK_DGRAM, 0) or die;
      my $n = $ARGV[0]; $n =~ s/^@/\\0/; bind($s, pack("S a*", AF_UNIX, $n)) or die "bind: $!"; $| = 1; print "bound\\n";
      for (1..2) { recv($s, my $m, 100, 0); print "$m\\n" }`;
    const manager = spawn("perl", ["-e", script, name], { stdio: ["ignore", "pipe", "inherit"] });
    const said: string[] = [];
    manager.stdout.on("data", (chunk) => said.push(String(chunk)));
    await until(() => said.join("").includes("bound"), "it listens");
    const running = begin(box, { env: { NOTIFY_SOCKET: name } });
    await until(() => said.join("").includes("READY=1\n"), "it is ready");
    assertEquals((await box.ps()).map(({ state }) => state), ["running"]);
    process.kill(running.pid, "SIGTERM");
    await until(() => said.join("").includes("STOPPING=1\n"), "it stops");
    assertEquals((await running.result).code, 0);
  });
});
