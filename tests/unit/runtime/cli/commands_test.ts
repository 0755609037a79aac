// runs-under: bun, deno
/** The verbs that run nothing, as processes: help, completions, version, schema, validate, plan, wrong usage. */
import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { describe, test } from "node:test";
import { COMMANDS } from "../../../../runtime/cli/table.ts";
import { REPOSITORY, runCli } from "../../../support/cli.ts";
import { findTool, missing, tool } from "../../../support/require.ts";
import { tempDir } from "../../../support/temp.ts";

/** Standard output of a verb that must succeed and say nothing else. */
async function output(...args: readonly string[]): Promise<string> {
  const result = await runCli(args);
  assertEquals([result.code, result.stderr], [0, ""], args.join(" "));
  return result.stdout;
}

const BASH = findTool("bash") ?? "";

/** What bash's syntax check says of a text; "" when nothing is wrong. */
function syntaxProblem(text: string): string {
  const result = spawnSync(BASH, ["-n"], { input: text, encoding: "utf8" });
  return result.status === 0 ? result.stderr : `exit ${result.status}: ${result.stderr}`;
}

describe("help", () => {
  test("names every command with its summary", async () => {
    const text = await output("help");
    for (const { name, summary } of COMMANDS) {
      assert(new RegExp(`^  ${name} +${summary}$`, "m").test(text), name);
    }
    assertEquals(await output("--help"), text);
    assertEquals(await output(), text);
  });

  test("of a command: usage, options, examples; the same behind --help; no line too long", async () => {
    const text = await output("help", "plan");
    assertMatch(text, /^usage: containerv plan \[FILE/);
    assertMatch(text, /^ {2}--host FILE +\S/m);
    assertMatch(text, /^examples:\n {2}containerv plan/m);
    assertEquals(await output("plan", "--help"), text);
    assert(text.split("\n").every((line) => line.length <= 100), text);
  });

  test("an unknown command: which one was meant, exit 2", async () => {
    const wrong = await runCli(["plam"]);
    assertEquals([wrong.code, wrong.stdout], [2, ""]);
    assertStringIncludes(wrong.stderr, 'there is no command "plam"; did you mean "plan"?');
    const far = await runCli(["help", "xyzzy"]);
    assertEquals(far.code, 2);
    assert(!far.stderr.includes("did you mean"));
  });
});

describe("wrong usage", () => {
  const rows: readonly [readonly string[], number, string][] = [
    [["validate"], 2, "name a spec"],
    [["validate", "a", "b"], 2, "name one spec"],
    [["plan", "--nope"], 2, "--nope"],
    [["plan", "a", "b"], 2, "one spec at a time"],
    [["run", "a", "b"], 125, "one spec at a time"],
    [["run", "--nope"], 125, "--nope"],
    [["run", "--"], 125, "no command behind"],
    [["plan", "--diff", "docker", "examples/01-hello.yaml"], 2, "crun or runc"],
    [["completions", "tcsh"], 2, "bash, zsh or fish"],
    [["plan", "--host", "/nonexistent", "examples/01-hello.yaml"], 2, "cannot read /nonexistent"],
  ];
  for (const [args, code, text] of rows) {
    test(args.join(" "), async () => {
      const result = await runCli(args);
      assertEquals([result.code, result.stdout], [code, ""], result.stderr);
      assertStringIncludes(result.stderr, text);
      assertMatch(result.stderr, /^usage: containerv \w+/m);
    });
  }

  test("no spec here or above", async () => {
    using dir = tempDir();
    const result = await runCli(["plan"], { cwd: dir.path });
    assertEquals(result.code, 2);
    assertStringIncludes(result.stderr, "there is no containerv.yaml here or in a parent");
  });
});

describe("completions", () => {
  test(
    "bash: parses, and completes commands, options, files",
    { skip: missing(tool("bash")) },
    async () => {
      const text = await output("completions", "bash");
      assertEquals(syntaxProblem(text), "");
      const complete = (...words: string[]): string[] => {
        const list = words.map((word) => `'${word}'`).join(" ");
        const script = `${text}\nCOMP_WORDS=(${list}); COMP_CWORD=${words.length - 1}\n` +
          '_containerv; printf "%s\\n" "${COMPREPLY[@]}"\n';
        const result = spawnSync(BASH, [], {
          input: script,
          encoding: "utf8",
          cwd: `${REPOSITORY}/examples`,
        });
        assertEquals([result.status, result.stderr], [0, ""]);
        return result.stdout.split("\n").filter((line) => line !== "");
      };
      assertEquals(complete("containerv", "").sort(), COMMANDS.map(({ name }) => name).sort());
      assertEquals(complete("containerv", "val"), ["validate"]);
      assertEquals(complete("containerv", "plan", "--c"), ["--calls"]);
      assertEquals(complete("containerv", "run", "01-hello.y"), ["01-hello.yaml"]);
      assertEquals(complete("containerv", "completions", "f"), ["fish"]);
    },
  );

  test("zsh and fish name every command and every option", async () => {
    for (const shell of ["zsh", "fish"]) {
      const text = await output("completions", shell);
      for (const { name, options } of COMMANDS) {
        assertStringIncludes(text, name);
        for (const option of options) assertStringIncludes(text, option.name.replace(/^--/, ""));
      }
    }
  });
});

describe("version and schema", () => {
  test("the version is the package's", async () => {
    const { version } = JSON.parse(readFileSync(`${REPOSITORY}/package.json`, "utf8"));
    assertEquals(await output("version"), `containerv ${version}\n`);
    assertEquals(await output("--version"), `containerv ${version}\n`);
    assertEquals(JSON.parse(await output("version", "--json")).version, version);
  });

  test("the schema is the one that validates", async () => {
    const generated = readFileSync(`${REPOSITORY}/spec/generated/schema.json`, "utf8");
    assertEquals(JSON.parse(await output("schema")), JSON.parse(generated));
  });
});

describe("validate and plan", () => {
  const BAD = "commands: [a]\nlimit: {memory: 1MiB}\n";

  test("good: exit 0 and no word", async () => {
    assertEquals(await output("validate", "examples/01-hello.yaml"), "");
    assertEquals(await output("validate", "--json", "examples/01-hello.yaml"), "[]\n");
  });

  test("bad: exit 2, the place, and under GitHub Actions an annotation", async () => {
    const result = await runCli(["validate", "-"], { stdin: BAD, env: { GITHUB_ACTIONS: "true" } });
    assertEquals(result.code, 2);
    assertMatch(result.stderr, /^<stdin>:2:1: error: unknown key `limit`/m);
    assertMatch(result.stdout, /^::error file=<stdin>,line=2,col=1,title=UNKNOWN_KEY::/);
    const json = await runCli(["validate", "--json", "-"], { stdin: BAD });
    assertEquals([json.code, json.stderr], [2, ""]);
    assertEquals(JSON.parse(json.stdout)[0].code, "UNKNOWN_KEY");
    assertEquals((await runCli(["plan", "-"], { stdin: BAD })).code, 2);
    assertEquals((await runCli(["run", "-"], { stdin: BAD })).code, 125);
  });

  test("plan: text, --calls, --json, --exit-code, for a saved machine", async () => {
    const saved = ["plan", "--host", "tests/golden/plan/host_v2.json", "examples/07-rootless.yaml"];
    const text = await output(...saved);
    assertMatch(text, /^\+ 07-rootless {3}create, \d+ operations\n/);
    const calls = await output(...saved, "--calls");
    assert(calls.length > 3 * text.length);
    const json = JSON.parse(await output(...saved, "--json"));
    assertEquals(json.ops.length, Number(/(\d+) operations/.exec(text)?.[1]));
    assertEquals((await runCli([...saved, "--exit-code"])).code, 3);
  });

  test("plan --diff and --oci: the same container for another runtime", async () => {
    const host = ["--host", "tests/support/hosts/cgroup_v2.json"];
    const shown = await output("plan", "--diff", "crun", ...host, "examples/01-hello.yaml");
    assertStringIncludes(shown, "config.json for crun:");
    const { code, stdout, stderr } = await runCli([
      "plan",
      "--oci",
      ...host,
      "examples/12-limits.yaml",
    ]);
    assertEquals(code, 0);
    assertEquals(JSON.parse(stdout).linux.resources.pids, { limit: 20 });
    assertStringIncludes(stderr, "! OCI makes no files in a root");
  });

  test("plan: a command in place of the spec's last one, or of a spec", async () => {
    const text = await output("plan", "examples/07-rootless.yaml", "--", "id", "-u");
    assertStringIncludes(text, '["id", "-u"]');
    assertStringIncludes(
      await output("plan", "--", "/bin/date"),
      'execve("/bin/date", ["/bin/date"])',
    );
  });

  test("plan: a file that no machine was saved in", async () => {
    using dir = tempDir();
    for (const content of ["{}", "null", "[]", '{"version": 2}', '{"host": {}}', "not json", ""]) {
      const path = dir.write("host.json", content);
      const result = await runCli(["plan", "--host", path, "examples/01-hello.yaml"]);
      assertEquals([result.code, result.stdout], [2, ""], `${content}: ${result.stderr}`);
      assertStringIncludes(result.stderr, "doctor --json");
    }
  });

  test("a spec that is not there, or is no file", async () => {
    for (const path of ["/nonexistent.yaml", "/dev", "/dev/zero"]) {
      const result = await runCli(["validate", path], { timeoutMs: 10_000 });
      assert(result.code !== 0 && !result.timedOut, path);
      assertMatch(result.stderr, /cannot read|not a regular file|directory/i, path);
    }
  });
});
