// timeout-seconds: 300
import { readFileSync } from "node:fs";
import process from "node:process";
import { describe, test } from "node:test";
import { assertEquals } from "@std/assert";
import { PATIENCE, REPOSITORY, runCli } from "../../support/cli.ts";
import { linux, missing, root } from "../../support/require.ts";
import { tempDir } from "../../support/temp.ts";

interface Row {
  /** The first two columns of the table in docs/exit-codes.md. */
  readonly row: string;
  readonly args: readonly string[];
  readonly want: number;
  /** Run before it in the same directory, and after it. */
  readonly before?: readonly string[];
  readonly after?: readonly string[];
  /** What is typed at a terminal; absent: there is none. */
  readonly typed?: string;
}

/** Runs what follows at a terminal. */
const AT_TERMINAL = ["/bin/sh", "-c", 'exec script -qec "$*" /dev/null', "sh"];

const shell = (script: string) => ["run", "-q", "--", "/bin/sh", "-c", script];

/** At least one case for each row of the page. */
const MANAGING =
  "`up`, `create`, `down`, `stop`, `start`, `restart`, `kill`, `pause`, `resume`, `rename`, `rm`, `gc`, `unit`";
const RUN: readonly Row[] = [
  { row: "`run` | that of the container's main command", args: shell("exit 7"), want: 7 },
  { row: "`run` | that of the container's main command", args: shell("exit 125"), want: 125 },
  { row: "`run` | 128 + n", args: shell("sh -c 'kill -KILL $$'"), want: 137 },
  { row: "`run` | 128 + n", args: shell("sh -c 'kill -TERM $$'"), want: 143 },
  { row: "`run` | 127", args: ["run", "-q", "--", "/no/such/program"], want: 127 },
  { row: "`run` | 127", args: ["run", "-q", "--", "no-such-program"], want: 127 },
  { row: "`run` | 126", args: ["run", "-q", "--", "/etc/passwd"], want: 126 },
  { row: "`run` | 124", args: ["run", "-q", "slow.yaml"], want: 124 },
  { row: "`repro` | 0, 1", args: ["repro", "clock.yaml"], want: 1 },
  { row: "`doctor` | 0, 1", args: ["doctor"], want: 0 },
  {
    row: `${MANAGING} | 0`,
    args: ["up", "-d", "good.yaml"],
    want: 0,
    after: ["down", "good.yaml"],
  },
  {
    row: `${MANAGING} | 0`,
    args: ["down", "good.yaml"],
    want: 0,
    before: ["up", "-d", "good.yaml"],
  },
  { row: `${MANAGING} | 125`, args: ["up", "-d", "nobody.yaml"], want: 125 },
  { row: `${MANAGING} | 125`, args: ["create", "nobody.yaml"], want: 125 },
  { row: `${MANAGING} | 0`, args: ["unit", "good.yaml"], want: 0 },
  {
    row: `${MANAGING} | 0`,
    args: ["create", "good.yaml"],
    want: 0,
    after: ["down", "good.yaml"],
  },
  {
    row: `${MANAGING} | 125`,
    args: ["pause", "idle", "--file", "idle.yaml"],
    want: 125,
    before: ["create", "idle.yaml"],
    after: ["down", "idle.yaml"],
  },
  {
    row: "`up` without `-d` | that of the container that failed first",
    args: ["up", "seven.yaml"],
    want: 7,
    after: ["down", "seven.yaml"],
  },
  {
    row: "`up` without `-d` | 0",
    args: ["up", "good.yaml"],
    want: 0,
    after: ["down", "good.yaml"],
  },
  { row: "`up` without `-d` | 125", args: ["up", "nobody.yaml"], want: 125 },
  {
    row: "`exec` | as `run`",
    args: ["exec", "idle", "--file", "idle.yaml", "--", "/bin/sh", "-c", "exit 7"],
    want: 7,
    before: ["up", "-d", "idle.yaml"],
    after: ["down", "idle.yaml"],
  },
  {
    row: "`attach` | that of the container, as `wait`; 0",
    args: ["attach", "later", "--file", "later.yaml"],
    want: 7,
    before: ["up", "-d", "later.yaml"],
    after: ["down", "later.yaml"],
  },
  {
    row: "`cp` | 0, 1, 2",
    args: ["cp", "--file", "idle.yaml", "idle:/etc/hostname", "copied"],
    want: 0,
    before: ["up", "-d", "idle.yaml"],
    after: ["down", "idle.yaml"],
  },
  {
    row: "`stats`, `top` | 0, 2",
    args: ["stats", "--json", "idle", "--file", "idle.yaml"],
    want: 0,
    before: ["up", "-d", "idle.yaml"],
    after: ["down", "idle.yaml"],
  },
  {
    row: "`diff` | 0, 3",
    args: ["diff", "idle.yaml"],
    want: 0,
    before: ["up", "-d", "idle.yaml"],
    after: ["down", "idle.yaml"],
  },
  {
    row: "`apply`, `update` | 0",
    args: ["apply", "--yes", "good.yaml"],
    want: 0,
    after: ["down", "good.yaml"],
  },
  {
    row: "`apply`, `update` | 0",
    args: ["apply", "good.yaml"],
    want: 0,
    typed: "y\n",
    after: ["down", "good.yaml"],
  },
  { row: "`apply`, `update`, `diff` | 125", args: ["apply", "--yes", "nobody.yaml"], want: 125 },
  {
    row: "`wait` | that of the container",
    args: ["wait", "seven", "--file", "seven.yaml"],
    want: 7,
    before: ["up", "-d", "seven.yaml"],
    after: ["down", "seven.yaml"],
  },
];

