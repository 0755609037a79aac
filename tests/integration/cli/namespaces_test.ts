/** Namespaces of others, joined by path and by pid, and clocks of the container's own. */
import { spawn } from "node:child_process";
import { chmodSync, chownSync, mkdirSync, readFileSync, readlinkSync } from "node:fs";
import { describe, test } from "node:test";
import { assert, assertEquals, assertMatch } from "@std/assert";
import { type CliResult, runCli } from "../../support/cli.ts";
import { file, findTool, missing, root, tool, userns } from "../../support/require.ts";
import { tempDir } from "../../support/temp.ts";
import { childrenOf, guardWorld, inside, runSpec, sh, type SpecObject, until } from "./sandbox.ts";

guardWorld();
const skip = missing(root(), tool("unshare"), userns());
/** Of kernels with time namespaces. */
const CLOCKS = "/proc/self/ns/time";
const ID = 65534;
const USER = ["setpriv", `--reuid=${ID}`, `--regid=${ID}`, "--clear-groups"];

/** A process in namespaces of its own, which ends with the block. */
async function other(
  args: readonly string[],
  prefix: readonly string[] = [],
): Promise<{ readonly pid: number; readonly [Symbol.dispose]: () => void }> {
  const words = [...prefix, findTool("unshare") ?? "unshare", ...args, "/bin/sleep", "60"];
  const child = spawn(words[0] ?? "", words.slice(1), { stdio: "ignore", cwd: "/" });
  const { pid } = child;
  if (pid === undefined) throw new Error("unshare was not started");
  // With a fork it is the child of unshare that is meant.
  const forks = args.includes("-f");
  const meant = (): number => forks ? childrenOf(pid)[0] ?? pid : pid;
  const comm = () => readFileSync(`/proc/${meant()}/comm`, "utf8").trim();
  await until(() => comm() === "sleep", "the other process is there");
  return { pid: meant(), [Symbol.dispose]: () => void child.kill("SIGTERM") };
}

const namespace = (pid: number, kind: string): string => readlinkSync(`/proc/${pid}/ns/${kind}`);

const SHOW = "readlink /proc/self/ns/net /proc/self/ns/ipc /proc/self/ns/uts /proc/self/ns/pid";

