// timeout-seconds: 240
// runs-under: bun, deno
/** Output on a disk that is full, which is a tiny tmpfs in a mount namespace of the test's own. */
import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import process from "node:process";
import { describe, test } from "node:test";
import { assert, assertEquals, assertMatch } from "@std/assert";
import { runCli } from "../../support/cli.ts";
import { missing, root, tool } from "../../support/require.ts";
import { tempDir } from "../../support/temp.ts";
import { guardWorld, sh } from "../cli/sandbox.ts";
import { untilAsync } from "./project.ts";

guardWorld();
const skip = missing(root(), tool("unshare"), tool("nsenter"));

/**
 * A mount namespace in which the directory of records has a MiB, of which some is filled. It lies in a /run of its own: what is
 * mounted on the machine's directory goes when another test's last project takes that away.
 */
async function tinyDisk(fillKib: number): Promise<{ holder: ChildProcess; prefix: string[] }> {
  const script = `mount -t tmpfs tmpfs /run && mkdir -m 700 /run/containerv &&
    mount -t tmpfs -o size=1m,mode=700 tmpfs /run/containerv &&
    head -c ${fillKib * 1024} /dev/zero > /run/containerv/filler && echo ready && exec sleep 600`;
  const holder = spawn("unshare", ["-m", "sh", "-c", script], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  await new Promise((resolve) => holder.stdout?.once("data", resolve));
  return { holder, prefix: ["nsenter", "-t", String(holder.pid), "-m"] };
}

/** Words before a command for which the records can be read and not written. */
const READ_ONLY = [
  "unshare",
  "-m",
  "sh",
  "-c",
  'mount --bind /run/containerv /run/containerv && mount -o remount,bind,ro /run/containerv && exec "$@"',
  "sh",
];

describe("a full disk", { skip }, () => {
  test("drops output, counts it, says so where it was; the container goes on, and all verbs work", async () => {
    using directory = tempDir();
    const talks = sh(
      "head -c 1500000 /dev/zero | tr '\\0' x; echo; while ! test -e /tmp/go; do sleep 0.3; done; echo after; sleep 100",
    );
    directory.write(
      "containerv.yaml",
      JSON.stringify({
        containers: {
          talks: { policy: "none", commands: [talks] },
        },
      }),
    );
    const { holder, prefix } = await tinyDisk(300);
    const cv = (...args: readonly string[]) =>
      runCli(args, { prefix: [...prefix, "env", "-C", directory.path] });
    const within = (script: string) =>
      spawnSync(prefix[0] ?? "", [...prefix.slice(1), "sh", "-c", script], { encoding: "utf8" });
    try {
      const up = await cv("up", "-d", "--no-cache");
      assertEquals(up.code, 0, up.stderr);
      // It has written all, whatever could be kept: it waits for the file by now.
      await untilAsync(
        async () => /B +sleep 0\.3$/m.test((await cv("top", "talks")).stdout),
        "it goes on",
      );
      within("rm /run/containerv/filler");
      assertEquals((await cv("exec", "talks", "--", "touch", "/tmp/go")).code, 0);
      await untilAsync(
        async () => (await cv("logs", "talks")).stdout.includes("after\n"),
        "it is kept",
      );
      const logs = await cv("logs", "talks");
      const all = [...logs.stderr.matchAll(/containerv: (\d+) bytes of talks were lost here/g)];
      const lost = all.reduce((sum, [, bytes]) => sum + Number(bytes), 0);
      const kept = logs.stdout.replaceAll(/[^x]/g, "").length;
      // The newline behind the flood may be lost too.
      assert([1_500_000, 1_500_001].includes(kept + lost), `${kept} + ${lost}`);
      within("head -c 2000000 /dev/zero > /run/containerv/filler");
      assertMatch((await cv("ps")).stdout, /talks +running/);
      assertEquals((await cv("stop", "talks", "--time", "0")).code, 0);
      assertEquals((await cv("down", "--time", "0")).stderr, "✔ 1 container removed\n");
    } finally {
      await cv("down", "--time", "0");
      process.kill(holder.pid ?? 0, "SIGKILL");
      await new Promise((resolve) => holder.once("close", resolve));
    }
  });

  test("what is lost at a container's very end is said at once, and by its next start's output", async () => {
    using directory = tempDir();
    const talks = sh(
      "test -e /seen/once && echo after && exit; : > /seen/once; head -c 1500000 /dev/zero | tr '\\0' x",
    );
    directory.write("seen/README", "");
    directory.write(
      "containerv.yaml",
      JSON.stringify({
        containers: { talks: { policy: "none", commands: [talks], volumes: ["./seen:/seen"] } },
      }),
    );
    const { holder, prefix } = await tinyDisk(300);
    const cv = (...args: readonly string[]) =>
      runCli(args, { prefix: [...prefix, "env", "-C", directory.path] });
    const shown = async (args: readonly string[] = []) => {
      const { stdout, stderr } = await cv("logs", "talks", ...args);
      const all = [...stderr.matchAll(/containerv: (\d+) bytes of talks were lost here/g)];
      return { stdout, lost: all.reduce((sum, [, bytes]) => sum + Number(bytes), 0) };
    };
    try {
      const up = await cv("up", "-d", "--no-cache");
      assertEquals(up.code, 0, up.stderr);
      assertEquals((await cv("wait", "talks")).code, 0);
      const { stdout, lost } = await shown();
      assertEquals(stdout.replaceAll(/[^x]/g, "").length + lost, 1_500_000);
      assertEquals((await shown(["--follow"])).lost, lost);
      const json = (await cv("logs", "talks", "--json")).stdout.trim().split("\n");
      const said = json.map((line) => (JSON.parse(line) as { lostBytes?: number }).lostBytes ?? 0);
      assertEquals(said.reduce((sum, bytes) => sum + bytes, 0), lost);
      spawnSync(prefix[0] ?? "", [...prefix.slice(1), "rm", "/run/containerv/filler"]);
      assertEquals((await cv("start", "talks")).code, 0);
      assertEquals((await cv("wait", "talks")).code, 0);
      const later = await shown();
      assertEquals(later.lost, lost);
      assertMatch(later.stdout, /after\n$/);
    } finally {
      await cv("down", "--time", "0");
      process.kill(holder.pid ?? 0, "SIGKILL");
      await new Promise((resolve) => holder.once("close", resolve));
    }
  });

  test("onFull: slow: output waits for room and nothing is lost; not longer than maxWait", async () => {
    using directory = tempDir();
    const flood = "head -c 400000 /dev/zero | tr '\\0' x; echo";
    const commands = [sh(`while ! test -e /tmp/go; do sleep 0.02; done; ${flood}`)];
    const slow = (maxWait: string) => ({
      policy: "none",
      commands,
      logs: { onFull: "slow", maxWait },
    });
    directory.write(
      "containerv.yaml",
      JSON.stringify({ containers: { waits: slow("1h"), gives: slow("1s") } }),
    );
    const { holder, prefix } = await tinyDisk(800);
    const cv = (...args: readonly string[]) =>
      runCli(args, { prefix: [...prefix, "env", "-C", directory.path] });
    try {
      const up = await cv("up", "-d", "--no-cache");
      assertEquals(up.code, 0, up.stderr);
      for (const name of ["waits", "gives"]) {
        assertEquals((await cv("exec", name, "--", "touch", "/tmp/go")).code, 0);
      }
      assertEquals((await cv("wait", "gives")).code, 0);
      assertMatch((await cv("ps")).stdout, /waits +running/);
      const nsenter = [...prefix.slice(1), "rm", "/run/containerv/filler"];
      assertEquals(spawnSync(prefix[0] ?? "", nsenter).status, 0);
      assertEquals((await cv("wait", "waits")).code, 0);
      const waits = await cv("logs", "waits");
      assertEquals([waits.stdout.length, waits.stderr], [400_001, ""]);
      const gives = await cv("logs", "gives");
      assert(gives.stdout.length < 400_001, "all of it was kept on a disk that was full");
    } finally {
      await cv("down", "--time", "0");
      process.kill(holder.pid ?? 0, "SIGKILL");
      await new Promise((resolve) => holder.once("close", resolve));
    }
  });

  test("without a byte left refuses what is new; update, restart, exec, ps, stop, rm, gc and down work; read-only, what needs no record", async () => {
    using directory = tempDir();
    const one = { policy: "none", commands: [["sleep", "600"]], stop: { grace: "0s" } };
    const spec = { containers: { one, two: { ...one, limits: { pids: 20 } }, three: one } };
    directory.write("containerv.yaml", JSON.stringify(spec));
    directory.write("other.yaml", JSON.stringify({ name: "other", containers: { four: one } }));
    const { holder, prefix } = await tinyDisk(16);
    const at = (words: readonly string[], args: readonly string[]) =>
      runCli(args, { prefix: [...prefix, ...words, "env", "-C", directory.path] });
    const cv = (...args: readonly string[]) => at([], args);
    const within = (script: string) =>
      spawnSync(prefix[0] ?? "", [...prefix.slice(1), "sh", "-c", script], { encoding: "utf8" });
    const good = async (...args: readonly string[]) => {
      const { code, stdout, stderr } = await cv(...args);
      assertEquals(code, 0, `${args.join(" ")}: ${stderr}`);
      return stdout;
    };
    const refused = async (words: readonly string[], args: readonly string[], why: RegExp) => {
      const { code, stderr } = await at(words, args);
      assert(code === 125 || code === 2, `${args.join(" ")}: ${code} ${stderr}`);
      assertMatch(stderr, /error NO_STATE: /);
      assertMatch(stderr, why);
      assert(stderr.length < 2000, stderr);
    };
    try {
      await good("up", "-d", "--no-cache");
      for (const args of [["up", "-d", "other.yaml"], ["rm", "--force", "one"], ["gc"]]) {
        await refused(READ_ONLY, args, /EROFS/);
      }
      for (const args of [["ps"], ["exec", "one", "--", "true"], ["kill", "three"]]) {
        const { code, stderr } = await at(READ_ONLY, args);
        assertEquals(code, 0, `${args.join(" ")}: ${stderr}`);
      }
      within("head -c 2000000 /dev/zero > /run/containerv/filler");
      await refused([], ["up", "-d", "other.yaml"], /ENOSPC[^]*make room/);
      await good("update", "two", "--pids", "30");
      await good("restart", "one");
      const states = JSON.parse(await good("ps", "--json")) as { name: string; state: string }[];
      assertEquals(states.map(({ name, state }) => `${name} ${state}`), [
        "one running",
        "three exited",
        "two running",
      ]);
      assertEquals(await good("exec", "two", "--", "cat", "/proc/1/comm"), "sleep\n");
      await good("stop", "two");
      await good("rm", "three");
      await good("gc");
      await good("down");
      assertEquals(within("ls /run/containerv").stdout, "filler\n");
    } finally {
      await cv("down", "--time", "0");
      process.kill(holder.pid ?? 0, "SIGKILL");
      await new Promise((resolve) => holder.once("close", resolve));
    }
  });
});
