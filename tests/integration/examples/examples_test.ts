/** Every file of examples/ runs as it stands, prints what lies beside it, and plans what is shown beside it. */
import { assert, assertEquals, assertMatch } from "@std/assert";
import { chownSync, existsSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { after, describe, test } from "node:test";
import {
  cliCommand,
  type CliOptions,
  type CliResult,
  REPOSITORY,
  runCli,
} from "../../support/cli.ts";
import { openPty } from "../../support/pty.ts";
import { assertGolden } from "../../support/golden.ts";
import { missing, root, tool, userns } from "../../support/require.ts";
import { exampleLayers, storeWithout } from "../../support/store.ts";
import { tempDir } from "../../support/temp.ts";

const FOLDER = `${REPOSITORY}/examples`;
const FILES = readdirSync(FOLDER).filter((name) => name.endsWith(".yaml")).sort();

const beside = (file: string, ending: string): string =>
  `${FOLDER}/${file.replace(/\.yaml$/, ending)}`;

/** What the example is given on its standard input, when it reads any. */
function inputOf(file: string): { stdin?: string } {
  const path = beside(file, ".in.txt");
  return existsSync(path) ? { stdin: readFileSync(path, "utf8") } : {};
}

const needsRoot = (file: string): boolean =>
  /^limits:/m.test(readFileSync(`${FOLDER}/${file}`, "utf8"));

type Shown = Pick<CliResult, "code" | "signal" | "stdout" | "stderr">;

/** Runs an example; one that has a terminal on a terminal, where its input is typed, a line after each prompt. */
async function runExample(file: string, options: CliOptions = {}): Promise<Shown> {
  if (!/^tty: true/m.test(readFileSync(`${FOLDER}/${file}`, "utf8"))) {
    return await runCli(["run", `examples/${file}`], { ...options, ...inputOf(file) });
  }
  using pty = openPty();
  const words = [...options.prefix ?? [], ...cliCommand(options.runtime), "run"];
  const run = pty.run([...words, `examples/${file}`], { cwd: REPOSITORY, env: options.env ?? {} });
  let shown = "";
  for (const line of inputOf(file).stdin?.split("\n").slice(0, -1) ?? []) {
    shown += await pty.until("$ ");
    pty.type(`${line}\n`);
  }
  shown += await pty.until(" ms · ") + await pty.until("\n");
  const end = shown.lastIndexOf("✔");
  // The runtime clears the line before it begins.
  const stdout = shown.slice(shown.indexOf("box$"), end).replaceAll("\r", "");
  return { ...await run.ended, stdout, stderr: shown.slice(end) };
}

function assertGood(file: string, result: Shown): void {
  assertEquals([result.code, result.signal], [0, null], result.stderr);
  assertMatch(result.stderr.trimEnd().split("\n").at(-1) ?? "", /^✔ exit 0 · \d+ ms · /);
  assertGolden(beside(file, ".out.txt"), result.stdout);
}

const store = storeWithout(exampleLayers());

after(() => {
  store[Symbol.dispose]();
  // What 02-build copies out.
  for (const made of ["dist", "reports"]) {
    rmSync(`${FOLDER}/${made}`, { recursive: true, force: true });
  }
});

test("there are examples, each with a comment that says what it shows", () => {
  assert(FILES.length >= 8, `${FILES}`);
  for (const file of FILES) {
    const [first = "", second = ""] = readFileSync(`${FOLDER}/${file}`, "utf8").split("\n");
    assert(first.startsWith("# ") && !second.startsWith("#"), file);
  }
});

describe("run, as root", () => {
  for (const file of FILES) {
    test(file, { skip: missing(root()) }, async () => {
      assertGood(file, await runExample(file, { runtime: "source" }));
    });
  }
});

describe("run, as an ordinary user", () => {
  const skip = missing(root(), tool("setpriv"), userns());
  const prefix = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "--"];
  // Layers of images are unpacked there.
  const home = tempDir();
  chownSync(home.path, 65534, 65534);
  after(() => home[Symbol.dispose]());
  const asUser = (file: string) => runExample(file, { prefix, env: { HOME: home.path } });

  // Changing a file of a layer takes the id of its owner, which the user of this test is not.
  const others = ["11-layers.yaml"];
  for (const file of FILES.filter((name) => !needsRoot(name) && !others.includes(name))) {
    test(file, { skip }, async () => assertGood(file, await asUser(file)));
  }

  test("what asks for limits is refused, with the line and what to do", { skip }, async () => {
    const result = await asUser("12-limits.yaml");
    assertEquals([result.code, result.stdout], [125, ""]);
    assertMatch(result.stderr, /^examples\/12-limits\.yaml:\d+:\d+: error LIMITS_NEED_ROOT: /m);
    assertMatch(result.stderr, /^ {2}fix {4,}\S/m);
  });
});

describe("plan", () => {
  for (const file of FILES) {
    const text = readFileSync(`${FOLDER}/${file}`, "utf8");
    // A plan names directories by their place on this machine: the pure golden has those.
    if (/dir:|image:|^inputs:/m.test(text)) continue;
    test(`${file}: for the saved machine, from any user`, async () => {
      const host = "tests/golden/plan/host_v2.json";
      const result = await runCli(["plan", "--host", host, `examples/${file}`]);
      assertEquals([result.code, result.stderr.includes("error")], [0, false], result.stderr);
      assertEquals(result.stdout, readFileSync(beside(file, ".plan.txt"), "utf8"));
    });
  }
});