describe("join:", { skip }, () => {
  test("a network, ipc and uts namespace, by pid and by path; the rest stays the container's own", async () => {
    using process = await other(["-n", "-i", "-u"]);
    const { pid } = process;
    const join = { network: pid, ipc: `/proc/${pid}/ns/ipc`, uts: pid };
    const [net, ipc, uts, pidns] = (await inside(SHOW, { join })).trim().split("\n");
    assertEquals([net, ipc, uts], ["net", "ipc", "uts"].map((kind) => namespace(pid, kind)));
    assert(pidns !== readlinkSync("/proc/self/ns/pid"));
  });

  test("a pid namespace: its processes are seen, and the plan says what outlives the container", async () => {
    using process = await other(["-p", "-f", "--kill-child"]);
    const { pid } = process;
    const out = await inside("cat /proc/1/comm; readlink /proc/self/ns/pid", {
      join: { pid },
    });
    assertEquals(out, `sleep\n${namespace(pid, "pid")}\n`);
    const plan = await runSpec({ policy: "none", join: { pid }, commands: [["true"]] }, {
      verb: ["plan"],
    });
    assertMatch(plan.stdout, /! in a joined pid namespace processes that .* outlive the container/);
  });

  test("root goes into a user namespace of others, and is its root", async () => {
    using process = await other(["-U", "-r", "-n"]);
    const { pid } = process;
    const out = await inside(
      "id -u; readlink /proc/self/ns/user /proc/self/ns/net; touch /tmp/f && stat -c %u /tmp/f",
      { join: { user: pid, network: pid } },
    );
    assertEquals(out, `0\n${namespace(pid, "user")}\n${namespace(pid, "net")}\n0\n`);
  });

  test("an ordinary user joins through the user namespace of their own process, not without", async () => {
    using process = await other(["-U", "-r", "-n", "-i"], USER);
    const { pid } = process;
    const join: SpecObject = { user: pid, network: pid, ipc: pid };
    const spec = { policy: "none", commands: [sh("id -u; readlink /proc/self/ns/net")] };
    const joined = await runSpecAsUser({ ...spec, join }, USER);
    assertEquals([joined.code, joined.stdout, joined.stderr], [
      0,
      `0\n${namespace(pid, "net")}\n`,
      "",
    ]);
    const refused = await runSpecAsUser({ ...spec, join: { network: pid } }, USER);
    assertEquals(refused.code, 125);
    assertMatch(refused.stderr, /error JOIN_NEEDS_USER: .*another's network namespace/);
  });

  test("what is no namespace, and one of another kind, are errors at their line", async () => {
    const wrong = await runSpec({
      policy: "none",
      join: { network: "/proc/self/ns/ipc" },
      commands: [["true"]],
    });
    assertEquals(wrong.code, 125);
    assertMatch(wrong.stderr, /setns\(<network namespace>, CLONE_NEWNET\).* EINVAL/);
    const absent = await runSpec({
      policy: "none",
      join: { network: "/no/such/file" },
      commands: [["true"]],
    });
    assertEquals(absent.code, 125);
    assertMatch(absent.stderr, /openat\(AT_FDCWD, "\/no\/such\/file".* ENOENT/);
  });
});

/** Its home is the spec's directory, which it can write. */
async function runSpecAsUser(spec: SpecObject, prefix: readonly string[]): Promise<CliResult> {
  using home = tempDir();
  const file = home.write("box.yaml", JSON.stringify(spec));
  mkdirSync(home.file("cache"));
  for (const path of [home.path, home.file("cache")]) chownSync(path, ID, ID);
  chmodSync(file, 0o644);
  return await runCli(["run", "--quiet", "--no-cache", file], {
    prefix,
    env: {
      HOME: home.path,
      XDG_CACHE_HOME: home.file("cache"),
      XDG_RUNTIME_DIR: undefined,
      DENO_DIR: home.file("cache/deno"),
      BUN_RUNTIME_TRANSPILER_CACHE_PATH: "0",
    },
    timeoutMs: 60_000,
  });
}

describe("time:", { skip: skip || missing(file(CLOCKS)) }, () => {
  const uptime = (text: string): number => Number(text.split(" ")[0]);

  test("the clocks are ahead, for every command, with and without an init", async () => {
    for (const init of [false, true]) {
      const out = await inside("cat /proc/uptime; tr -s ' ' < /proc/self/timens_offsets", {
        time: { boottime: "1d", monotonic: "1500ms" },
        init,
      });
      const [up = "", monotonic, boottime] = out.split("\n");
      const here = uptime(readFileSync("/proc/uptime", "utf8"));
      assert(Math.abs(uptime(up) - here - 86400) < 600, `${up} and ${here}`);
      assertEquals([monotonic, boottime], ["monotonic 1 500000000", "boottime 86400 0"]);
    }
  });

  test("an ordinary user has them too", async () => {
    const { code, stdout, stderr } = await runSpecAsUser({
      policy: "none",
      time: { boottime: "1d" },
      commands: [sh("cat /proc/uptime")],
    }, USER);
    assertEquals([code, stderr], [0, ""]);
    assert(uptime(stdout) > 86400);
  });
});

describe("vm.memfd_noexec", { skip: skip || missing(file("/proc/sys/vm/memfd_noexec")) }, () => {
  test("where it is 2 nothing can be started, and that is said", async () => {
    // The setting belongs to a pid namespace: the machine's stays.
    const script = 'echo 2 > /proc/sys/vm/memfd_noexec; exec "$@"';
    const { code, stdout, stderr } = await runSpec({ policy: "none", commands: [["true"]] }, {
      verb: ["run", "--no-cache"],
      prefix: ["unshare", "-pfm", "--mount-proc", "/bin/sh", "-ec", script, "sh"],
    });
    assertEquals([code, stdout], [125, ""]);
    assertMatch(stderr, /fix\s+vm\.memfd_noexec is 2.*sudo sysctl -w vm\.memfd_noexec=1/);
  });
});
