// runs-under: bun, deno
// timeout-seconds: 1800
/**
 * kill -9 of the runner before a call that changes something, by strace: after one gc and a down nothing of the project is there, and
 * in between the command can be said again. CONTAINERV_KILL_STEPS=all goes through every such call of every verb, one kill each;
 * the default is a few of them. CONTAINERV_KILL_VERBS=up,down names the verbs.
 */
import { execFileSync } from "node:child_process";
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { dirname } from "node:path";
import process from "node:process";
import { describe, test } from "node:test";
import { assert, assertEquals } from "@std/assert";
import { findTool, missing, root, tool } from "../support/require.ts";
import { tempDir } from "../support/temp.ts";
import { guardWorld, IDLE, sh, type SpecObject } from "../integration/cli/sandbox.ts";
import { type Project, project } from "../integration/detached/project.ts";

guardWorld();
const skip = missing(root(), tool("strace"));
const ALL = process.env["CONTAINERV_KILL_STEPS"] === "all";
const VERBS = process.env["CONTAINERV_KILL_VERBS"]?.split(",");

/** Calls by which the runner changes the machine, or tells another process to. */
const CALLS = [
  "mkdirat",
  "mknodat",
  "renameat2",
  "unlinkat",
  "ftruncate",
  "flock",
  "memfd_create",
  "bind",
  "connect",
  "listen",
  "sendmsg",
  "sendto",
  "kill",
  "pidfd_send_signal",
  "clone",
  "clone3",
  "vfork",
  // Of copies.
  "symlinkat",
  "fchown",
  "fchmod",
  "utimensat",
];

const one = { policy: "none", commands: [IDLE], limits: { pids: 20 }, stop: { grace: "2s" } };
const two = { ...one, init: true, limits: { pids: 20, memory: "64MiB" } };
const SPEC: SpecObject = { containers: { one, two: { ...two, restart: "always" } } };
const first = { ...one, update: "startFirst" };

interface Verb {
  readonly name: string;
  readonly args: readonly string[];
  /** What is up before; absent: nothing is. */
  readonly before?: SpecObject;
  readonly spec?: SpecObject;
  /** Said before it. */
  readonly prepare?: readonly string[];
  /** Words of a shell that lead its input or output elsewhere. */
  readonly redirect?: string;
  /** It can be said again after it was killed. */
  readonly again?: true;
  /** Names of those that are there whenever it is killed: they run, or can be started again. */
  readonly keeps?: readonly string[];
  /** Killed at by default: the call, and which of them. */
  readonly sample: readonly (readonly [string, number])[];
}

