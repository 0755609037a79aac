/** D9, D11, E2, E4, S3, S14, S15, S17, A4, H4, H11: keys, terminals, groups, memory, process limits and names of the host. */
import { spawn } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import process from "node:process";
import { describe, test } from "node:test";
import { assert, assertEquals, assertFalse, assertMatch } from "@std/assert";
import {
  guardWorld,
  inside,
  lives,
  processesOf,
  runSpec,
  sh,
  startSpec,
  until,
} from "../integration/cli/sandbox.ts";
import { cliCommand, PATIENCE, REPOSITORY, runCli, runProgram } from "../support/cli.ts";
import { controller, missing, processor, root, tool } from "../support/require.ts";
import { tempDir } from "../support/temp.ts";

guardWorld();
const skip = missing(root());
const perl = missing(root(), processor("x64"), tool("perl"));

/** A session keyring with a key in it, and then the command line: keyctl(JOIN_SESSION_KEYRING), add_key. */
const WITH_KEY = [
  "perl",
  "-e",
  'my ($t, $d, $p) = ("user", "canary-key", "canary-secret"); syscall(250, 1, 0) >= 0 or die "join: $!"; ' +
  'syscall(248, $t, $d, $p, length $p, -3) >= 0 or die "add_key: $!"; exec @ARGV or die',
];
const READ_KEY =
  'my ($t, $d) = ("user", "canary-key"); my $k = syscall(250, 10, -3, $t, $d, 0); my $b = "\\0" x 64; ' +
  'my $n = syscall(250, 11, $k, $b, 64); print $k < 0 ? "no key\\n" : substr($b, 0, $n) . "\\n"';

describe("D11: keyrings", { skip: perl }, () => {
  test("the session keyring of the caller is not the container's", async () => {
    for (const init of [false, true]) {
      const { stdout } = await runSpec({
        policy: "none",
        init,
        commands: [["perl", "-e", READ_KEY]],
      }, {
        prefix: WITH_KEY,
      });
      assertEquals(stdout, "no key\n");
    }
  });

  test("the attack works where nothing is in its way", async () => {
    const { stdout } = await runProgram(["perl", "-e", READ_KEY], { prefix: WITH_KEY });
    assertEquals(stdout, "canary-secret\n");
  });
});

/** Types into a terminal of the host: TIOCSTI, TIOCLINUX, and to make it one's own: TIOCSCTTY. */
const TYPE =
  'for ([0x5412, "x"], [0x541c, "\\3"], [0x540e, 1]) { my ($n, $a) = @$_; print ioctl(STDIN, $n, $a) ? "done\\n" : "denied\\n" }';

describe("D9: the host's terminal", { skip: missing(root(), tool("perl"), tool("script")) }, () => {
  test("as standard input it can't be typed into nor taken", async () => {
    using directory = tempDir();
    const spec = directory.write(
      "box.yaml",
      JSON.stringify({ policy: "none", commands: [["perl", "-e", TYPE]] }),
    );
    const words = [...cliCommand(), "run", "--quiet", "--no-cache", spec];
    const { stdout } = await runProgram(["script", "-qec", words.join(" "), "/dev/null"]);
    assertEquals(stdout.replaceAll("\r", ""), "denied\ndenied\ndenied\n");
  });

  test("Ctrl-C reaches the container once", async () => {
    using directory = tempDir();
    const script =
      "n=0; trap 'n=$((n+1))' INT; echo ready; for i in 1 2 3 4 5 6 7 8; do sleep 0.1; done; echo got $n";
    const text = JSON.stringify({ policy: "none", init: true, commands: [sh(script)] });
    const words = [
      ...cliCommand(),
      "run",
      "--quiet",
      "--no-cache",
      directory.write("box.yaml", text),
    ];
    const child = spawn("script", ["-qefc", words.join(" "), "/dev/null"], { cwd: REPOSITORY });
    let output = "";
    const ended = new Promise((resolve) => child.once("close", resolve));
    child.stdout.on("data", (chunk) => {
      const before = output.includes("ready");
      output += chunk;
      // The terminal's own driver turns the byte 3 into SIGINT for the foreground group.
      if (!before && output.includes("ready")) setTimeout(() => child.stdin.write("\u0003"), 200);
    });
    const guard = setTimeout(() => child.kill("SIGKILL"), 30_000 * PATIENCE);
    await ended;
    clearTimeout(guard);
    assertMatch(output, /got 1\r?\n/);
  });
});

describe(
  "E2, E4: groups",
  { skip: missing(root(), controller("memory"), controller("pids")) },
  () => {
    const limits = { memory: "64MiB", pids: 32 };

    test("no file of a group can be written inside, none of another group be seen", async () => {
      const script = [
        "find /sys/fs/cgroup -type f -writable 2>/dev/null | head -3",
        "find /sys/fs/cgroup -name release_agent -o -name notify_on_release | while read f; do (echo 1 > $f) 2>/dev/null && echo wrote $f; done",
        "find /sys/fs/cgroup -mindepth 2 -type d 2>/dev/null | head -3; mkdir /sys/fs/cgroup/x 2>/dev/null && echo made; cat /proc/self/cgroup | cut -d: -f3 | sort -u",
      ].join("\n");
      const out = await inside(script, { limits });
      const groups = out.split("\n").filter(Boolean);
      assertFalse(/writable|wrote|made|^\/sys/m.test(out), out);
      assert(groups.includes("/"), out);
      // What the container has no group in, it sees from where the caller is: never a path above its own.
      assertFalse(groups.some((path) => path.includes("containerv")), out);
    });

    test("S3: what takes all memory dies alone, and the runner says how", async () => {
      const { code, stdout } = await runSpec({
        policy: "none",
        init: true,
        limits: { memory: "32MiB", pids: 32 },
        commands: [sh("tail /dev/zero; echo tail $?"), sh("echo next")],
      });
      assertEquals([code, stdout], [0, "tail 137\nnext\n"]);
    });
  },
);

