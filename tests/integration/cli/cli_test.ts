/** The command line as a newcomer meets it: texts, streams, exit statuses. */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, test } from "node:test";
import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { VERSION } from "../../../runtime/version.ts";
import { PATIENCE, runCli, runProgram } from "../../support/cli.ts";
import { findTool, missing, root, tool, userns } from "../../support/require.ts";
import { tempDir } from "../../support/temp.ts";

const asRoot = { skip: missing(root()) };
const HELLO = "examples/01-hello.yaml";

describe("run", asRoot, () => {
  test("01-hello: its output, its status line, exit 0", async () => {
    const { code, stdout, stderr } = await runCli(["run", HELLO]);
    assertEquals([code, stdout], [0, "hello from 01-hello, I am pid 1\n"]);
    assertMatch(stderr, /^✔ exit 0 · \d+ ms · memory 64MiB, pids 16 · policy not enforced yet\n$/);
  });

  test("no file: the defaults with a command; its status is the exit status", async () => {
    const { code, stdout, stderr } = await runCli([
      "run",
      "-q",
      "--",
      "/bin/sh",
      "-c",
      "echo $$; exit 7",
    ]);
    assertEquals([code, stdout, stderr], [7, "1\n", ""]);
  });

  test("`-` reads the spec from standard input", async () => {
    const stdin = 'commands: ["echo from stdin"]\n';
    const { code, stdout } = await runCli(["run", "-q", "-"], { stdin });
    assertEquals([code, stdout], [0, "from stdin\n"]);
  });

  test("FILE -- CMD replaces the last command", async () => {
    const { stdout } = await runCli(["run", "-q", HELLO, "--", "echo", "instead"]);
    assertEquals(stdout, "instead\n");
  });

  test("standard input is passed through", async () => {
    const { stdout } = await runCli(["run", "-qi", "--", "cat"], { stdin: "through\n" });
    assertEquals(stdout, "through\n");
  });

  test("127 and 126, with the reason and the line", async () => {
    const missingCommand = await runCli(["run", "--", "nonexistent-command"]);
    assertEquals(missingCommand.code, 127);
    assertMatch(missingCommand.stderr, /COMMAND_NOT_FOUND: cannot execute "nonexistent-command"/);
    assertMatch(missingCommand.stderr, /call +execve\(.*\) = -1 ENOENT/);
    const notExecutable = await runCli(["run", "--", "/etc/passwd"]);
    assertEquals(notExecutable.code, 126);
  });

  test("a step that fails is named with its line", async () => {
    using directory = tempDir();
    const file = join(directory.path, "steps.yaml");
    writeFileSync(
      file,
      'commands:\n  - ["true"]\n  - {name: build, exec: [sh, -c, exit 3]}\n  - ["true"]\n',
    );
    const { code, stderr } = await runCli(["run", file]);
    assertEquals(code, 3);
    assertStringIncludes(stderr, `✘ step 2/3 build: exit 3 (${file}:3)`);
  });

  test("a bad spec is 125, and nothing is run", async () => {
    const { code, stdout, stderr } = await runCli(["run", "-"], { stdin: "comands: [[true]]\n" });
    assertEquals([code, stdout], [125, ""]);
    assertMatch(stderr, /<stdin>:1:1: error: unknown key `comands`/);
  });
});

describe("validate", () => {
  const table: readonly [name: string, yaml: string, want: RegExp][] = [
    [
      "compose's words",
      "image: nginx:1.27\n",
      /:1:1: error: unknown key `image`[\s\S]*compose's word; here: rootfs: \{layers: \[\{image: "nginx:1\.27"\}\]\}/,
    ],
    [
      "a number that looks like a mode",
      'commands: [["true"]]\ninputs: [{from: a, to: /b, mode: 0644}]\n',
      /:2:\d+: error: 0644 is the number 644[\s\S]*"0644"/,
    ],
    ["a number in environment", 'commands: [["true"]]\nenvironment: {A: 1}\n', /:2:\d+: error/],
    [
      "a key of later",
      'commands: [["true"]]\nplatform: windows\n',
      /:2:\d+: error: .*platform.*not.*yet/i,
    ],
    ["a duplicate key", 'commands: [["true"]]\ncommands: [["false"]]\n', /:2:1: error/],
  ];
  for (const [name, stdin, want] of table) {
    test(name, async () => {
      const { code, stderr, ms } = await runCli(["validate", "-"], { stdin });
      assertEquals(code, 2, stderr);
      assertMatch(stderr, want);
      assertMatch(stderr, /\d+ errors?, nothing was done/);
      assert(ms < 20_000 * PATIENCE);
    });
  }

  test("a good spec: exit 0 and not a word", async () => {
    const { code, stdout, stderr } = await runCli(["validate", HELLO]);
    assertEquals([code, stdout, stderr], [0, "", ""]);
  });

  test("annotations under GitHub Actions", async () => {
    const { stdout } = await runCli(["validate", "-"], {
      stdin: "comands: []\n",
      env: { GITHUB_ACTIONS: "true" },
    });
    assertMatch(stdout, /^::error file=.*,line=1,col=1.*::/m);
  });
});

