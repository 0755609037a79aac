// alone
// runs-under: bun
/** The launcher in front of the executable: what was run before is run again without the JavaScript runtime, and ends as it did with it. */
import { chmodSync, existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import process from "node:process";
import { after, before, describe, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { type CliOptions, type CliResult, REPOSITORY, runCli } from "../../support/cli.ts";
import { built, missing, processor, root } from "../../support/require.ts";
import { tempDir } from "../../support/temp.ts";
import { descendantsOf } from "../../fault/held.ts";
import { childrenOf, guardWorld, until } from "../cli/sandbox.ts";

const skip = missing(root(), processor("x64"), built(`${REPOSITORY}/dist/containerv`));
const FILES = "/run/containerv/.launch";

const threadsOf = (pid: number): number =>
  Number(/^Threads:\t(\d+)$/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1]);

if (skip === false) guardWorld();

describe("the launcher", { skip }, () => {
  const dir = tempDir("containerv-launcher-");
  const name = `launcher-${process.pid}`;
  const cli = (args: readonly string[], options: CliOptions = {}): Promise<CliResult> =>
    runCli(args, { runtime: "dist", cwd: dir.path, ...options });

  /** Runs it twice; the second time no runtime may start: an engine has threads from its beginning. */
  async function launched(args: readonly string[], options: CliOptions = {}): Promise<CliResult> {
    await cli(args, options);
    const { result, calls } = await traced(args, options);
    // One execve, which is strace's, and one child: the stage.
    assertEquals([calls.execve, calls.clone3], [1, 1], result.stderr);
    return result;
  }

  /** How often it executed something, and cloned itself. */
  async function traced(args: readonly string[], options: CliOptions = {}): Promise<{
    readonly result: CliResult;
    readonly calls: { readonly execve: number; readonly clone3: number };
  }> {
    const trace = `${dir.path}/trace`;
    const prefix = ["strace", "-o", trace, "-e", "trace=clone3,execve"];
    const result = await cli(args, { ...options, prefix });
    const text = readFileSync(trace, "utf8");
    const count = (call: string): number =>
      text.split(`\n`).filter((row) => row.startsWith(call)).length;
    return { result, calls: { execve: count("execve("), clone3: count("clone3(") } };
  }

  before(async () => {
    dir.write(
      "containerv.yaml",
      `name: ${name}
containers:
  box: {commands: [[sleep, "600"]], init: true, policy: none, limits: {pids: 64}, environment: {X: own}, stop: {grace: 60s}}
  hasty: {commands: [[sleep, "600"]], init: true, policy: none, stop: {grace: 1s}}
`,
    );
    const up = await cli(["up", "-d"]);
    assertEquals(up.code, 0, up.stderr);
  });

  after(async () => {
    const down = await cli(["down"]);
    dir[Symbol.dispose]();
    assertEquals(down.code, 0, down.stderr);
    assert(!existsSync(FILES), "what is remembered goes with the container");
  });

  test("status, streams, environment, directory are the command's", async () => {
    const script = 'cat; echo "$X $(id -u) $(pwd)"; echo bad >&2; exit 9';
    const args = ["exec", "-i", "box", "--", "sh", "-c", script];
    const { code, stdout, stderr } = await launched(args, { stdin: "in\n" });
    assertEquals({ code, stdout, stderr }, { code: 9, stdout: "in\nown 0 /\n", stderr: "bad\n" });
    // Without -i nothing is read.
    const closed = await launched(["exec", "box", "cat"], { stdin: "unread" });
    assertEquals([closed.code, closed.stdout], [0, ""]);
  });

  test("128+n, 126, 127 are as with the runtime, and words say why", async () => {
    const killed = await launched(["exec", "box", "--", "sh", "-c", "kill -TERM $$"]);
    assertEquals(killed.code, 143);
    for (const [word, code] of [["nonexistent", 127], ["/etc/passwd", 126]] as const) {
      const args = ["exec", "box", word];
      const first = await cli(args);
      const second = await cli(args);
      assertEquals([first.code, second.code], [code, code]);
      assertEquals(second.stderr, first.stderr);
      assertMatch(first.stderr, /^command line: error [A-Z_]+: /);
    }
  });

  test("a word more, another one, or an empty one is another command line", async () => {
    const say = async (...words: string[]): Promise<string> =>
      (await cli(["exec", "box", "echo", ...words])).stdout;
    assertEquals(await say("a", "b"), "a b\n");
    assertEquals(await say("a b"), "a b\n");
    assertEquals(await say("a", "", "b"), "a  b\n");
    assertEquals(await say("a", "b", ""), "a b \n");
    assertEquals(await say("a", "b"), "a b\n");
    assertEquals(await say(), "\n");
    const long = "x".repeat(100_000);
    assertEquals([await say(long), await say(long)], [`${long}\n`, `${long}\n`]);
    // Found by the kernel's hash alone, an altered file would be believed.
    for (const file of readdirSync(FILES)) {
      const bytes = readFileSync(`${FILES}/${file}`);
      const at = bytes.indexOf("echo\0a\0b\0");
      if (at < 0) continue;
      bytes.write("echo\0a\0c\0", at);
      writeFileSync(`${FILES}/${file}`, bytes);
    }
    assertEquals(await say("a", "b"), "a b\n");
  });

  test("signals go to the command; after the second SIGTERM it is killed", async () => {
    const script = "trap 'exit 5' USR1; trap '' TERM INT; echo ready > /tmp/ready; " +
      "while :; do sleep 0.05; done";
    /** In that container, with the command remembered there. */
    const begin = async (
      box: string,
      ...signals: readonly NodeJS.Signals[]
    ): Promise<CliResult> => {
      const args = ["exec", box, "--", "sh", "-c", script];
      for (const isKnown of [false, true]) {
        await cli(["exec", box, "--", "rm", "-f", "/tmp/ready"]);
        let pid = 0;
        const running = cli(args, { started: (started) => pid = started });
        const ready = () => cli(["exec", box, "cat", "/tmp/ready"]);
        for (let tries = 0; tries < 200 && (await ready()).code !== 0; tries++) await sleep(20);
        if (isKnown) assertEquals(threadsOf(pid), 1);
        for (const signal of isKnown ? signals : ["SIGUSR1"] as const) {
          process.kill(pid, signal);
          await sleep(100);
        }
        const ended = await running;
        if (isKnown) return ended;
        assertEquals(ended.code, 5);
      }
      throw new Error("not reached");
    };
    assertEquals((await begin("box", "SIGUSR1")).code, 5);
    assertEquals((await begin("box", "SIGWINCH", "SIGUSR1")).code, 5);
    assertEquals((await begin("box", "SIGHUP")).code, 129);
    // Its grace time is twice as long as it may take here.
    assertEquals((await begin("box", "SIGTERM", "SIGTERM")).code, 137);
    const graced = await begin("hasty", "SIGINT");
    assertEquals(graced.code, 137);
    assert(graced.ms >= 1000, `${graced.ms} ms`);
  });

  test("kill -9 of the stage is said, kill -9 of the launcher ends the command", async () => {
    const args = ["exec", "box", "sleep", "7777"];
    // What failed is forgotten: the third one remembers again.
    for (const victim of ["first", "stage", "again", "launcher"]) {
      let runner = 0;
      const running = cli(args, { started: (started) => runner = started });
      await until(() => childrenOf(runner).length > 0, "a stage");
      const [stage = 0] = childrenOf(runner);
      await sleep(200);
      if (victim === "launcher") assertEquals(threadsOf(runner), 1);
      process.kill(victim === "launcher" ? runner : stage, "SIGKILL");
      const { code, signal, stderr } = await running;
      if (victim === "launcher") {
        assertEquals(signal, "SIGKILL");
      } else {
        assertEquals(code, 125, stderr);
        assertStringIncludes(stderr, "CONTAINER_LOST");
      }
      const left = async () =>
        (await cli(["exec", "box", "--", "sh", "-c", "pgrep -f 'sleep 777[7]' || true"])).stdout;
      for (let tries = 0; tries < 50 && await left() !== ""; tries++) await sleep(20);
      assertEquals(await left(), "");
    }
  });

  test("what has changed is left to the runtime: another project, a container that was started again", async () => {
    const args = ["exec", "box", "echo", "here"];
    assertEquals((await launched(args)).stdout, "here\n");
    using other = tempDir("containerv-launcher-");
    other.write(
      "containerv.yaml",
      `name: other-${process.pid}\ncontainers:\n  box: {commands: [[sleep, "600"]], policy: none}\n`,
    );
    try {
      assertEquals((await cli(["up", "-d"], { cwd: other.path })).code, 0);
      const both = await cli(args, { cwd: "/" });
      assertEquals(both.code, 125);
      assertStringIncludes(both.stderr, "AMBIGUOUS_NAME");
    } finally {
      assertEquals((await cli(["down", "--time", "0"], { cwd: other.path })).code, 0);
    }
    assertEquals((await launched(args)).stdout, "here\n");
    assertEquals((await cli(["restart", "--time", "0", "box"])).code, 0);
    assertEquals((await launched(args)).stdout, "here\n");
    assertEquals((await cli(["stop", "--time", "0", "box"])).code, 0);
    const stopped = await cli(args);
    assertEquals(stopped.code, 125);
    assertStringIncludes(stopped.stderr, "NOT_RUNNING");
    assertEquals((await cli(["start", "box"])).code, 0);
    assertEquals((await launched(args)).stdout, "here\n");
  });

  test("a paused container, fewer rights, a file that is torn, a directory that others may enter", async () => {
    const args = ["exec", "box", "echo", "here"];
    assertEquals((await launched(args)).stdout, "here\n");
    const paused = await cli(["pause", "box"]);
    assertEquals(paused.code, 0, paused.stderr);
    try {
      assertStringIncludes((await cli(args)).stderr, "PAUSED");
    } finally {
      assertEquals((await cli(["resume", "box"])).code, 0);
    }
    await launched(args);
    // Without CAP_SYS_ADMIN nobody joins.
    const weak = await cli(args, { prefix: ["setpriv", "--bounding-set", "-sys_admin"] });
    assertEquals(weak.code, 125, weak.stdout);
    await launched(args);
    for (const file of readdirSync(FILES)) {
      const bytes = readFileSync(`${FILES}/${file}`);
      for (const length of [0, 7, 100, 112, bytes.length - 1]) {
        writeFileSync(`${FILES}/${file}`, bytes.subarray(0, length));
        assertEquals((await cli(args)).stdout, "here\n");
      }
    }
    await launched(args);
    chmodSync(FILES, 0o777);
    const open = await traced(args);
    assertEquals(open.result.stdout, "here\n");
    // The runtime's engine has threads.
    assert(open.calls.clone3 > 1);
    rmSync(FILES, { recursive: true });
    await launched(args);
  });

  describe("run", () => {
    const without = (line: string): string => line.replace(/\d+ ms/, "N ms");
    const spec = (name: string, text: string): string => {
      dir.write(`${name}.yaml`, `name: ${name}-${process.pid}\npolicy: none\n${text}`);
      return `${name}.yaml`;
    };

    test("streams, status and the last line are as with the runtime", async () => {
      const file = spec(
        "well",
        "limits: {memory: 64MiB, pids: 16}\ncommands: [[sh, -c, 'cat; echo err >&2; pwd']]\nstdin: true\n",
      );
      const first = await cli(["run", file], { stdin: "in\n" });
      assertEquals([first.code, first.stdout], [0, "in\n/\n"]);
      const second = await launched(["run", file], { stdin: "in\n" });
      assertEquals([second.code, second.stdout], [0, "in\n/\n"]);
      assertEquals(without(second.stderr), without(first.stderr));
      assertMatch(
        second.stderr,
        /^err\n✔ exit 0 · \d+ ms · memory 64MiB, pids 16 · policy none\n$/,
      );
      const quiet = await launched(["run", "--quiet", file]);
      assertEquals([quiet.code, quiet.stdout, quiet.stderr], [0, "/\n", "err\n"]);
    });

    test("the milliseconds are those from the beginning to the end", async () => {
      const file = spec("slow", "commands: [[sleep, '1.2']]\n");
      for (const result of [await launched(["run", file]), await cli(["run", file])]) {
        const said = Number(/· (\d+) ms/.exec(result.stderr)?.[1]);
        assert(said >= 1200 && said <= result.ms + 1, `${said} ms of ${result.ms}`);
      }
    });

    test("of what ended badly the runtime says more, with the place in the spec", async () => {
      const cases: readonly (readonly [string, string, number])[] = [
        ["bad", "commands: [[sh, -c, 'exit 3']]\n", 3],
        ["killed", "init: true\ncommands: [[sh, -c, 'kill -KILL $$']]\n", 137],
        ["late", "commands: [{exec: [sleep, '600'], timeout: 100ms}]\n", 124],
        ["none", "commands: [[nonexistent]]\n", 127],
        [
          "oom",
          "limits: {memory: 16MiB, swap: 0}\ncommands: [[sh, -c, 'head -c 64M /dev/zero | tail -c 64M > /dev/null; exit 0']]\n",
          0,
        ],
      ];
      for (const [name, text, code] of cases) {
        const file = spec(name, text);
        const first = await cli(["run", file]);
        if (name !== "oom") assertEquals(first.code, code, first.stderr);
        const { result, calls } = await traced(["run", file]);
        assertEquals(result.code, first.code);
        assertEquals(without(result.stderr), without(first.stderr));
        // The launcher was there first: it executed the runtime.
        assertEquals(calls.execve, 2, result.stderr);
      }
    });

    test("another spec, place or HOME is planned anew", async () => {
      const file = spec("change", "commands: [[echo, one]]\n");
      assertEquals((await launched(["run", file])).stdout, "one\n");
      spec("change", "commands: [[echo, two]]\n");
      assertEquals((await cli(["run", file])).stdout, "two\n");
      using other = tempDir("containerv-launcher-");
      other.write(file, "policy: none\ncommands: [[echo, there]]\n");
      assertEquals((await cli(["run", file], { cwd: other.path })).stdout, "there\n");
      assertEquals((await launched(["run", file])).stdout, "two\n");
      for (const env of [{ HOME: "/tmp" }, { HOME: undefined }, { XDG_DATA_HOME: "/tmp" }]) {
        const { result, calls } = await traced(["run", file], { env });
        assertEquals([result.stdout, calls.clone3 > 1], ["two\n", true], JSON.stringify(env));
        await launched(["run", file], { env });
      }
      assertEquals((await launched(["run", file])).stdout, "two\n");
    });

    test("a cache elsewhere; a path that is too long is the runtime's", async () => {
      const file = spec("cache", "commands: [[echo, here]]\n");
      const env = { XDG_CACHE_HOME: `${dir.path}/caches` };
      assertEquals((await launched(["run", file], { env })).stdout, "here\n");
      assertEquals(readdirSync(`${dir.path}/caches/containerv/launch`).length, 1);
      const long = { XDG_CACHE_HOME: `/${"x/".repeat(3000)}` };
      assertEquals((await cli(["run", file], { env: long })).stdout, "here\n");
      assertEquals(
        (await launched(["run", file], { env: { XDG_CACHE_HOME: "relative" } })).code,
        0,
      );
    });

    test("two at once have names of their own; SIGTERM ends, and all is taken back", async () => {
      const file = spec(
        "twice",
        "limits: {pids: 16}\ncommands: [[sh, -c, 'trap \"exit 4\" TERM; echo up; while :; do sleep 0.05; done']]\n",
      );
      const begin = async (): Promise<{ pid: number; ended: Promise<CliResult> }> => {
        let pid = 0;
        const ended = cli(["run", "--quiet", file], { started: (started) => pid = started });
        // The stage, the shell, and what it sleeps by: its trap is set before.
        await until(() => descendantsOf(pid).length === 3, "the container's loop", 20_000);
        return { pid, ended };
      };
      const end = async (
        { pid, ended }: Awaited<ReturnType<typeof begin>>,
      ): Promise<number | null> => {
        process.kill(pid, "SIGTERM");
        return (await ended).code;
      };
      assertEquals(await end(await begin()), 4);
      const both = [await begin(), await begin()];
      assertEquals(both.map(({ pid }) => threadsOf(pid) === 1), [true, false]);
      for (const one of both) assertEquals(await end(one), 4);
    });

    test("a directory as a stream is refused in words, a closed one is none", async () => {
      const file = spec("stream", "commands: [[/bin/true]]\n");
      await launched(["run", file]);
      const words = ["/bin/sh", "-c", 'exec "$0" "$@" < /'];
      const refused = await cli(["run", file], { prefix: words });
      assertEquals(refused.code, 125);
      assertStringIncludes(refused.stderr, "STDIO_IS_DIRECTORY");
      // One that is closed stays closed: nothing that was opened on the way is in its place.
      const closed = await cli(["run", file], { prefix: ["/bin/sh", "-c", 'exec "$0" "$@" >&-'] });
      const first = await cli(["run", "--quiet", file], {
        prefix: ["/bin/sh", "-c", 'exec "$0" "$@" >&-'],
      });
      assertEquals([closed.code, first.code], [0, 0], closed.stderr);
    });
  });
});