const MEMORY = { ...two, limits: { pids: 20, memory: "32MiB" } };
const BOTH = ["one", "two"];
const MADE = sh(
  "mkdir -p /tmp/made/deep; echo a > /tmp/made/a; ln -s a /tmp/made/deep/link; sleep 600",
);
const COPY: Pick<Verb, "before" | "keeps" | "again"> = {
  before: { containers: { one: { ...one, commands: [MADE], stop: { grace: "0s" } } } },
  keeps: ["one"],
  again: true,
};
const RUN: SpecObject = {
  policy: "none",
  commands: [sh("cp -a /in /out")],
  inputs: [{ from: "./tree", to: "/in" }],
  outputs: [{ from: "/out", to: "./got/" }],
};
const VERB_LIST: readonly Verb[] = [
  {
    name: "up",
    args: ["up", "-d"],
    sample: [["sendmsg", 1]],
  },
  {
    name: "change",
    args: ["up", "-d"],
    before: { containers: { ...SPEC["containers"] as object, gone: one } },
    spec: { containers: { one: { ...one, hostname: "other" }, two: MEMORY, three: one } },
    keeps: BOTH,
    sample: [["sendmsg", 1]],
  },
  {
    name: "startFirst",
    args: ["up", "-d"],
    before: { containers: { one: first } },
    spec: { containers: { one: { ...first, hostname: "other" } } },
    keeps: ["one"],
    sample: [["pidfd_send_signal", 1]],
  },
  {
    name: "update",
    args: ["update", "two", "--pids", "30"],
    before: SPEC,
    keeps: BOTH,
    sample: [],
  },
  { name: "rename", args: ["rename", "one", "uno"], before: SPEC, sample: [] },
  { name: "stop", args: ["stop"], before: SPEC, keeps: BOTH, sample: [] },
  {
    name: "start",
    args: ["start", "one"],
    before: SPEC,
    prepare: ["stop", "one"],
    keeps: BOTH,
    sample: [],
  },
  {
    name: "restart",
    args: ["restart", "one"],
    before: SPEC,
    keeps: BOTH,
    sample: [["sendmsg", 1]],
  },
  {
    name: "exec",
    args: ["exec", "two", "--", "true"],
    before: SPEC,
    keeps: BOTH,
    again: true,
    sample: [],
  },
  { name: "rm", args: ["rm", "--force", "one"], before: SPEC, sample: [] },
  { name: "down", args: ["down"], before: SPEC, sample: [["unlinkat", 5]] },
  { name: "create", args: ["create"], again: true, sample: [] },
  { ...COPY, name: "cp in", args: ["cp", "tree/deep/b", "one:/tmp/b"], sample: [] },
  { ...COPY, name: "cp tree in", args: ["cp", "tree", "one:/tmp/tree"], sample: [] },
  { ...COPY, name: "cp out", args: ["cp", "one:/tmp/made/a", "got/a"], sample: [] },
  {
    ...COPY,
    name: "cp tree out",
    args: ["cp", "one:/tmp/made", "got/made"],
    sample: [["utimensat", 2]],
  },
  {
    ...COPY,
    name: "cp archive in",
    args: ["cp", "-", "one:/tmp"],
    redirect: "< tree.tar",
    sample: [["mkdirat", 3]],
  },
  {
    ...COPY,
    name: "cp archive out",
    args: ["cp", "one:/tmp/made", "-"],
    redirect: "> made.tar",
    sample: [],
  },
  { ...COPY, name: "run", args: ["run", "run.yaml"], sample: [["renameat2", 2]] },
  { ...COPY, name: "repro", args: ["repro", "run.yaml"], sample: [] },
];

/** Directories of the project's groups, in every hierarchy. */
function groupsOf(key: string): readonly string[] {
  const mounts = readFileSync("/proc/self/mountinfo", "utf8").split("\n")
    .filter((line) => / - cgroup2? /.test(line)).map((line) => line.split(" ")[4] ?? "");
  return mounts.map((mount) => `${mount}/containerv/${key}`).filter((path) => existsSync(path));
}

/** Processes that are in the project's groups, or are its keeper or supervisor. */
function processesOf(key: string): readonly string[] {
  return readdirSync("/proc").filter((pid) => {
    if (!/^\d+$/.test(pid)) return false;
    try {
      return readFileSync(`/proc/${pid}/cgroup`, "utf8").includes(`/containerv/${key}/`);
    } catch {
      return false; // it has ended meanwhile
    }
  });
}

interface Prepared extends AsyncDisposable {
  readonly box: Project;
  /** Names of scratch directories and of copies that were not finished. */
  readonly halves: () => readonly string[];
}

async function prepared(verb: Verb): Promise<Prepared> {
  const temporary = tempDir();
  const box = project(verb.before ?? verb.spec ?? SPEC, { env: { TMPDIR: temporary.path } });
  const directory = dirname(box.file);
  if (verb.before !== undefined) {
    const up = await box.cv("up", "-d");
    assertEquals(up.code, 0, up.stderr);
  }
  if (verb.prepare !== undefined) await box.cv(...verb.prepare);
  if (verb.spec !== undefined) box.write(verb.spec);
  for (const name of ["tree/deep", "got"]) mkdirSync(`${directory}/${name}`, { recursive: true });
  writeFileSync(`${directory}/tree/deep/b`, "b\n");
  symlinkSync("deep", `${directory}/tree/link`);
  writeFileSync(`${directory}/run.yaml`, JSON.stringify(RUN));
  if (verb.redirect !== undefined) {
    execFileSync("tar", ["-C", directory, "-cf", `${directory}/tree.tar`, "tree"]);
  }
  return {
    box,
    halves: () =>
      [temporary.path, directory].flatMap((path) =>
        readdirSync(path, { recursive: true, encoding: "utf8" })
          .filter((name) => /(^|\/)\.?containerv-/.test(name))
      ),
    async [Symbol.asyncDispose]() {
      await box[Symbol.asyncDispose]();
      temporary[Symbol.dispose]();
    },
  };
}

