/**
 * `npm run guard`: takes one mitigation after the other out of a copy of the tree and demands that its test fails there.
 * tests/security/guards.json is the table: case, file, the text that is taken out (and what stands there instead), the test.
 *
 *   --runtime bun|deno   default bun          --only TEXT   rows whose case or file contains it
 *   --sample N           every Nth row
 */
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, relative } from "node:path";
import { parseArgs } from "node:util";
import { binary, bootstrap, ROOT } from "./bootstrap.mjs";
import { runCommand } from "./lib/process.mjs";

const TABLE = "tests/security/guards.json";
const ROW_MS = 180_000;

/** The rows of the table. */
export function guards(root = ROOT) {
  return JSON.parse(readFileSync(join(root, TABLE), "utf8"));
}

/** The file without its mitigation; throws unless the text stands there exactly once. */
export function withoutGuard({ file, text, with: instead }, source) {
  const parts = source.split(text);
  if (parts.length !== 2) throw new Error(`${file} has ${parts.length - 1} times: ${text}`);
  return parts.join(instead);
}

const escapeName = (name) => name.replace(/[.*+?^${}()|[\]\\/]/g, "\\$&");

function argumentsOf(runtime, row) {
  const file = `./${row.test}`;
  if (runtime === "deno") {
    return [
      binary("deno"),
      "test",
      "-A",
      "--no-check",
      "--filter",
      `/${escapeName(row.name)}/`,
      file,
    ];
  }
  return [binary("bun"), "test", `--timeout=${ROW_MS}`, "-t", escapeName(row.name), file];
}

/** What the run says: how many tests of that name passed and failed. */
async function runTest(runtime, row, cwd) {
  const env = { ...process.env, NO_COLOR: "1", CONTAINERV_SHARED_MACHINE: "1" };
  const result = await runCommand(argumentsOf(runtime, row), { cwd, env, timeoutMs: ROW_MS });
  const count = (pattern) => Number(pattern.exec(result.output)?.[1] ?? 0);
  const [passed, failed] = runtime === "deno"
    ? [count(/\| (\d+) passed/), count(/\| (\d+) failed/)]
    : [count(/^\s*(\d+) pass$/m), count(/^\s*(\d+) fail$/m)];
  return { ...result, passed, failed };
}

/** `undefined` when the test failed without its mitigation, as it must; else why the row proves nothing. */
async function checkRow(runtime, row, copy) {
  const path = join(copy, row.file);
  const source = readFileSync(path, "utf8");
  writeFileSync(path, withoutGuard(row, source));
  try {
    const { code, passed, failed, output } = await runTest(runtime, row, copy);
    if (failed > 0) return undefined;
    if (passed === 0) return `no test of that name was run (exit ${code}): ${output.slice(-300)}`;
    return "its test passes without it";
  } finally {
    writeFileSync(path, source);
  }
}

function makeCopy() {
  const copy = mkdtempSync(join(tmpdir(), "containerv-guard-"));
  const skipped = new Set(["node_modules", ".git", "dist"]);
  cpSync(ROOT, copy, {
    recursive: true,
    filter: (path) => !skipped.has(relative(ROOT, path)),
  });
  symlinkSync(join(ROOT, "node_modules"), join(copy, "node_modules"));
  return copy;
}

async function main() {
  const { values } = parseArgs({
    options: {
      runtime: { type: "string", default: "bun" },
      only: { type: "string", default: "" },
      sample: { type: "string", default: "1" },
    },
  });
  bootstrap();
  const rows = guards().filter((row) => `${row.case} ${row.file}`.includes(values.only))
    .filter((_, index) => index % Number(values.sample) === 0);
  const copy = makeCopy();
  let survived = 0;
  try {
    for (const row of rows) {
      const begin = Date.now();
      const problem = await checkRow(values.runtime, row, copy);
      if (problem !== undefined) survived++;
      const seconds = ((Date.now() - begin) / 1000).toFixed(1);
      console.log(
        `${problem === undefined ? "✔" : "✘"} ${row.case} · ${
          problem ?? "its test fails"
        } · ${seconds} s`,
      );
    }
  } finally {
    rmSync(copy, { recursive: true, force: true });
  }
  console.log(`${rows.length - survived} of ${rows.length} mitigations are held by their tests`);
  process.exitCode = survived > 0 || rows.length === 0 ? 1 : 0;
}

if (process.argv[1] === join(ROOT, "tools/guard.mjs")) await main();
