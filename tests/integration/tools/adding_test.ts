// runs-under: bun
// timeout-seconds: 180
import { cpSync, existsSync, readdirSync, readFileSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { describe, test } from "node:test";
import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { REPOSITORY, runProgram } from "../../support/cli.ts";
import { type TempDir, tempDir } from "../../support/temp.ts";
import { checkCalls } from "../../../tools/check_docs.ts";
import { checkLayers } from "../../../tools/check_layers.ts";

const COPIED = [
  "mod.ts",
  "deno.json",
  "package.json",
  "tsconfig.json",
  "spec",
  "runtime",
  "ffi",
  "tools",
  "tests/support",
];
const BIN = `${REPOSITORY}/node_modules/.bin`;

/** A copy of the tree that may be changed. */
function copyTree(dir: TempDir): void {
  for (const path of COPIED) cpSync(join(REPOSITORY, path), dir.file(path), { recursive: true });
  symlinkSync(`${REPOSITORY}/node_modules`, dir.file("node_modules"));
}

/** Puts `added` after `after`, which must stand there exactly once: else the tree has changed and this test must too. */
function insert(dir: TempDir, path: string, { after, added }: { after: string; added: string }) {
  const text = readFileSync(dir.file(path), "utf8");
  assertEquals(text.split(after).length, 2, `${path} has ${JSON.stringify(after)} once`);
  dir.write(path, text.replace(after, () => after + added));
}

function filesBelow(root: string, folder: string): string[] {
  return readdirSync(join(root, folder), { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name);
    return entry.isDirectory() ? filesBelow(root, path) : [path];
  });
}

/** Sources that differ from the repository's, generated ones excepted. */
function changedFiles(dir: TempDir): string[] {
  return ["spec", "runtime", "ffi"].flatMap((folder) => filesBelow(dir.path, folder))
    .filter((path) => !path.includes("/generated/"))
    .filter((path) => {
      const original = join(REPOSITORY, path);
      return !existsSync(original) ||
        readFileSync(original, "utf8") !== readFileSync(dir.file(path), "utf8");
    }).sort();
}

async function run(dir: TempDir, argv: readonly string[]): Promise<string> {
  const result = await runProgram(argv, { cwd: dir.path, timeoutMs: 90_000 });
  assertEquals(result.code, 0, `${argv.join(" ")}\n${result.stdout}${result.stderr}`);
  return result.stdout;
}

/** The changed tree keeps its types and its rules. */
async function assertWhole(dir: TempDir, ...files: readonly string[]): Promise<void> {
  await run(dir, [`${BIN}/deno`, "check", "--quiet", "runtime/cli/main.ts", ...files]);
  assertEquals(checkLayers(dir.path), []);
  assertEquals(checkCalls(dir.path), []);
}

function addCall(dir: TempDir): void {
  dir.write(
    "ffi/abi/ioprio.ts",
    "/** Source: <linux/ioprio.h>. */\nexport const IOPRIO_WHO_PROCESS = 1;\n" +
      "export const IOPRIO_CLASS_IDLE = 3;\nexport const IOPRIO_CLASS_SHIFT = 13;\n",
  );
  dir.write(
    "ffi/calls/ioprio.ts",
    `import { IOPRIO_WHO_PROCESS } from "../abi/ioprio.ts";
import type { Syscall } from "./call.ts";
import { syscall } from "./record.ts";

/**
 * \`ioprio_set(2)\`: the class and priority of a process's disk requests.
 *
 * Header  include/uapi/linux/ioprio.h
 * Since   Linux 2.6.13
 * Needs   nothing for the idle class
 * @see https://man7.org/linux/man-pages/man2/ioprio_set.2.html
 */
export function ioprioSet(args: { pid: number; priority: number }): Syscall {
  return syscall("ioprio_set", {
    words: [IOPRIO_WHO_PROCESS, args.pid, args.priority],
    text: () => ["IOPRIO_WHO_PROCESS", String(args.pid), String(args.priority)],
  });
}
`,
  );
}

function addOp(dir: TempDir): void {
  dir.write(
    "runtime/plan/ops/io_priority.ts",
    `import { IOPRIO_CLASS_IDLE, IOPRIO_CLASS_SHIFT } from "../../../ffi/abi/ioprio.ts";
import { ioprioSet } from "../../../ffi/calls/ioprio.ts";
import type { OpCommon, OpDefinition } from "../op.ts";

export interface IoPriority extends OpCommon {
  readonly kind: "io.priority";
}

export const ioPriority: OpDefinition<IoPriority> = {
  describe: () => "ioprio_set(IOPRIO_CLASS_IDLE)",
  lower(_op, to) {
    to.call(ioprioSet({ pid: 0, priority: IOPRIO_CLASS_IDLE << IOPRIO_CLASS_SHIFT }));
  },
};
`,
  );
  const registry = "runtime/plan/ops/registry.ts";
  insert(dir, registry, {
    after: 'import type { OpDefinition } from "../op.ts";\n',
    added: 'import * as io from "./io_priority.ts";\n',
  });
  insert(dir, registry, { after: "export type Op =\n", added: "  | io.IoPriority\n" });
  insert(dir, registry, {
    after: "export const OPS = {\n",
    added: '  "io.priority": io.ioPriority,\n',
  });
}