const strace = (
  { redirect }: Verb,
  ...words: readonly string[]
): readonly string[] => [
  ...(redirect === undefined ? [] : ["sh", "-c", `exec "$@" ${redirect}`, "sh"]),
  findTool("strace") ?? "strace",
  "-qq",
  ...words,
];

/** How often its main thread makes each call. */
async function countCalls(verb: Verb): Promise<readonly (readonly [string, number])[]> {
  await using ready = await prepared(verb);
  const { box } = ready;
  const log = `${dirname(box.file)}/calls`;
  const traced = CALLS.map((call) => `?${call}`).join(",");
  const { code, stderr } = await box.cvUnder(
    strace(verb, "-o", log, "-e", `trace=${traced}`),
    verb.args,
  );
  assertEquals(code, 0, stderr);
  const lines = readFileSync(log, "utf8").split("\n");
  return CALLS.flatMap((call) => {
    const count = lines.filter((line) => line.startsWith(`${call}(`)).length;
    return Array.from({ length: count }, (_, index) => [call, index + 1] as const);
  });
}

async function killAt(verb: Verb, [call, when]: readonly [string, number]): Promise<boolean> {
  const where = `${verb.name}: ${call} ${when}`;
  await using ready = await prepared(verb);
  const { box } = ready;
  // Made here, so that where it lies is known before there is a record.
  mkdirSync("/run/containerv", { recursive: true, mode: 0o700 });
  const { code, signal } = await box.cvUnder(
    strace(
      verb,
      "-o",
      "/dev/null",
      "-e",
      `trace=${call}`,
      "-e",
      `inject=${call}:signal=KILL:when=${when}`,
    ),
    verb.args,
  );
  const killed = signal === "SIGKILL" || code === 137;
  assert(killed || code === 0, `${where}: ${code} ${signal}`);
  const gc = await box.cv("gc");
  assertEquals(gc.code, 0, `${where}: ${gc.stderr}`);
  assertEquals(ready.halves(), [], where);
  if (verb.again === true) {
    const words = strace(verb, "-o", "/dev/null", "-e", "trace=none");
    const again = await box.cvUnder(words, verb.args);
    assertEquals(again.code, 0, `${where}: ${again.stderr}`);
  }
  if (verb.keeps !== undefined) await assertKept(box, verb.keeps, where);
  if (verb.args[0] === "up") {
    const again = await box.cv(...verb.args);
    assertEquals(again.code, 0, `${where}: ${again.stderr}`);
    const diff = await box.cv("diff");
    assertEquals([diff.code, diff.stdout], [0, ""], where);
  }
  const key = box.state().split("/").at(-1) ?? "";
  const down = await box.cv("down", "--time", "1");
  if (key !== "none") assertEquals(down.code, 0, `${where}: ${down.stderr}`);
  assertEquals([groupsOf(key), processesOf(key)], [[], []], where);
  assertEquals(box.state(), "/run/containerv/none", `${where}: records are left`);
  return killed;
}

/** None of them has vanished, and those that do not run can be started. */
async function assertKept(box: Project, names: readonly string[], where: string): Promise<void> {
  const there = (await box.ps()).filter(({ name }) => names.includes(name));
  const states = there.map(({ name, state }) => `${name} ${state}`).join(", ");
  assertEquals(there.map(({ name }) => name), [...names], `${where}: ${states}`);
  for (const { name, state } of there) {
    assert(["running", "exited", "created"].includes(state), `${where}: ${states}`);
    if (state === "running") continue;
    const { code, stderr } = await box.cv("start", name);
    // Its supervisor may have been faster.
    assert(code === 0 || stderr.includes("error RUNNING"), `${where}: ${stderr}`);
  }
}

describe("kill -9 of the runner before a call", { skip }, () => {
  for (const verb of VERB_LIST.filter(({ name }) => VERBS?.includes(name) ?? true)) {
    if (!ALL && verb.sample.length === 0) continue;
    test(`of ${verb.name}: one gc and a down, and nothing is left`, async () => {
      const points = ALL ? await countCalls(verb) : verb.sample;
      let killed = 0;
      for (const point of points) if (await killAt(verb, point)) killed++;
      if (ALL) console.log(`${verb.name}: ${points.length} points, ${killed} kills, nothing left`);
      assert(killed > 0, "no call was reached");
    });
  }
});
