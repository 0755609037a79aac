/** Commands in a container that runs: where they are, what they may, how they end; and the handle's other methods. */
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import process from "node:process";
import { describe, test } from "node:test";
import {
  assert,
  assertEquals,
  assertMatch,
  assertRejects,
  assertStringIncludes,
  assertThrows,
} from "@std/assert";
import { type Container, ContainervError, type Spec, start } from "../../../mod.ts";
import { currentRuntime, REPOSITORY, runProgram } from "../../support/cli.ts";
import { missing, root, tool, userns } from "../../support/require.ts";
import { tempDir } from "../../support/temp.ts";
import { until } from "../cli/sandbox.ts";
import { snapshotWorld } from "../../support/world.ts";

const skip = missing(root());

const idle = (spec: Partial<Spec> = {}): Promise<Container> =>
  start({ policy: "none", ...spec } as Spec);

function gone(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return "";
  }
}

/** Groups of the container and processes with these words that are still there after at most three seconds: others work here too. */
async function leftOf(container: string, words: string): Promise<readonly string[]> {
  for (let tries = 0;; tries++) {
    const groups = snapshotWorld({ fds: false }).cgroups.filter((path) => path.endsWith(container));
    const processes = readdirSync("/proc").filter((pid) =>
      /^\d+$/.test(pid) && gone(`/proc/${pid}/cmdline`) === `${words.replaceAll(" ", "\0")}\0`
    );
    const left = [...groups, ...processes];
    if (left.length === 0 || tries === 60) return left;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

const lines = (text: string): string[] => text.trim().split("\n");

describe("exec()", { skip }, () => {
  test("E4: is in the container's namespaces and groups, with its rights", async () => {
    await using box = await start({
      policy: "none",
      limits: { memory: "64MiB", pids: 32 },
      init: true,
      commands: [["sh", "-c", "while :; do sleep 1; done"]],
    });
    const script = [
      "readlink /proc/self/ns/user /proc/self/ns/mnt /proc/self/ns/pid /proc/self/ns/net /proc/self/ns/uts",
      "readlink /proc/self/ns/ipc /proc/self/ns/cgroup",
      "grep -E '^(Cap|NoNewPrivs|Groups|Uid|SigIgn|SigBlk)' /proc/self/status",
      // Those of cgroup v1, and that of v2, which has no name.
      "grep -E ':(memory|pids)?:' /proc/self/cgroup",
    ].join(";");
    const seen = await box.exec(["sh", "-c", script], { check: true });
    const own = await box.exec(["sh", "-c", script.replaceAll("/self/", "/2/")]);
    assertEquals(seen.stdout, own.stdout);
    assertMatch(seen.stdout, /NoNewPrivs:\t1/);
    const groups = lines(seen.stdout).filter((line) => /^\d+:/.test(line));
    assert(groups.length > 0 && groups.every((line) => line.endsWith(":/")), seen.stdout);
  });

  test("what it writes, its status and its signal are its own", async () => {
    await using box = await idle();
    const output = await box.exec(["sh", "-c", "cat; echo bad >&2; exit 7"], { stdin: "in\n" });
    assertEquals([output.code, output.stdout, output.stderr], [7, "in\n", "bad\n"]);
    for (const [signal, number] of [["KILL", 9], ["TERM", 15], ["ABRT", 6]] as const) {
      const killed = await box.exec(`kill -${signal} $$`);
      assertEquals([killed.code, killed.signal], [128 + number, `SIG${signal}`]);
    }
    const codes = await Promise.all([0, 1, 127, 255].map((code) => box.exec(`exit ${code}`)));
    assertEquals(codes.map(({ code }) => code), [0, 1, 127, 255]);
  });

  test("user, workdir, environment and timeout are those that are said", async () => {
    await using box = await idle({ environment: { A: "1", B: "2" } });
    const output = await box.exec('id -u; id -g; pwd; echo "$A$B$HOME"', {
      user: "1000:100",
      workdir: "/tmp",
      environment: { B: "3" },
    });
    assertEquals(lines(output.stdout), ["1000", "100", "/tmp", "13/"]);
    const named = await box.exec(["id", "-un"], { user: "daemon" });
    assertEquals(named.stdout, "daemon\n");
    const late = await box.exec(["sleep", "60"], { timeout: 100 });
    assertEquals([late.code, late.reason], [124, "timeout"]);
  });

  test("says what can't be", async () => {
    await using box = await idle();
    const code = async (run: () => Promise<unknown>): Promise<string> =>
      (await assertRejects(run, ContainervError)).code;
    assertEquals(await code(() => box.exec(["nonexistent"])), "COMMAND_NOT_FOUND");
    assertEquals(
      await code(() => box.exec(["true"], { workdir: "/nonexistent" })),
      "SYSCALL_FAILED",
    );
    assertEquals(await code(() => box.exec(["true"], { user: "nobody-here" })), "NO_SUCH_USER");
    assertEquals(await code(() => box.exec(["false"], { check: true })), "COMMAND_FAILED");
    assertEquals(await code(() => box.exec(["true"], { workdir: "relative" })), "SPEC_INVALID");
    assertEquals(await code(() => box.spawn(["nonexistent"])), "COMMAND_NOT_FOUND");
    await box.destroy();
    assertEquals(await code(() => box.exec(["true"])), "NOT_RUNNING");
    assertEquals(assertThrows(() => box.port(80), ContainervError).code, "NO_SUCH_PORT");
  });

  test("the end of the container ends it", async () => {
    const box = await idle();
    const running = box.exec(["sleep", "60"]);
    // One that has not joined yet is refused: there is nothing to join.
    await box.exec("until pgrep -x sleep > /dev/null; do :; done");
    await box.destroy();
    assertEquals((await running).signal, "SIGKILL");
  });

  test("an abort signal ends it, and nothing is left open", async () => {
    await using box = await idle();
    await box.exec(["true"]);
    const before = readdirSync("/proc/self/fd").length;
    const signal = AbortSignal.timeout(50);
    const error = await assertRejects(() => box.exec(["sleep", "60"], { signal }));
    assertEquals((error as Error).name, "TimeoutError");
    for (let i = 0; i < 5; i++) await box.exec(["true"]);
    // Fewer is fine: a stream of an earlier test may have been closed meanwhile. Those of the last command close behind its end.
    const isClosed = () => readdirSync("/proc/self/fd").length <= before;
    await until(isClosed, "no descriptor is left open");
  });
});

describe("spawn()", { skip }, () => {
  test("gives streams both ways, signals, and the end", async () => {
    await using box = await idle();
    await using cat = await box.spawn(["cat"], { stdin: "pipe" });
    const writer = cat.stdin!.getWriter();
    const big = new Uint8Array(300_000).fill(97);
    const reading = new Response(cat.stdout).arrayBuffer();
    await writer.write(big);
    await writer.close();
    assertEquals((await reading).byteLength, big.length);
    assertEquals(await cat.exited, { code: 0, reason: "exited" });
    await using sleeping = await box.spawn(["sleep", "60"]);
    sleeping.kill();
    assertEquals((await sleeping.exited).signal, "SIGTERM");
  });

  test("leaving its scope kills it, and the container goes on", async () => {
    await using box = await idle();
    {
      await using _process = await box.spawn(["sleep", "61"]);
    }
    assertEquals((await box.exec("pgrep -c sleep || true")).stdout, "0\n");
  });
});

describe("a handle", { skip }, () => {
  test("an idle container reaps, ends by its stop signal, and tells what was written in it", async () => {
    const box = await idle({ limits: { memory: "64MiB" } });
    await box.exec("(sleep 0.01 &) ; echo one; echo two >&2");
    await box.exec("sleep 0.1; ! ps ax -o stat | grep Z", { check: true });
    const log = [];
    for await (const { stream, text } of box.logs()) log.push(`${stream} ${text}`);
    assertEquals(log.filter((line) => / (one|two)$/.test(line)).sort(), [
      "stderr two",
      "stdout one",
    ]);
    const usage = await box.stats();
    assertEquals([usage.memoryLimitBytes, usage.processes], [64 << 20, 1]);
    assertEquals(await box.stop(), { code: 0, reason: "exited" });
    assertEquals(await leftOf(box.name, "sleep 0.01"), []);
  });

  test("pause() stops every process until resume()", async () => {
    await using box = await idle({ limits: { pids: 64 } });
    await using counting = await box.spawn("while :; do echo >> /tmp/i; done");
    await box.pause();
    const groups = readdirSync("/proc").filter((name) => /^\d+$/.test(name)).flatMap((pid) =>
      /^0::(.*)$/m.exec(gone(`/proc/${pid}/cgroup`))?.[1] ?? []
    ).filter((path) => path.endsWith(`/${box.name}`));
    assertEquals(groups.length, 2);
    const [mount = ""] = ["/sys/fs/cgroup/unified", "/sys/fs/cgroup"].filter((path) =>
      existsSync(`${path}/cgroup.controllers`)
    );
    assertStringIncludes(readFileSync(`${mount}${groups[0]}/cgroup.events`, "utf8"), "frozen 1");
    await assertRejects(() => box.exec(["true"]), ContainervError, "is paused");
    await box.resume();
    const first = Number((await box.exec("wc -l < /tmp/i")).stdout);
    const second = Number((await box.exec("sleep 0.1; wc -l < /tmp/i")).stdout);
    assert(second > first);
    counting.kill("SIGKILL");
  });

  test("keeps no program from ending, which ends the container", async () => {
    using dir = tempDir();
    const script = dir.write(
      "open.ts",
      `import { start } from "${REPOSITORY}/mod.ts";
       const box = await start({ policy: "none", limits: { pids: 64 } });
       await box.spawn(["sleep", "62"]);
       console.log(box.name);`,
    );
    const bin = `${REPOSITORY}/node_modules/.bin`;
    const argv = currentRuntime() === "bun"
      ? [`${bin}/bun`, script]
      : [`${bin}/deno`, "run", "-A", "-c", `${REPOSITORY}/deno.json`, script];
    const result = await runProgram(argv, { timeoutMs: 40_000 });
    assertEquals([result.code, result.timedOut], [0, false], result.stderr);
    assertMatch(result.stdout, /^container-/);
    assertEquals(await leftOf(result.stdout.trim(), "sleep 62"), []);
  });

  test("SIGKILL of the program leaves nothing", async () => {
    using dir = tempDir();
    const script = dir.write(
      "killed.ts",
      `import { start } from "${REPOSITORY}/mod.ts";
       const box = await start({ policy: "none", limits: { pids: 64 } });
       const process = await box.spawn(["sleep", "63"]);
       await new Promise((resolve) => globalThis.process.stdout.write(box.name, resolve));
       globalThis.process.kill(globalThis.process.pid, "SIGKILL");
       await process.exited;`,
    );
    const bin = `${REPOSITORY}/node_modules/.bin`;
    const argv = currentRuntime() === "bun"
      ? [`${bin}/bun`, script]
      : [`${bin}/deno`, "run", "-A", "-c", `${REPOSITORY}/deno.json`, script];
    const result = await runProgram(argv, { timeoutMs: 40_000 });
    assertEquals(result.signal, "SIGKILL");
    assertEquals(await leftOf(result.stdout.trim(), "sleep 63"), []);
  });
});

describe("upload() and download()", { skip }, () => {
  test("trees keep modes, owners, times, links and attributes, both ways", async () => {
    using dir = tempDir();
    mkdirSync(dir.file("tree/sub"), { recursive: true });
    writeFileSync(dir.file("tree/file"), "content");
    const make =
      "cd $1/tree && chmod 2640 file && chown 12:34 file && touch -d @1000.5 file sub && " +
      "ln -s /etc/passwd sub/link && mkfifo sub/fifo && chmod 1700 sub";
    assertEquals((await runProgram(["sh", "-ec", make, "sh", dir.path])).code, 0);
    await using box = await idle();
    const up = await box.upload(dir.file("tree"), "/new/place");
    assertEquals([up.files, up.directories, up.bytes], [1, 2, 7]);
    const list = "find . -printf '%y %m %U:%G %T@ %l %p\\n' | sort -k6";
    const inside = await box.exec(`cd /new/place && ${list}`);
    const outside = await runProgram(["sh", "-c", `cd ${dir.file("tree")} && ${list}`]);
    assertEquals(inside.stdout, outside.stdout);
    const down = await box.download("/new/place", dir.file("back"));
    assertEquals(down.digest, up.digest);
    const back = await runProgram(["sh", "-c", `cd ${dir.file("back")} && ${list}`]);
    // A setgid bit does not come out.
    assertEquals(back.stdout, outside.stdout.replace("f 2640", "f 640"));
  });

  test("bytes, single files, into directories; the copy replaces", async () => {
    using dir = tempDir();
    await using box = await idle();
    await box.upload(new TextEncoder().encode("first"), "/tmp/a");
    await box.upload(dir.write("name", "second"), "/tmp/");
    await box.upload(dir.write("a", "third"), "/tmp");
    assertEquals((await box.exec("cat /tmp/a /tmp/name")).stdout, "thirdsecond");
    await box.download("/tmp/a", dir.file("deep/er/x"));
    assertEquals(readFileSync(dir.file("deep/er/x"), "utf8"), "third");
    const error = await assertRejects(() => box.download("/no", dir.path), ContainervError);
    assertEquals([error.code, error.facts.errno], ["COPY_FAILED", 2]);
  });
});

const asUser = missing(root(), tool("setpriv"), userns());

describe("an ordinary user", { skip: asUser }, () => {
  test("S19: joins an idle container, whose first process can't be traced", async () => {
    using dir = tempDir();
    const script = dir.write(
      "user.ts",
      `import { start } from "${REPOSITORY}/mod.ts";
       await using box = await start({ policy: "none" });
       const { stdout } = await box.exec("id -u; cat /proc/1/environ 2>&1 | grep -c denied");
       await box.upload(new TextEncoder().encode("own"), "/tmp/f");
       console.log(stdout + (await box.exec("cat /tmp/f; stat -c %u /tmp/f")).stdout);`,
    );
    await runProgram(["chmod", "-R", "a+rX", dir.path]);
    const bin = `${REPOSITORY}/node_modules/.bin`;
    const argv = currentRuntime() === "bun"
      ? [`${bin}/bun`, script]
      : [`${bin}/deno`, "run", "-A", "-c", `${REPOSITORY}/deno.json`, script];
    const prefix = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"];
    const env = { HOME: dir.path, DENO_DIR: process.env["DENO_DIR"] };
    const result = await runProgram(argv, { prefix, env, timeoutMs: 60_000 });
    assertMatch(result.stdout, /^0\n1\nown0\n/, result.stderr);
  });
});
