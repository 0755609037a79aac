/** What a process inherits without being asked: signals, descriptors, environment, limits, groups, the runtime's own doings. */
import { describe, test } from "node:test";
import { assert, assertEquals, assertFalse, assertMatch, assertStringIncludes } from "@std/assert";
import { guardWorld, inside, runSpec, sh } from "../integration/cli/sandbox.ts";
import { missing, root, tool } from "../support/require.ts";

guardWorld();
const skip = missing(root());
const field = (status: string, name: string): string =>
  new RegExp(`^${name}:[ \\t]*(.*)$`, "m").exec(status)?.[1]?.trim() ?? "(none)";

/** Standard input is a socket: without `--norc` bash takes its caller for one over the network, and does what the user's .bashrc says. */
const BASH = ["/bin/bash", "--norc", "-c"];

/** Opens 50 directories of the host at 3 to 52, none close-on-exec, and goes on as the command line. */
const FIFTY = [
  ...BASH,
  'for n in $(seq 3 52); do eval "exec $n</root"; done; exec "$@"',
  "bash",
];

describe("S10: signals", { skip }, () => {
  const callers: Readonly<Record<string, readonly string[]>> = {
    "a plain caller": ["env"],
    "a caller that ignores SIGPIPE and SIGHUP": [
      "/bin/sh",
      "-c",
      "trap '' PIPE HUP; exec \"$@\"",
      "sh",
    ],
    // But SIGPWR, which Bun's garbage collector needs: it says so on standard error.
    "a caller that ignores all it can": [
      ...BASH,
      "for n in $(seq 1 29) $(seq 31 64); do trap '' $n 2>/dev/null; done; exec \"$@\"",
      "bash",
    ],
  };
  for (const [caller, prefix] of Object.entries(callers)) {
    for (const init of [false, true]) {
      test(`${caller}: none ignored, none blocked${init ? ", below PID 1" : ""}`, async () => {
        const status = await inside("exec cat /proc/self/status", { init }, { prefix });
        const names = ["SigBlk", "SigIgn", "SigCgt", "SigPnd", "ShdPnd"];
        assertEquals(names.map((name) => field(status, name)), names.map(() => "0".repeat(16)));
      });
    }
  }

  test("a caller that blocks signals", { skip: missing(tool("perl")) }, async () => {
    const block =
      "use POSIX; POSIX::sigprocmask(SIG_BLOCK, POSIX::SigSet->new(1..31)); exec @ARGV or die";
    const status = await inside("exec cat /proc/self/status", {}, {
      prefix: ["perl", "-e", block],
    });
    assertEquals(field(status, "SigBlk"), "0".repeat(16));
  });
});

describe("A3, S1: descriptors", { skip }, () => {
  for (const init of [false, true]) {
    test(`a caller with 50 open directories: 0, 1, 2 and nothing else, in every process${init ? " (init)" : ""}`, async () => {
      // A name in PID 1's directory can be seen; what matters is that no link of it can be read or followed.
      const script =
        "for p in /proc/[0-9]*; do for f in $p/fd/*; do [ -L $f ] && t=$(readlink $f) && echo ${f#/proc/} $t; [ -e $f/.. ] && echo $f/..; done; done; true";
      const out = await inside(script, { init }, { prefix: FIFTY });
      const own = init ? "2" : "1";
      const links = out.split("\n").filter((line) => / /.test(line)).map((line) =>
        line.split(" ")[0]
      );
      assertEquals(links.filter((link) => !/^\d+\/fd\/[012]$/.test(link ?? "")), []);
      assertEquals(links.filter((link) => link?.startsWith(`${own}/`)).length, 3);
      assertEquals(init && links.some((link) => link?.startsWith("1/")), false);
      assertFalse(out.includes("/.."), out);
    });
  }

  test("no descriptor leads to the host: every working directory in /proc/self/fd is refused", async () => {
    const tried = Array.from({ length: 12 }, (_, index) => `/proc/self/fd/${index}`).concat([
      "/proc/self/fd/52",
      "/proc/1/cwd",
      "/proc/self/root",
    ]);
    const commands = [["/bin/ls", "-a", ".."]];
    const tryOne = async (workdir: string): Promise<void> => {
      const { code, stdout } = await runSpec({ policy: "none", workdir, commands }, {
        prefix: FIFTY,
      });
      assertEquals([code, stdout], [125, ""], workdir);
    };
    // Two at a time: all at once they take longer on a slow machine than a command may.
    for (let at = 0; at < tried.length; at += 2) {
      await Promise.all(tried.slice(at, at + 2).map(tryOne));
    }
  });

  for (const redirection of ["<", "1<", "2<"]) {
    test(`a directory of the host as a standard stream (${redirection}) is refused`, async () => {
      const script = `d=$1; shift; exec "$@" ${redirection} $d`;
      const prefix = ["/bin/sh", "-c", script, "sh", "/home"];
      const { code, stdout } = await runSpec({
        policy: "none",
        commands: [
          sh(
            "ls /proc/self/fd/*/../etc/shadow /proc/self/fd/*/.. 2>&1 | grep -E 'shadow|root'; echo ran",
          ),
        ],
      }, { prefix });
      assertEquals([code, stdout], [125, ""]);
    });
  }

  test("a link in a layer that leads to a magic link is refused as working directory", async () => {
    const { code, stderr } = await runSpec({
      policy: "none",
      workdir: "/dev/fd/3",
      commands: [["/bin/pwd"]],
    }, { prefix: FIFTY, verb: ["run", "--no-cache"] });
    assertEquals(code, 125);
    assertMatch(stderr, /ELOOP|ENOENT/);
    assertStringIncludes(stderr, "workdir");
  });
});