describe("S14, S15, S17, A4: the runner", { skip }, () => {
  test("S14: has no page of the stage, executable or not", async () => {
    const run = startSpec({ policy: "none", commands: [sh("echo up; sleep 60")] });
    await run.says("up");
    try {
      const maps = readFileSync(`/proc/${run.pid}/maps`, "utf8");
      assertFalse(/memfd:containerv/.test(maps));
      const links = readdirSync(`/proc/${run.pid}/fd`);
      assert(links.length > 0);
      // G7: no socket of ours has a name that somebody could connect to.
      const names = readFileSync("/proc/net/unix", "utf8").split("\n").filter((line) =>
        /containerv/.test(line)
      );
      assertEquals(names.filter((line) => line.includes("@")), []);
    } finally {
      process.kill(run.pid, "SIGKILL");
      await run.ended;
    }
  });

  test("S15: a container that stops all it can is ended like any other", async () => {
    const run = startSpec({
      policy: "none",
      init: true,
      stop: { grace: "200ms" },
      commands: [sh("echo up; while :; do kill -STOP -1; done")],
    });
    await run.says("up");
    const { first } = processesOf(run);
    process.kill(run.pid, "SIGTERM");
    await until(() => !lives(first), "the container ended", 5000);
    assert([137, 143].includes((await run.ended).code ?? -1));
  });

  test("S17: at the limit of processes nothing runs, and it is said", async () => {
    const { code, stdout, stderr } = await runSpec({
      policy: "none",
      user: "54321:54321",
      commands: [["/bin/sh", "-c", "echo ran; (echo child) || echo no child"]],
    }, { prefix: ["prlimit", "--nproc=1:1"] });
    // The one process that the limit leaves is the command itself: it gets no child.
    assert(
      code === 126 || code === 2 || stdout.includes("no child"),
      `${code} ${stdout} ${stderr}`,
    );
    assertFalse(/BUG/.test(stderr));
  });

  test("A4: a setuid containerv refuses to run", async () => {
    for (const ids of [["--ruid=65534"], ["--rgid=65534", "--keep-groups"]]) {
      const { code, stdout, stderr } = await runCli(["run", "-q", "--", "/bin/echo", "ran"], {
        prefix: ["setpriv", ...ids],
      });
      assertEquals([code, stdout], [125, ""]);
      assertMatch(stderr, /must not be setuid/);
    }
  });
});

describe("H4, H5, H12: names from outside", { skip: missing(root(), controller("pids")) }, () => {
  test("a file's name never leads a group elsewhere, nor a byte of it to the terminal", async () => {
    const names = [
      "..",
      "a..b",
      "-rf",
      "a b",
      "a\nb",
      "\u001b]0;x\u0007",
      "*",
      "$(id)",
      "x".repeat(200),
      "é",
      "con%s",
      "a;b",
    ];
    const before = readdirSync("/sys/fs/cgroup").join();
    await Promise.all(names.map(async (name) => {
      const { code, stdout, stderr } = await runSpec({
        policy: "none",
        limits: { pids: 20 },
        commands: [["/bin/echo", "ran"]],
      }, { name, verb: ["run", "--no-cache"] });
      assert(
        code === 0 ? stdout === "ran\n" : code === 125,
        `${JSON.stringify(name)}: ${code} ${stderr}`,
      );
      assertFalse([...stderr].some((char) => char < " " && char !== "\n"), JSON.stringify(stderr));
      assertFalse(/BUG|\n\s+at /.test(stderr), stderr);
    }));
    assertEquals(readdirSync("/sys/fs/cgroup").join(), before);
  });

  test("C5: no line or NUL of a value gets into a file that is made", async () => {
    const bad = [
      { hostname: "a\nb" },
      { hostname: "a b" },
      { hostname: "a\u0000" },
      { name: "../x" },
      {
        name: "a/b",
      },
      { environment: { "A=B": "x" } },
      { environment: { A: "x\u0000y" } },
      { workdir: "/a\u0000b" },
    ];
    await Promise.all(bad.map(async (spec) => {
      const { code, stdout } = await runSpec({
        policy: "none",
        ...spec,
        commands: [["/bin/echo", "ran"]],
      });
      assertEquals([code, stdout], [125, ""], JSON.stringify(spec));
    }));
    assertEquals(await inside("wc -l < /etc/hosts", { environment: { A: "x\ny" } }), "2\n");
  });

  test("C9, K3: a capability that is none is refused; one above bit 31 is that bit alone", async () => {
    const { code } = await runSpec({
      policy: { preset: "none", capabilities: ["FOO"] },
      commands: [["/bin/true"]],
    });
    assertEquals(code, 125);
    const policy = { preset: "none", capabilities: ["CHECKPOINT_RESTORE"] };
    const { stdout } = await runSpec({
      policy,
      commands: [sh("grep -E 'Cap(Eff|Bnd)' /proc/self/status")],
    });
    assertEquals(stdout, "CapEff:\t0000010000000000\nCapBnd:\t0000010000000000\n");
  });

  test("H11: what the caller's loader is told is not told to the container", async () => {
    const env = {
      LD_LIBRARY_PATH: "/evil",
      GLIBC_TUNABLES: "glibc.malloc.check=1",
      BUN_OPTIONS: undefined,
      NODE_OPTIONS: "--no-warnings",
      DENO_NO_UPDATE_CHECK: "1",
    };
    assertEquals(
      await inside("env | grep -cE 'LD_|GLIBC|BUN|NODE|DENO'; true", {}, { env }),
      "0\n",
    );
  });
});
