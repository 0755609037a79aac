/** `exec`, `cp`, `stats`, `top`: on containers that `up` left running. */
import { existsSync, readFileSync } from "node:fs";
import process from "node:process";
import { after, before, describe, test } from "node:test";
import { assert, assertEquals, assertMatch } from "@std/assert";
import { type CliOptions, type CliResult, runCli } from "../../support/cli.ts";
import { missing, root } from "../../support/require.ts";
import { tempDir } from "../../support/temp.ts";
import { childrenOf, lives, until } from "./sandbox.ts";

const skip = missing(root());

describe("a container of up", { skip }, () => {
  const dir = tempDir("containerv-exec-");
  const cli = (args: readonly string[], options: CliOptions = {}): Promise<CliResult> =>
    runCli(args, { cwd: dir.path, timeoutMs: 60_000, ...options });

  before(async () => {
    dir.write(
      "containerv.yaml",
      `name: exec-${process.pid}
containers:
  web: {commands: [[sleep, "600"]], limits: {memory: 64MiB}, environment: {X: own}, policy: none}
  idle: {policy: none}
`,
    );
    const result = await cli(["up", "-d"]);
    assertEquals(result.code, 0, result.stderr);
  });

  after(async () => {
    const result = await cli(["down"]);
    dir[Symbol.dispose]();
    assertEquals(result.code, 0, result.stderr);
  });

  test("exec: its environment, its status, its streams", async () => {
    const script = 'cat; echo "$X $Y $(id -u) $(pwd)"; echo bad >&2; exit 9';
    const args = ["exec", "-i", "-e", "Y=1", "-w", "/tmp", "-u", "1000", "web"];
    const result = await cli([...args, "--", "sh", "-c", script], { stdin: "in\n" });
    assertEquals([result.code, result.stdout], [9, "in\nown 1 1000 /tmp\n"]);
    assertMatch(result.stderr, /^bad\n$/);
    // Without -i nothing is read.
    const closed = await cli(["exec", "idle", "--", "cat"], { stdin: "unread" });
    assertEquals([closed.code, closed.stdout], [0, ""]);
  });

  test("exec: 126, 127, 128+n and 125 are whose they are", async () => {
    const code = async (...args: string[]): Promise<number | null> =>
      (await cli(["exec", ...args])).code;
    assertEquals(await code("web", "--", "nonexistent"), 127);
    assertEquals(await code("web", "--", "/etc/passwd"), 126);
    assertEquals(await code("web", "--", "sh", "-c", "kill -TERM $$"), 143);
    assertEquals(await code("nobody", "--", "true"), 125);
    assertEquals(await code("web"), 125);
    assertEquals(await code("-e", "=", "web", "--", "true"), 125);
  });

  test("exec: a signal goes to the command", async () => {
    let pid = 0;
    const script = "trap 'exit 5' USR1; echo ready > /tmp/ready; while :; do sleep 0.05; done";
    const running = cli(["exec", "idle", "--", "sh", "-c", script], {
      started: (started) => pid = started,
    });
    for (let tries = 0; tries < 200; tries++) {
      const ready = await cli(["exec", "idle", "--", "cat", "/tmp/ready"]);
      if (ready.stdout === "ready\n") break;
    }
    process.kill(pid, "SIGUSR1");
    assertEquals((await running).code, 5);
  });

  for (const user of ["0", "1000"]) {
    test(`exec: kill -9 of its stage or runner ends the command of user ${user}`, async () => {
      for (const victim of ["stage", "runner"]) {
        let runner = 0;
        const running = cli(["exec", "-u", user, "idle", "--", "sleep", "600"], {
          started: (started) => runner = started,
        });
        const stageOf = () => childrenOf(runner)[0] ?? 0;
        const commandOf = () => childrenOf(stageOf())[0] ?? 0;
        const isThere = () => {
          const words = `/proc/${commandOf()}/cmdline`;
          return existsSync(words) && readFileSync(words, "utf8") === "sleep\x00600\x00";
        };
        await until(isThere, "the command runs", 30_000);
        const command = commandOf();
        process.kill(victim === "stage" ? stageOf() : runner, "SIGKILL");
        await until(() => !lives(command), `the command ends with the ${victim}`);
        await running;
      }
    });
  }

  test("cp: both ways, and what is wrong", async () => {
    const content = dir.write("in/file", "content");
    assertEquals((await cli(["cp", "in", "web:/data"])).code, 0);
    assertEquals((await cli(["cp", "web:/data/file", "back/"])).code, 0);
    assertEquals(readFileSync(dir.file("back/file"), "utf8"), readFileSync(content, "utf8"));
    const json = await cli(["cp", "--json", "in/file", "web:/data/"]);
    const digest = "ed7002b439e9ac845f22357d822bac1444730fbdb6016d3ec9432297b9ec9f73";
    assertEquals(JSON.parse(json.stdout).digest, digest);
    for (
      const wrong of [["in", "out"], ["web:/a", "web:/b"], ["web:/none", "x"], ["none:/a", "x"]]
    ) {
      const result = await cli(["cp", ...wrong]);
      assertEquals(result.code, 2, wrong.join(" "));
      assert(result.stderr.length > 0);
    }
  });

  test("stats and top: text and JSON", async () => {
    const stats = JSON.parse((await cli(["stats", "--json"])).stdout) as {
      name: string;
      memoryLimitBytes?: number;
      processes: number;
    }[];
    const web = stats.find(({ name }) => name === "web");
    assertEquals([stats.length, web?.memoryLimitBytes, web?.processes], [2, 64 << 20, 1]);
    assertMatch((await cli(["stats", "web"])).stdout, /^NAME +CPU .*\nweb .* 64MiB +1 of 4096\n$/);
    assertMatch((await cli(["top", "web"])).stdout, /\n1 +\d+ +0 +S .* sleep 600\n$/);
    const top = JSON.parse((await cli(["top", "--json", "idle"])).stdout);
    assertEquals(top[0].inside, 1);
    assertEquals((await cli(["top", "none"])).code, 2);
  });
});
