/** Runs test files under a runtime and reads back what really ran. */
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { binary, ROOT } from "../bootstrap.mjs";
import { bundleForNode } from "./bundle.mjs";
import { readJunit } from "./junit.mjs";
import { runCommand } from "./process.mjs";

/** Longest time of a single test on a machine that is not emulated; files and batches have their own limits. */
const TEST_TIMEOUT_MS = 120_000;

function testArguments(runtime, job) {
  const files = job.files.map((file) => `./${file}`);
  const report = job.report;
  if (runtime === "bun") {
    const patience = Number(process.env.CONTAINERV_PATIENCE ?? 1);
    const flags = ["--reporter=junit", `--reporter-outfile=${report}`];
    return [binary("bun"), "test", `--timeout=${TEST_TIMEOUT_MS * patience}`, ...flags, ...files];
  }
  if (runtime === "deno") {
    const config = `--config=${join(ROOT, "deno.json")}`;
    const v8 = process.env.CONTAINERV_TEST_V8_FLAGS;
    const interpret = v8 === undefined ? [] : [`--v8-flags=${v8}`];
    const flags = ["-A", "--no-check", ...interpret, config, `--junit-path=${report}`];
    return [binary("deno"), "test", ...flags, ...(files.length > 1 ? [importAll(job)] : files)];
  }
  const reporter = ["--test-reporter=junit", `--test-reporter-destination=${report}`];
  return [process.execPath, "--enable-source-maps", "--test", ...reporter, ...files];
}

/**
 * One file that imports all: Deno has an isolate and a module graph for each file that is named, 0.2 s of processor time
 * for each. The tests share their globals then, as they do under Bun; the report still names the file of each.
 */
function importAll({ files, scratch }) {
  const path = join(scratch, "all_test.ts");
  const lines = files.map((file) =>
    `import ${JSON.stringify(pathToFileURL(join(ROOT, file)).href)};\n`
  );
  writeFileSync(path, lines.join(""));
  return path;
}

function tail(text, count = 60) {
  return text.trimEnd().split("\n").slice(-count).join("\n");
}

/** How the process ended, when that is not told by its report: undefined when all is well. */
function endProblem(result, cases) {
  if (result.timedOut) return `ended by the time limit after ${Math.round(result.ms / 1000)} s`;
  if (result.signal !== null) return `ended by ${result.signal}`;
  const failed = cases.some((item) => item.outcome === "failed");
  if (result.code !== 0 && !failed) return `exit ${result.code} though no test failed`;
  if (result.code === 0 && cases.length === 0) return "ran no test";
  return undefined;
}

/**
 * Runs `files` in one process. `{cases, skipReasons, ms, output}`; a process that ended badly adds a failed case of its own,
 * so nothing that did not run can count as passed.
 */
export async function runFiles(runtime, options) {
  const { files, timeoutMs, label, env = {} } = options;
  const scratch = mkdtempSync(join(tmpdir(), "containerv-run-"));
  try {
    const job = { files, scratch, report: join(scratch, "report.xml") };
    const bundled = runtime === "node" ? await bundleForNode(files, nodeOutput()) : undefined;
    if (bundled !== undefined) job.files = bundled.files;
    const skipLog = join(scratch, "skips");
    const result = await runCommand(testArguments(runtime, job), {
      cwd: ROOT,
      env: { ...process.env, NO_COLOR: "1", TZ: "UTC", CONTAINERV_SKIP_LOG: skipLog, ...env },
      timeoutMs,
    });
    const read = (path) => existsSync(path) ? readFileSync(path, "utf8") : "";
    const cases = readJunit(read(job.report));
    const fail = (name, detail) => cases.push({ name, file: "", outcome: "failed", detail });
    for (const { entry, message } of bundled?.problems ?? []) fail(entry, `no bundle: ${message}`);
    const problem = endProblem(result, cases);
    if (problem !== undefined) fail(label, `${problem}\n${tail(result.output)}`);
    const skipReasons = [...new Set(read(skipLog).split("\n").filter(Boolean))];
    if (cases.some((item) => item.outcome === "skipped") && skipReasons.length === 0) {
      fail(label, "a test was skipped without a reason");
    }
    return { cases, skipReasons, ms: result.ms, output: result.output };
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
}

/** Bundles must lie inside the repository: their imports of packages are found from there. */
function nodeOutput() {
  return join(ROOT, "node_modules/.cache/containerv/node-tests");
}