const PURE: readonly Row[] = [
  { row: "`run` | 125", args: ["run", "bad.yaml"], want: 125 },
  { row: "`run` | 125", args: ["run", "missing.yaml"], want: 125 },
  { row: "`run` | 125", args: ["run", "--bad-option"], want: 125 },
  { row: "`validate`, `plan`, `schema` | 0", args: ["validate", "good.yaml"], want: 0 },
  { row: "`validate`, `plan`, `schema` | 0", args: ["plan", "good.yaml"], want: 0 },
  { row: "`validate`, `plan`, `schema` | 0", args: ["schema"], want: 0 },
  { row: "`validate`, `plan`, `schema` | 2", args: ["validate", "bad.yaml"], want: 2 },
  { row: "`validate`, `plan`, `schema` | 2", args: ["validate", "missing.yaml"], want: 2 },
  { row: "`validate`, `plan`, `schema` | 2", args: ["plan", "bad.yaml"], want: 2 },
  { row: "`validate`, `plan`, `schema` | 2", args: ["plan", "missing.yaml"], want: 2 },
  { row: "`validate`, `plan`, `schema` | 2", args: ["schema", "--bad-option"], want: 2 },
  { row: "`plan` | 125", args: ["plan", "nobody.yaml"], want: 125 },
  { row: "`plan --exit-code` | 0, 3", args: ["plan", "--exit-code", "good.yaml"], want: 3 },
  { row: "`repro` | 125", args: ["repro", "good.yaml"], want: 125 },
  { row: "`diff` | 0, 3", args: ["diff", "good.yaml"], want: 3 },
  { row: "all of these | 2", args: ["apply", "good.yaml"], want: 2 },
  { row: "`apply` | 3", args: ["apply", "good.yaml"], want: 3, typed: "n\n" },
  { row: "all of these | 2", args: ["update", "nobody-has-this-name", "--cpu", "1"], want: 2 },
  { row: "`inspect` | 0, 1, 2", args: ["inspect", `${process.pid}`], want: 0 },
  { row: "`inspect` | 0, 1, 2", args: ["inspect", "nobody.yaml"], want: 1 },
  { row: "`inspect` | 0, 1, 2", args: ["inspect"], want: 2 },
  { row: "`completions`, `help`, `version` | 0, 2", args: ["completions", "bash"], want: 0 },
  { row: "`completions`, `help`, `version` | 0, 2", args: ["completions", "tcsh"], want: 2 },
  { row: "`completions`, `help`, `version` | 0, 2", args: ["help", "run"], want: 0 },
  { row: "`completions`, `help`, `version` | 0, 2", args: ["help", "walk"], want: 2 },
  { row: "`completions`, `help`, `version` | 0, 2", args: ["version"], want: 0 },
  { row: "`ps`, `logs`, `events` | 0", args: ["ps"], want: 0 },
  { row: "`ps`, `logs`, `events` | 0", args: ["events"], want: 0 },
  { row: "`serve` | 0, 125", args: ["serve", "--socket", "good.yaml"], want: 125 },
  { row: "all of these | 2", args: ["serve", "good.yaml"], want: 2 },
  { row: "all of these | 2", args: ["rename", "nobody-has-this-name"], want: 2 },
  { row: "`cp` | 0, 1, 2", args: ["cp", "nobody-has-this-name:/x", "."], want: 2 },
  { row: "`stats`, `top` | 0, 2", args: ["top", "nobody-has-this-name"], want: 2 },
  { row: "all of these | 2", args: ["logs", "nobody-has-this-name"], want: 2 },
  { row: "all of these | 2", args: ["up", "-d", "bad.yaml"], want: 2 },
  { row: "all of these | 2", args: ["stop", "--time", "soon"], want: 2 },
  { row: "an unknown command | 2", args: ["walk"], want: 2 },
];

