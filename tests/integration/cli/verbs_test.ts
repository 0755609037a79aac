/** Every verb's exit status, streams and messages, as a user at a shell sees them. */
import { writeFileSync } from "node:fs";
import { describe, test } from "node:test";
import { assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { type CliOptions, runCli } from "../../support/cli.ts";
import { missing, root } from "../../support/require.ts";
import { tempDir } from "../../support/temp.ts";
import { guardWorld, runSpec, sh } from "./sandbox.ts";

guardWorld();
const skip = missing(root());
const GOOD = { policy: "none", commands: [["/bin/true"]] };
const BAD = { policy: "none", commands: [["/bin/true"]], imagee: "x" };

interface Row {
  readonly verb: readonly string[];
  readonly spec: Readonly<Record<string, unknown>>;
  readonly want: number;
}

describe("exit status, verb by verb", { skip }, () => {
  const rows: readonly Row[] = [
    { verb: ["validate"], spec: GOOD, want: 0 },
    { verb: ["validate"], spec: BAD, want: 2 },
    { verb: ["validate", "--json"], spec: BAD, want: 2 },
    { verb: ["plan"], spec: GOOD, want: 0 },
    { verb: ["plan"], spec: BAD, want: 2 },
    { verb: ["plan", "--exit-code"], spec: GOOD, want: 3 },
    { verb: ["plan", "--exit-code"], spec: BAD, want: 2 },
    { verb: ["plan", "--json"], spec: GOOD, want: 0 },
    { verb: ["run"], spec: GOOD, want: 0 },
    { verb: ["run"], spec: BAD, want: 125 },
    { verb: ["run"], spec: { ...GOOD, commands: [sh("exit 7")] }, want: 7 },
    { verb: ["run"], spec: { ...GOOD, commands: [["no-such-program"]] }, want: 127 },
    { verb: ["run"], spec: { ...GOOD, commands: [["/no/such/program"]] }, want: 127 },
    { verb: ["run"], spec: { ...GOOD, commands: [["/etc/passwd"]] }, want: 126 },
    { verb: ["run"], spec: { ...GOOD, commands: [["/usr"]] }, want: 126 },
    { verb: ["run"], spec: { ...GOOD, init: true, commands: [sh("kill -TERM $$")] }, want: 143 },
    {
      verb: ["run"],
      spec: { ...GOOD, commands: [{ exec: ["sleep", "9"], timeout: "50ms" }] },
      want: 124,
    },
    { verb: ["run"], spec: { ...GOOD, rootfs: { path: "/no/such/rootfs" } }, want: 125 },
    { verb: ["run"], spec: { ...GOOD, user: "no-such-user" }, want: 125 },
    { verb: ["run", "--unknown"], spec: GOOD, want: 125 },
    { verb: ["plan", "--unknown"], spec: GOOD, want: 2 },
    { verb: ["validate", "--unknown"], spec: GOOD, want: 2 },
    { verb: ["rnu"], spec: GOOD, want: 2 },
  ];
  for (const { verb, spec, want } of rows) {
    test(`${verb.join(" ")} of ${JSON.stringify(spec)} = ${want}`, async () => {
      const { code, stderr } = await runSpec(spec, { verb });
      assertEquals(code, want, stderr);
    });
  }

  const bare: readonly (readonly [readonly string[], number])[] = [
    [["schema"], 0],
    [["version"], 0],
    [["help"], 0],
    [["help", "run"], 0],
    [["completions", "bash"], 0],
    [["completions", "tcsh"], 2],
    [["validate"], 2],
    [["validate", "/no/such/file.yaml"], 2],
    [["plan", "/no/such/file.yaml"], 2],
    [["run", "/no/such/file.yaml"], 125],
    [["run", "a.yaml", "b.yaml"], 125],
    [["run", "--"], 125],
  ];
  for (const [args, want] of bare) {
    test(`${args.join(" ")} = ${want}`, async () => {
      const { code, stdout, stderr } = await runCli(args);
      assertEquals(code, want, stderr);
      assertEquals((want === 0 ? stdout : stderr) === "", false, "says nothing");
    });
  }
});

describe("what is run", { skip }, () => {
  test("`-- CMD` needs no file", async () => {
    const { code, stdout } = await runCli(["run", "-q", "--", "/bin/echo", "--help", "-q"]);
    assertEquals([code, stdout], [0, "--help -q\n"]);
  });

  test("`-` reads the spec from standard input; the command then finds it at its end", async () => {
    const stdin = JSON.stringify({ commands: [sh("echo from stdin; cat")] });
    const { code, stdout } = await runCli(["run", "-q", "-"], { stdin });
    assertEquals([code, stdout], [0, "from stdin\n"]);
  });

  test("`FILE -- CMD` replaces the last command only", async () => {
    using directory = tempDir();
    const file = directory.write(
      "two.yaml",
      "environment: {A: kept}\ncommands: ['echo first $A', 'echo last']\n",
    );
    const { code, stdout } = await runCli([
      "run",
      "-q",
      file,
      "--",
      "/bin/sh",
      "-c",
      "echo own $A",
    ]);
    assertEquals([code, stdout], [0, "first kept\nown kept\n"]);
  });

  test("without a file, containerv.yaml of the directory or of a parent is taken", async () => {
    using directory = tempDir();
    directory.write("containerv.yaml", "commands: ['echo found']\n");
    directory.write("below/deep/file", "");
    const options: CliOptions = { cwd: directory.file("below/deep") };
    assertEquals((await runCli(["run", "-q"], options)).stdout, "found\n");
  });

  test("the same spec a second time (from the cache) and --no-cache do the same; a changed one is read anew", async () => {
    using directory = tempDir();
    const env = { XDG_CACHE_HOME: directory.file("cache") };
    const file = directory.write("cached.yaml", "commands: ['echo 1']\n");
    for (const args of [["run", "-q"], ["run", "-q"], ["run", "-q", "--no-cache"]]) {
      assertEquals((await runCli([...args, file], { env })).stdout, "1\n");
    }
    writeFileSync(file, "commands: ['echo 2']\n");
    assertEquals((await runCli(["run", "-q", file], { env })).stdout, "2\n");
  });
});

describe("streams", { skip }, () => {
  test("standard input reaches the command, as bytes", async () => {
    const stdin = Uint8Array.from({ length: 200_000 }, (_, index) => index & 0xff);
    const { stdout } = await runSpec({
      stdin: true,
      commands: [sh("sha256sum; cat | wc -c")],
    }, { stdin });
    const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", stdin));
    const hex = [...digest].map((byte) => byte.toString(16).padStart(2, "0")).join("");
    assertEquals(stdout, `${hex}  -\n0\n`);
  });

  test("output and error stay apart; the status line is the last of error", async () => {
    const { stdout, stderr } = await runSpec({
      policy: "none",
      commands: [sh("echo out; echo err >&2; exit 4")],
    }, { verb: ["run", "--no-cache"] });
    assertEquals(stdout, "out\n");
    assertMatch(stderr, /^err\n✘ exit 4 \(\S*box\.yaml:1\) · \d+ ms · policy none\n$/);
  });

  test("a reader that is gone ends the command by SIGPIPE, not the machine's patience", async () => {
    const { code, stdout } = await runCli(["run", "-q", "--", "sh", "-c", "yes"], {
      prefix: ["sh", "-c", '"$@" | head -c 4', "sh"],
      timeoutMs: 10_000,
    });
    assertEquals([code, stdout], [0, "y\ny\n"]);
  });
});

describe("what it says", { skip }, () => {
  test("success: time, limits, policy", async () => {
    const { stderr } = await runSpec({ ...GOOD, limits: { memory: "64MiB", pids: 16, cpu: 1.5 } }, {
      verb: ["run"],
    });
    assertMatch(stderr, /^✔ exit 0 · \d+ ms · memory 64MiB, pids 16, cpu 1\.5 · policy none\n$/);
  });

  test("a failed step: which of how many, its name, its place", async () => {
    using directory = tempDir();
    const file = directory.write(
      "steps.yaml",
      "policy: none\ncommands:\n  - [true]\n  - {name: build, shell: exit 2}\n  - [true]\n"
        .replaceAll("[true]", '["true"]'),
    );
    const { code, stderr } = await runCli(["run", file]);
    assertEquals(code, 2);
    assertMatch(
      stderr,
      /^✘ step 2\/3 build: exit 2 \(\S*steps\.yaml:4\) · \d+ ms · policy none\n$/,
    );
  });

  test("a program that is not found: the place, the call, the fix, that nothing is left", async () => {
    const { stderr } = await runSpec({ ...GOOD, commands: [["/no/such"]] }, { verb: ["run"] });
    for (
      const text of [
        'box.yaml:1:30: error COMMAND_NOT_FOUND: cannot execute "/no/such": No such file or directory',
        'call    execve("/no/such", ["/no/such"],',
        "= -1 ENOENT (No such file or directory)",
        "state   everything was taken back",
        "✘ the command could not be executed, exit 127",
      ]
    ) assertStringIncludes(stderr, text);
  });

  test("under GitHub Actions errors are annotations too", async () => {
    const { stdout } = await runSpec(BAD, { verb: ["validate"], env: { GITHUB_ACTIONS: "true" } });
    assertMatch(stdout, /^::error file=\S*box\.yaml,line=1,col=\d+.*::.*imagee/m);
  });

  test("no colour and no escape unless on a terminal", async () => {
    const { stdout, stderr } = await runSpec(BAD, { verb: ["run"], env: { NO_COLOR: undefined } });
    // deno-lint-ignore no-control-regex -- that is what must not be there
    assertEquals(/[\x1b\x07]/.test(stdout + stderr), false);
  });
});