describe("plan", () => {
  test("names the line that asked for it, changes nothing, needs no root", async () => {
    const { code, stdout } = await runCli(["plan", HELLO]);
    assertEquals(code, 0);
    assertMatch(stdout, /^\+ 01-hello {3}create, \d+ operations\n/);
    assertMatch(stdout, /write\(".*", "67108864"\) +:3 limits\.memory\n/);
    assertMatch(stdout, /clone3\(\{.*NEWPID.*\}\) +default\n/);
    assertMatch(stdout, /execve\("\/bin\/sh", .* :2 commands\[0\]\n/);
    assertMatch(stdout, /1 to create\. Nothing was changed\.\n$/);
  });

  test("--json is what the text is made of, --exit-code says 3", async () => {
    const { code, stdout } = await runCli(["plan", "--json", "--exit-code", HELLO]);
    assertEquals(code, 3);
    const plan = JSON.parse(stdout) as { ops: { show: string; calls: string[]; line?: number }[] };
    assert(plan.ops.every((op) => op.show !== "" && op.calls.length > 0));
    assertEquals(plan.ops.find((op) => op.show.startsWith("execve"))?.line, 2);
  });

  test("a saved machine plans on any other", async () => {
    using directory = tempDir();
    const { stdout } = await runCli(["doctor", "--json"]);
    const file = join(directory.path, "host.json");
    const saved = JSON.parse(stdout) as { host: { cgroups: unknown; privileged: boolean } };
    saved.host.privileged = true;
    saved.host.cgroups = {
      v1: {},
      v2: { mount: "/sys/fs/cgroup", controllers: ["memory", "pids"], enabled: [] },
    };
    writeFileSync(file, JSON.stringify(saved));
    const planned = await runCli(["plan", "--host", file, HELLO]);
    assertMatch(planned.stdout, /write\("\/sys\/fs\/cgroup\/containerv\/01-hello\/memory\.max"/);
    assertMatch(planned.stdout, /INTO_CGROUP/);
  });
});

describe("the other verbs", () => {
  test("version is package.json's", async () => {
    const { stdout } = await runCli(["version"]);
    const { version } = JSON.parse(readFileSync("package.json", "utf8")) as { version: string };
    assertEquals([stdout, VERSION], [`containerv ${version}\n`, version]);
  });

  test("schema is JSON Schema 2020-12 with descriptions", async () => {
    const { stdout } = await runCli(["schema"]);
    const schema = JSON.parse(stdout) as Record<string, unknown>;
    assertEquals(schema["$schema"], "https://json-schema.org/draft/2020-12/schema");
    assert(stdout.split('"description"').length > 50);
  });

  test("completions for bash are bash", { skip: missing(tool("bash")) }, async () => {
    const { stdout } = await runCli(["completions", "bash"]);
    const { code, stderr } = await runProgram([findTool("bash") ?? "bash", "-n"], {
      stdin: stdout,
    });
    assertEquals([code, stderr], [0, ""]);
  });

  test("a word that is no command is answered with the nearest one", async () => {
    const { code, stderr } = await runCli(["valdate"]);
    assertEquals(code, 2);
    assertStringIncludes(stderr, 'did you mean "validate"?');
  });

  test("an unknown option is wrong usage", async () => {
    const { code, stderr } = await runCli(["plan", "--jsn", HELLO]);
    assertEquals(code, 2);
    assertStringIncludes(stderr, "usage: containerv plan");
  });
});

describe("an ordinary user", { skip: missing(root(), userns(), tool("setpriv")) }, () => {
  const prefix = [
    findTool("setpriv") ?? "setpriv",
    "--reuid=65534",
    "--regid=65534",
    "--clear-groups",
  ];

  test("runs a container in a user namespace, as its root", async () => {
    const script = "id -u; id -g; grep -c . /proc/self/uid_map; touch /tmp/x && echo written";
    const { code, stdout, stderr } = await runCli(["run", "-q", "--", "/bin/sh", "-c", script], {
      prefix,
    });
    assertEquals([code, stdout], [0, "0\n0\n1\nwritten\n"], stderr);
  });

  test("is refused limits that nobody delegated, with what to do", async () => {
    const { code, stderr } = await runCli(["run", HELLO], { prefix });
    assertEquals(code, 125);
    assertMatch(stderr, /01-hello\.yaml:3:\d+: error LIMITS_NEED_ROOT/);
    assertMatch(stderr, /fix +systemd-run --user --scope -p Delegate=yes .*run it as root/);
  });

  test("plans without any right", async () => {
    const { code } = await runCli(["plan", "-"], { prefix, stdin: 'commands: [["true"]]\n' });
    assertEquals(code, 0);
  });
});
