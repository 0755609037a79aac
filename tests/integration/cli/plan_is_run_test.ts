/** `plan` is what `run` does: a traced run against the calls of the plan, with their arguments, in order, none left over. */
import { readdirSync, readFileSync } from "node:fs";
import { describe, test } from "node:test";
import { assert, assertEquals, assertGreater, assertThrows } from "@std/assert";
import { runCli } from "../../support/cli.ts";
import { findTool, missing, root, tool } from "../../support/require.ts";
import { tempDir } from "../../support/temp.ts";
import {
  compareExecute,
  compareLoop,
  compareStraight,
  compareWith,
  mustEnd,
  parseLog,
  type PlannedOp,
  take,
  type TracedCall,
} from "./planned_calls.ts";
import { guardWorld, plainHostRoot, type SpecObject } from "./sandbox.ts";

guardWorld();
const skip = missing(root(), tool("strace"));

interface Planned {
  readonly ops: readonly PlannedOp[];
  /** What takes it back, last first. */
  readonly undo: readonly PlannedOp[];
}

/** The plan by both its forms: the operations of --json, and what is done afterwards of the text. */
async function planOf(file: string): Promise<Planned> {
  const json = await runCli(["plan", "--json", file]);
  assertEquals(json.code, 0, json.stderr);
  const { ops } = JSON.parse(json.stdout) as { ops: readonly PlannedOp[] };
  const text = (await runCli(["plan", "--calls", file])).stdout;
  const undo: { id: string; kind: string; where: "stage"; calls: string[] }[] = [];
  for (
    const line of (text.split("  afterwards, and whenever a step fails:\n")[1] ?? "").split("\n")
  ) {
    if (line.startsWith("   - ")) {
      undo.push({ id: line.slice(5), kind: "undo", where: "stage", calls: [] });
    } else if (line.startsWith("       ")) undo.at(-1)?.calls.push(line.trim());
  }
  return { ops, undo };
}

/** Logs of a traced run, a process each. */
async function trace(file: string): Promise<readonly string[]> {
  using directory = tempDir();
  const prefix = [
    findTool("strace") ?? "strace",
    "-v",
    "-s",
    "65536",
    "-ff",
    "-qq",
    "-o",
    directory.file("log"),
  ];
  const { code, stderr } = await runCli(["run", "-q", "--no-cache", file], {
    prefix,
    timeoutMs: 100_000,
  });
  assertEquals(code, 0, stderr);
  return readdirSync(directory.path).map((name) => readFileSync(directory.file(name), "utf8"));
}

/** The log's calls behind the stage's own execve. */
function stageCalls(logs: readonly string[]): readonly TracedCall[] {
  const log =
    logs.find((one) =>
      /^execve\("\/proc\/self\/fd\/\d+", \["containerv"\], \[\]\)\s+= 0$/m.test(one)
    ) ?? "";
  const calls = parseLog(log);
  return calls.slice(calls.findIndex(({ text }) => text.startsWith('execve("/proc/self/fd/')) + 1);
}

function compareStage(calls: readonly TracedCall[], plan: Planned): number {
  const comparison = compareWith(calls);
  for (const op of plan.ops.filter(({ where }) => where === "stage")) {
    if (op.kind !== "watch") compareStraight(comparison, op);
    else {compareLoop(comparison, op, {
        first: "ppoll",
        next: ["openat", "unlinkat", "exit_group"],
      });}
  }
  for (const op of plan.undo) {
    const [remove = "", pause = "", ...rest] = op.calls;
    // A group whose last task has just gone may be busy.
    while (take(comparison, remove, op.id).result !== "0") take(comparison, pause, op.id);
    for (const planned of rest) take(comparison, planned, op.id);
  }
  if (plan.undo.length > 0) take(comparison, "write(3, &report, 288)", "the end");
  take(comparison, "exit_group(0)", "the end");
  mustEnd(comparison, "the stage");
  return comparison.at;
}

/** The program that a command's process became, as `execve("…", ["echo", "one"]`. */
const becomes = (op: PlannedOp): string =>
  `${
    (op.calls.find((call) => call.startsWith("execve(")) ?? "").split("], ")[0]?.split(", [")[1]
  }]`;

function compareContainer(logs: readonly string[], plan: Planned): number {
  const own = plan.ops.filter(({ where }) => where === "container");
  const first = parseLog(logs.find((log) => /^pivot_root\("\.", "\."\)\s+= 0$/m.test(log)) ?? "");
  const indices = [
    ...new Set(
      plan.ops.filter(({ where }) => where === "process").map(({ command }) => command ?? 0),
    ),
  ];
  const isInit = own.some(({ kind }) => kind === "command");
  const comparison = compareWith(first);
  for (const op of own) {
    if (op.kind !== "command") compareStraight(comparison, op);
    else compareLoop(comparison, op, { first: "clone3", next: ["clone3", "exit_group"] });
  }
  if (isInit) {
    take(comparison, "exit_group(0)", "PID 1");
    mustEnd(comparison, "PID 1");
  }
  let compared = comparison.at;
  for (const index of indices) {
    const ops = plan.ops.filter(({ where, command }) =>
      where === "process" && (command ?? 0) === index
    );
    const argv = becomes(ops.at(-1) ?? { id: "", kind: "", where: "process", calls: [] });
    const log = logs.find((one) => !one.includes("pivot_root(") && one.includes(`, [${argv}, [`));
    const process = isInit ? compareWith(parseLog(log ?? "")) : comparison;
    const before = process.at;
    for (const op of ops) {
      if (op.kind === "execute") compareExecute(process, op);
      else compareStraight(process, op);
    }
    compared += process.at - before;
  }
  return compared;
}