function addLimit(dir: TempDir): void {
  const field =
    "\n  /** 1: only where nobody else wants the processor. */\n  readonly cpuIdle?: number;";
  insert(dir, "spec/model/spec_type.ts", {
    after: "readonly misc?: Readonly<Record<string, number>>;",
    added: field,
  });
  insert(dir, "spec/model/desired.ts", { after: "readonly cpus?: number;", added: field });
  const limits = "spec/model/limits.ts";
  insert(dir, limits, {
    after: "export const LIMITS_SCHEMA: Schema = map({\n",
    added: "  cpuIdle: {\n    ...COUNT,\n    maximum: 1,\n" +
      '    title: "Idle",\n    description: "Only when nobody else runs.",\n    examples: [1],\n  },\n',
  });
  insert(dir, limits, {
    after: "    ...(misc === undefined ? {} : { misc: { ...misc } }),\n",
    added: "    ...(value.cpuIdle === undefined ? {} : { cpuIdle: value.cpuIdle }),\n",
  });
  dir.write(
    "runtime/subjects/limits/cpu_idle.ts",
    `import { exact, type Limit } from "./knob.ts";

/** Only where nobody else wants the processor. */
export const cpuIdle: Limit = {
  key: "cpuIdle",
  controller: "cpu",
  asked: ({ cpuIdle }) => cpuIdle !== undefined,
  v2: ({ cpuIdle }) => cpuIdle === undefined ? [] : [exact("cpu.idle", cpuIdle)],
  v1: ({ cpuIdle }) => cpuIdle === undefined ? [] : [exact("cpu.idle", cpuIdle)],
  text: () => "cpu idle",
};
`,
  );
  const compile = "runtime/subjects/limits/compile.ts";
  insert(dir, compile, {
    after: 'import { cpu } from "./cpu.ts";\n',
    added: 'import { cpuIdle } from "./cpu_idle.ts";\n',
  });
  insert(dir, compile, {
    after: "export const LIMITS: readonly Limit[] = [",
    added: "cpuIdle, ",
  });
}

describe("docs/adding.md tells the truth:", () => {
  test("a system call is 2 files, a kind of operation 2", async () => {
    using dir = tempDir();
    copyTree(dir);
    addCall(dir);
    assertEquals(changedFiles(dir), ["ffi/abi/ioprio.ts", "ffi/calls/ioprio.ts"]);
    addOp(dir);
    assertEquals(changedFiles(dir).filter((path) => path.startsWith("runtime/")), [
      "runtime/plan/ops/io_priority.ts",
      "runtime/plan/ops/registry.ts",
    ]);
    dir.write(
      "use.ts",
      `import { showCall, type Syscall } from "./ffi/calls/call.ts";
import { definition, type Op } from "./runtime/plan/ops/registry.ts";
const op: Op = { kind: "io.priority", id: "io", where: "process", origin: "default" };
const calls: Syscall[] = [];
definition(op).lower(op, { call: (call) => calls.push(call), add() {}, label: (name) => name });
console.log([definition(op).describe(op), ...calls.map(showCall)].join("\\n"));
`,
    );
    await assertWhole(dir, "use.ts");
    assertEquals(
      await run(dir, [`${BIN}/bun`, "use.ts"]),
      "ioprio_set(IOPRIO_CLASS_IDLE)\nioprio_set(IOPRIO_WHO_PROCESS, 0, 24576)\n",
    );
  });

  test("a limit is 5 files", async () => {
    using dir = tempDir();
    copyTree(dir);
    addLimit(dir);
    assertEquals(changedFiles(dir), [
      "runtime/subjects/limits/compile.ts",
      "runtime/subjects/limits/cpu_idle.ts",
      "spec/model/desired.ts",
      "spec/model/limits.ts",
      "spec/model/spec_type.ts",
    ]);
    await run(dir, [`${BIN}/bun`, "tools/build_validators.ts"]);
    await assertWhole(dir);
    dir.write("a.yaml", "commands: [[/bin/true]]\nlimits:\n  cpuIdle: 1\n");
    const host = "tests/support/hosts/cgroup_v2.json";
    const plan = await run(dir, [`${BIN}/bun`, "mod.ts", "plan", "--host", host, "a.yaml"]);
    assertStringIncludes(plan, 'write("/sys/fs/cgroup/containerv/a/cpu.idle", "1")');
    assert(/cpu\.idle.* :3 limits\.cpuIdle$/m.test(plan), plan);
  });

  test("the page says these numbers", () => {
    const page = readFileSync(`${REPOSITORY}/docs/adding.md`, "utf8");
    for (const heading of ["call: 2 files", "limit: 5 files", "operation: 2 files"]) {
      assertStringIncludes(page, heading);
    }
  });
});