describe("C1, C4, C8: identity", { skip }, () => {
  const users: readonly (readonly [string, string, string])[] = [
    ["0", "0", "00000000800405fb"],
    ["1000:1000", "1000", "0".repeat(16)],
    ["4294967294", "4294967294", "0".repeat(16)],
  ];
  for (const [user, uid, effective] of users) {
    for (const init of [false, true]) {
      test(`user ${user}${init ? ", init" : ""}: ids, groups, the five sets, NoNewPrivs`, async () => {
        // The caller has groups of its own, which must not come along.
        const prefix = ["setpriv", "--groups=10,20,30"];
        const status = await inside("exec cat /proc/self/status", { user, init }, { prefix });
        assertEquals(field(status, "Uid").split(/\s+/), [uid, uid, uid, uid]);
        assertEquals(field(status, "Gid").split(/\s+/), [uid, uid, uid, uid]);
        assertEquals(field(status, "Groups"), "");
        assertEquals([field(status, "CapInh"), field(status, "CapAmb")], [
          "0".repeat(16),
          "0".repeat(16),
        ]);
        assertEquals([field(status, "CapPrm"), field(status, "CapEff")], [effective, effective]);
        assertEquals(field(status, "CapBnd"), "00000000800405fb");
        assertEquals(field(status, "NoNewPrivs"), "1");
      });
    }
  }

  test("inheritable and ambient capabilities of the caller don't come along", async () => {
    const prefix = [
      "setpriv",
      "--inh-caps=+sys_admin,+net_raw",
      "--ambient-caps=+sys_admin,+net_raw",
    ];
    const status = await inside("exec cat /proc/self/status", { user: "1000" }, { prefix });
    for (const set of ["CapInh", "CapPrm", "CapEff", "CapAmb"]) {
      assertEquals(field(status, set), "0".repeat(16), set);
    }
  });

  test("a setuid program gives nothing", async () => {
    const { code, stdout, stderr } = await runSpec({
      policy: "none",
      commands: [
        sh("cp /bin/dash /tmp/s && chown 0:0 /tmp/s && chmod 6755 /tmp/s && stat -c %a /tmp/s"),
        // -p: the shell itself would give the rights up.
        {
          exec: ["/tmp/s", "-p", "-c", "id -u; id -ru; grep CapEff /proc/self/status"],
          user: "1000:1000",
        },
      ],
    });
    assertEquals([code, stderr, stdout], [0, "", `6755\n1000\n1000\nCapEff:\t${"0".repeat(16)}\n`]);
  });
});

describe("F8, H12: what the caller knows stays with the caller", { skip }, () => {
  test("no variable of the caller, but those of the spec", async () => {
    const env = {
      TOKEN: "canary-of-the-caller",
      LD_PRELOAD: undefined,
      AWS_SECRET: "canary-of-the-caller",
    };
    const out = await inside(
      "env; cat /proc/[0-9]*/environ /proc/[0-9]*/cmdline 2>/dev/null | tr '\\0' '\\n' | grep canary-of; true",
      {
        environment: { OWN: "1" },
        init: true,
      },
      { env },
    );
    const names = out.split("\n").filter((line) => /^\w+=/.test(line)).map((line) =>
      line.split("=")[0]
    ).sort();
    assertEquals(names, ["HOME", "OWN", "PATH", "PWD"]);
    assertFalse(out.includes("canary-of-the-caller"));
  });

  test("S1, R1: only the container's own processes are visible; PID 1 can't be looked into", async () => {
    const script = [
      'for p in /proc/[0-9]*; do n=${p#/proc/}; [ $n = $$ ] && continue; [ -r $p/comm ] && read -r c < $p/comm && echo "$n $c"; done',
      "(exec 3<>/proc/1/mem) 2>/dev/null && echo memory; cat /proc/1/fd/* >/dev/null 2>&1 && echo descriptors; readlink /proc/1/exe; ls /proc/1/map_files 2>/dev/null; cat /proc/1/environ 2>/dev/null; true",
    ].join("\n");
    const { stdout } = await runSpec({ policy: "none", init: true, commands: [sh(script)] });
    assertMatch(stdout, /^1 \S+\n$/);
  });

  test("with SYS_PTRACE too nothing of the runner is in PID 1's memory, files or environment", async () => {
    const script = [
      "tr '\\0' '\\n' < /proc/1/environ; tr '\\0' ' ' < /proc/1/cmdline; echo",
      "wc -l < /proc/1/maps",
      "grep -c -E 'bun|deno|libc|\\[heap\\]' /proc/1/maps; true",
    ].join("\n");
    const { code, stdout, stderr } = await runSpec({
      init: true,
      policy: { preset: "none", capabilities: ["SYS_PTRACE", "DAC_OVERRIDE"] },
      commands: [sh(script)],
    }, { env: { TOKEN: "canary-of-the-caller" } });
    assertEquals(code, 0, stderr);
    assertFalse(stdout.includes("canary"));
    const lines = stdout.trim().split("\n");
    assertEquals(lines[0]?.trim(), "containerv");
    assertEquals(lines.at(-1), "0");
    assert(Number(lines.at(-2)) < 20, stdout);
  });

  test("limits of processes, umask, priority and core size are not ours to change", async () => {
    const prefix = [...BASH, 'umask 077; ulimit -n 333; exec "$@"', "bash"];
    assertEquals(await inside("umask; ulimit -n", {}, { prefix }), "0022\n333\n");
  });

  test("a session of its own without a terminal", async () => {
    const out = await inside(
      "cut -d' ' -f6,7 /proc/self/stat; (: < /dev/tty) 2>/dev/null && echo terminal; true",
    );
    assertEquals(out, "1 0\n");
  });
});