const SPECS: Readonly<Record<string, SpecObject>> = {
  "the defaults": { commands: [["/bin/true"]] },
  "limits and a search of PATH": {
    policy: "none",
    limits: { memory: "64MiB", pids: 16, cpu: 0.5 },
    commands: [["true"]],
  },
  "several commands, users, directories": {
    policy: "none",
    limits: { pids: 20 },
    hostname: "traced",
    commands: [
      ["echo", "one"],
      {
        exec: ["echo", "two"],
        user: "1000:1001",
        workdir: "/made/for/it",
        environment: { A: 'b "c"' },
      },
    ],
  },
  "a read-only root with a named user": {
    policy: "none",
    user: "daemon",
    rootfs: { writable: false },
    commands: [["id", "-u"]],
  },
  "layers": {
    policy: "none",
    rootfs: {
      layers: [{ host: "/" }, { dir: "tests/support" }, { dir: "examples", at: "/opt/examples" }],
      writable: { tmpfs: "1MiB" },
    },
    commands: [["ls", "/opt/examples"]],
  },
};

describe("plan = run", { skip }, () => {
  for (const [name, spec] of Object.entries(SPECS)) {
    const reasons = missing(
      root(),
      tool("strace"),
      name === "layers" ? plainHostRoot() : undefined,
    );
    test(
      `${name}: each call of the stage and of the container is the plan's`,
      { skip: reasons },
      async () => {
        const cwd = new URL("../../..", import.meta.url).pathname.replace(/\/$/, "");
        using directory = tempDir();
        const text = JSON.stringify(spec).replaceAll('"dir":"', `"dir":"${cwd}/`);
        const file = directory.write("traced.yaml", text);
        const plan = await planOf(file);
        const logs = await trace(file);
        const stage = compareStage(stageCalls(logs), plan);
        const container = compareContainer(logs, plan);
        assertGreater(stage, 8);
        assertGreater(container, 100);
      },
    );
  }

  test("plan itself makes no call that changes anything", async () => {
    using directory = tempDir();
    const file = directory.write(
      "traced.yaml",
      JSON.stringify(SPECS["several commands, users, directories"]),
    );
    const calls =
      "mkdir,mkdirat,mount,umount2,move_mount,open_tree,fsopen,fsmount,mount_setattr,pivot_root,unshare,setns,sethostname,unlink,unlinkat,rmdir,rename,renameat2,symlink,symlinkat,mknod,mknodat,memfd_create";
    const log = directory.file("log");
    const prefix = [findTool("strace") ?? "strace", "-f", "-qq", "-e", `trace=${calls}`, "-o", log];
    const env = { XDG_CACHE_HOME: directory.file("cache") };
    const { code, stderr } = await runCli(["plan", file], { prefix, env, timeoutMs: 60_000 });
    assertEquals(code, 0, stderr);
    // What the runtimes keep of their own sources lies in their cache directories.
    const made = readFileSync(log, "utf8").split("\n").filter((line) =>
      /^\d+ +\w+\(.*= \d+$/.test(line)
    )
      .filter((line) =>
        !/\/\.bun\/|\/\.cache\/|DENO_DIR|deno|containerv-test-|\.tmp|memfd_create\("(?!containerv)/
          .test(line)
      );
    assertEquals(made, []);
    assert(readFileSync(log, "utf8").length >= 0);
  });
});

describe("the comparison itself", () => {
  const op: PlannedOp = {
    id: "op",
    kind: "mount.bind",
    where: "stage",
    calls: ['openat(AT_FDCWD, "/a", O_RDONLY)', "close(<fd>)"],
  };
  const good = 'openat(AT_FDCWD, "/a", O_RDONLY) = 3\nclose(3) = 0\n';
  const compare = (log: string): void => {
    const comparison = compareWith(parseLog(log));
    compareStraight(comparison, op);
    mustEnd(comparison, "op");
  };

  test("takes what is the same", () => compare(good));
  const bad: Readonly<Record<string, string>> = {
    "another argument": good.replace('"/a"', '"/b"'),
    "another flag": good.replace("O_RDONLY", "O_RDWR"),
    "a call that is missing": good.split("\n")[0] ?? "",
    "a call too many": `${good}getpid() = 1\n`,
    "another order": good.split("\n").reverse().join("\n"),
    "a failure that is no alternative": good.replace("= 3", "= -1 EPERM (Operation not permitted)"),
  };
  for (const [name, log] of Object.entries(bad)) {
    test(`sees ${name}`, () => void assertThrows(() => compare(log)));
  }
});