async function check({ args, want, before, after, typed }: Row): Promise<void> {
  using dir = tempDir();
  dir.write("good.yaml", "commands: [[/bin/true]]\n");
  dir.write("clock.yaml", "outputs: [{from: /tmp/a, to: ./a}]\ncommands: ['date > /tmp/a']\n");
  dir.write("idle.yaml", "policy: none\n");
  dir.write("slow.yaml", "commands: [{exec: [sleep, '60'], timeout: 50ms}]\n");
  dir.write("nobody.yaml", "user: no-such-user\ncommands: [[/bin/true]]\n");
  dir.write("bad.yaml", "comands: [[/bin/true]]\n");
  // Long enough to attach to it before it ends.
  dir.write("later.yaml", `policy: none\nstdin: true\ncommands: ['sleep ${PATIENCE}; exit 7']\n`);
  dir.write("seven.yaml", "policy: none\ncommands: [[/bin/sh, -c, 'exit 7']]\n");
  if (before !== undefined) await runCli(before, { cwd: dir.path });
  const terminal = typed === undefined ? {} : { prefix: AT_TERMINAL, stdin: typed };
  const { code, stdout, stderr } = await runCli(args, { cwd: dir.path, ...terminal });
  if (after !== undefined) await runCli(after, { cwd: dir.path });
  assertEquals(code, want, `${stdout}${stderr}`);
}

describe("exit codes", () => {
  for (const row of PURE) {
    test(`${row.args.join(" ")}: ${row.want}`, () => check(row));
  }
});

describe("exit codes of what runs", { skip: missing(linux(), root()) }, () => {
  for (const row of RUN) {
    test(`${row.args.join(" ")}: ${row.want}`, () => check(row));
  }
});

test("every row of docs/exit-codes.md is tested, and every test has its row", () => {
  const page = readFileSync(`${REPOSITORY}/docs/exit-codes.md`, "utf8");
  const rows = page.split("\n").filter((line) => /^\| [^c-]/.test(line))
    .map((line) => line.slice(2).split(" | ").slice(0, 2).join(" | "));
  const tested = new Set([...RUN, ...PURE].map(({ row }) => row));
  assertEquals([...tested].sort(), rows.sort());
});
