/** Commands: how they are found, in what order they run, what their ends become. */
import process from "node:process";
import { describe, test } from "node:test";
import { assert, assertEquals, assertMatch, assertRejects } from "@std/assert";
import { ContainervError, run, type Spec } from "../../../mod.ts";
import { PATIENCE } from "../../support/cli.ts";
import { missing, root } from "../../support/require.ts";

const skip = missing(root());
const sh = (script: string): readonly string[] => ["/bin/sh", "-c", script];

describe("exit status", { skip }, () => {
  test("all of 0 to 255 are exact", async () => {
    const codes = Array.from({ length: 256 }, (_, code) => code);
    const seen: number[] = [];
    for (let at = 0; at < 256; at += 16) {
      const outputs = await Promise.all(
        codes.slice(at, at + 16).map((code) => run({ commands: [sh(`exit ${code}`)] })),
      );
      seen.push(...outputs.map((output) => output.code));
    }
    assertEquals(seen, codes);
  });

  test("a signal is 128 and its number, with its name", async () => {
    for (
      const [name, number] of [["SIGTERM", 15], ["SIGKILL", 9], ["SIGSEGV", 11], [
        "SIGUSR1",
        10,
      ]] as const
    ) {
      // Below PID 1, so that no signal is ignored.
      const spec: Spec = { init: true, commands: [sh(`kill -${name.slice(3)} $$; sleep 5`)] };
      const { code, signal, reason } = await run(spec);
      assertEquals({ code, signal, reason }, {
        code: 128 + number,
        signal: name,
        reason: "signal",
      });
    }
  });

  test("a command that is not there, or not executable", async () => {
    const codes = [["nonexistent-command", "COMMAND_NOT_FOUND"], [
      "/etc/passwd",
      "COMMAND_NOT_EXECUTABLE",
    ]] as const;
    for (const [program, code] of codes) {
      const error = await assertRejects(() => run({ commands: [[program]] }), ContainervError);
      assertEquals(error.code, code);
      assertMatch(error.syscall ?? "", /^execve\(.* = -1 E/);
    }
  });
});

describe("several commands", { skip }, () => {
  test("run in order below PID 1; the first that fails ends them", async () => {
    const { code, stdout } = await run({
      commands: [sh("echo one $$"), sh("echo two; exit 3"), sh("echo three")],
    });
    assertEquals([code, stdout], [3, "one 2\ntwo\n"]);
  });

  test("a string is /bin/sh -ec", async () => {
    const { code, stdout } = await run({ commands: ["echo $0; false; echo never"] });
    assertEquals([code, stdout], [1, "/bin/sh\n"]);
  });

  test("orphans are reaped", async () => {
    const { stdout } = await run({
      init: true,
      commands: [
        sh("for i in 1 2 3 4 5; do (sleep 0 &) ; done; sleep 0.2; ls -d /proc/[0-9]* | wc -l"),
      ],
    });
    // PID 1, the shell, ls and wc: no zombie.
    assertEquals(Number(stdout) <= 4, true, stdout);
  });

  test("each may have its own user, directory and environment", async () => {
    const { stdout } = await run({
      environment: { A: "common", B: "common" },
      commands: [
        {
          exec: sh("id -u; pwd; echo $A $B"),
          user: "1234:5678",
          workdir: "/made/here",
          environment: { B: "own" },
        },
        { exec: sh("id -u; pwd; echo $A $B") },
      ],
    });
    assertEquals(stdout, "1234\n/made/here\ncommon own\n0\n/\ncommon common\n");
  });

  test("a time that is over ends them with 124", async () => {
    for (
      const commands of [
        [{ exec: ["sleep", "90"], timeout: "200ms" }],
        [["true"], { exec: ["sleep", "90"], timeout: "200ms" }, ["true"]],
      ]
    ) {
      const begin = performance.now();
      const { code, reason } = await run({ commands } as Spec);
      assertEquals([code, reason], [124, "timeout"]);
      assert(performance.now() - begin < 5000 * PATIENCE);
    }
  });
});

describe("users", { skip }, () => {
  test("a number has no capability, and no group but its own", async () => {
    const { stdout } = await run({
      user: "1000:1001",
      commands: [sh("id -u; id -g; id -G; grep CapEff /proc/self/status")],
    });
    assertEquals(stdout, "1000\n1001\n1001\nCapEff:\t0000000000000000\n");
  });

  test("a name is looked up in the container's own passwd", async () => {
    const { stdout } = await run({ user: "daemon", commands: [sh("id -un; id -gn")] });
    assertEquals(stdout, "daemon\ndaemon\n");
  });

  test("a name that is not there is refused", async () => {
    const error = await assertRejects(
      () => run({ user: "nobody-of-that-name", commands: [["true"]] }),
      ContainervError,
    );
    assertEquals(error.code, "NO_SUCH_USER");
  });

  test("each set by itself: what /proc/self/status says inside is what was said", async () => {
    const box = (user: string, capabilities: object) =>
      run({
        user,
        policy: { preset: "none", capabilities },
        commands: [["sed", "-n", "s/^Cap.*:.0*\\(...\\)$/\\1/p", "/proc/self/status"]],
      } as Spec, { stdout: "capture" });
    // CHOWN is bit 0, KILL bit 5, NET_BIND_SERVICE bit 10: inheritable, permitted, effective, bounding, ambient.
    const user = await box("1000", {
      bounding: ["CHOWN", "KILL", "NET_BIND_SERVICE"],
      inheritable: ["KILL", "NET_BIND_SERVICE"],
      ambient: ["NET_BIND_SERVICE"],
    });
    assertEquals(user.stdout, "420\n400\n400\n421\n400\n");
    const boxed = await box("0", {
      bounding: ["CHOWN", "KILL"],
      permitted: ["KILL"],
      inheritable: ["KILL"],
    });
    assertEquals(boxed.stdout, "020\n020\n020\n021\n000\n");
    await assertRejects(
      () => box("1000", { bounding: ["KILL"], permitted: ["KILL"] }),
      ContainervError,
      "the permitted set of a command of user 1000 can't be KILL: after execve it is empty",
    );
  });

  test("capabilities that are named reach a user who is not root", async () => {
    const { stdout } = await run({
      user: "1000:1000",
      policy: { capabilities: ["NET_BIND_SERVICE"] },
      commands: [sh("grep -E 'Cap(Eff|Amb|Bnd)' /proc/self/status | cut -f2")],
    });
    assertEquals(stdout, "0000000000000400\n".repeat(3));
  });
});

describe("A3: the working directory", { skip }, () => {
  for (const path of ["/proc/self/fd/3", "/proc/1/root", "/proc/self/cwd"]) {
    test(`${path} is refused`, async () => {
      const error = await assertRejects(
        () => run({ workdir: path, commands: [["/bin/pwd"]] }),
        ContainervError,
      );
      assertEquals(error.code, "SYSCALL_FAILED");
    });
  }
});

describe("streams", { skip }, () => {
  test("input reaches the command, output and error stay apart", async () => {
    const { stdout, stderr } = await run({ commands: [sh("cat; echo err >&2")] }, {
      stdin: "in\n",
    });
    assertEquals([stdout, stderr], ["in\n", "err\n"]);
  });

  test("a megabyte comes through whole", async () => {
    const { stdout } = await run({ commands: [sh("head -c 1048576 /dev/zero | tr '\\0' x")] });
    assertEquals(stdout.length, 1 << 20);
  });

  test("an aborted run ends the container at once", async () => {
    const begin = performance.now();
    await assertRejects(() =>
      run({ commands: [["sleep", "90"]] }, { signal: AbortSignal.timeout(100) })
    );
    assert(performance.now() - begin < 5000 * PATIENCE);
    assertEquals(process.exitCode ?? 0, 0);
  });
});
