/**
 * `npm test`: every suite under every runtime that it is for, what really ran, and whether the machine is as before.
 *
 *   --suite unit,golden   only these        --runtime bun,deno    only these
 *   --file TEXT,TEXT      only files whose path contains one of these
 *   --golden              the goldens only  --no-world            without the comparison of the machine
 *   --slowest N           the slowest N files and tests at the end
 *   --again               a file that fails is run once more, whether another ran beside it or not
 *   --patience N          a file, a test and a command line in it may take N times as long: for an emulated machine
 *   --rows                a line for each file as soon as it ends
 *   --strict              a skip that is not on the list tests/support/allowed_skips.json is a failure
 */
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { binary, bootstrap, ROOT } from "./bootstrap.mjs";
import { bundleForTests, executableForTests } from "./lib/cli_bundle.mjs";
import { buildMissing } from "./lib/build_missing.mjs";
import { mapLimited, runCommand, showMs } from "./lib/process.mjs";
import { runFiles } from "./lib/runners.mjs";
import {
  isAlone,
  mayRunUnder,
  pureTestFiles,
  SUITES,
  testFiles,
  timeoutMsOf,
} from "./lib/suites.mjs";

const BATCH_SECONDS = 240;
const FILE_SECONDS = 120;
/** The promise to those who wait: all of it within ten minutes. CONTAINERV_TEST_MINUTES gives a slow machine more. */
const TOTAL_MS = Number(process.env.CONTAINERV_TEST_MINUTES ?? 10) * 60_000;

function parseOptions() {
  const { values } = parseArgs({
    options: {
      suite: { type: "string" },
      runtime: { type: "string", default: "bun,deno,node" },
      file: { type: "string", default: "" },
      golden: { type: "boolean", default: false },
      world: { type: "boolean", default: true },
      slowest: { type: "string", default: "0" },
      again: { type: "boolean", default: false },
      patience: { type: "string", default: "1" },
      rows: { type: "boolean", default: false },
      strict: { type: "boolean", default: process.env.CONTAINERV_STRICT_SKIPS === "1" },
    },
    allowNegative: true,
  });
  const all = SUITES.map((suite) => suite.name).join(",");
  const suites = (values.golden ? "golden" : values.suite ?? all).split(",");
  const unknown = suites.find((name) => !SUITES.some((suite) => suite.name === name));
  if (unknown !== undefined) throw new Error(`unknown suite ${unknown}; there are ${all}`);
  return { ...values, suites, runtimes: values.runtime.split(",") };
}

/** The jobs of a suite: one for all its files, or one for each. */
function jobsOf(suite, options) {
  const matches = (path) => options.file.split(",").some((part) => path.includes(part));
  const files = testFiles(suite.name).filter(matches);
  const pure = new Set(pureTestFiles());
  return options.runtimes.flatMap((runtime) => {
    const mine = files.filter((path) =>
      mayRunUnder(path, runtime) && (runtime !== "node" || pure.has(path))
    );
    if (mine.length === 0 || (runtime === "node" && suite.perFile)) return [];
    if (!suite.perFile) return [{ suite, runtime, files: mine, timeoutMs: BATCH_SECONDS * 1000 }];
    return mine.map((path) => ({
      suite,
      runtime,
      files: [path],
      alone: isAlone(path),
      timeoutMs: timeoutMsOf(path, FILE_SECONDS) * Number(options.patience),
    }));
  });
}

function labelOf(job) {
  return `${job.suite.name} ${job.runtime}${job.suite.perFile ? ` ${job.files[0]}` : ""}`;
}

async function runJob(job, deadline) {
  const label = labelOf(job);
  const left = deadline - Date.now();
  if (left < 1000) {
    const detail = `not run: the ${TOTAL_MS / 60_000} minutes for all tests are over`;
    return {
      job,
      ms: 0,
      skipReasons: [],
      cases: [{ name: label, file: "", ms: 0, outcome: "failed", detail }],
    };
  }
  const timeoutMs = Math.min(job.timeoutMs, left);
  // Who runs beside others can't tell what they left: the comparison at the very end does.
  const env = job.shared === true ? { CONTAINERV_SHARED_MACHINE: "1" } : {};
  const result = await runFiles(job.runtime, { files: job.files, timeoutMs, label, env });
  return { job, ...result };
}

function count(results) {
  const cases = results.flatMap((result) => result.cases);
  const of = (outcome) => cases.filter((item) => item.outcome === outcome).length;
  return { passed: of("passed"), failed: of("failed"), skipped: of("skipped") };
}

function report(results) {
  const groups = Map.groupBy?.(results, groupName) ?? groupBy(results);
  for (const [name, group] of groups) {
    const { passed, failed, skipped } = count(group);
    const files = group.reduce((sum, { job }) => sum + job.files.length, 0);
    const ms = group.reduce((sum, result) => sum + result.ms, 0);
    const mark = failed === 0 ? "✔" : "✘";
    const skips = skipped > 0 ? `, ${skipped} skipped` : "";
    console.log(
      `${mark} ${name.padEnd(18)} ${files} files, ${passed} passed, ${failed} failed${skips} · ${
        showMs(ms)
      }`,
    );
  }
}

const groupName = ({ job }) => `${job.suite.name} ${job.runtime}`;

function groupBy(results) {
  const groups = new Map();
  for (const result of results) {
    const name = groupName(result);
    groups.set(name, [...(groups.get(name) ?? []), result]);
  }
  return groups;
}

function printFailures(results) {
  for (const { job, cases } of results) {
    for (const item of cases.filter(({ outcome }) => outcome === "failed")) {
      console.log(`\n✘ ${labelOf(job)}: ${item.name}`);
      console.log(item.detail.split("\n").map((line) => `    ${line}`).join("\n"));
      if (process.env.GITHUB_ACTIONS === "true") {
        const first = item.detail.split("\n")[0];
        console.log(`::error title=${labelOf(job)}::${item.name}: ${first}`);
      }
    }
  }
}

/** Prints every reason; gives those that are not legitimate here. */
function judgeSkips(results, strict) {
  const reasons = [...new Set(results.flatMap((result) => result.skipReasons))].sort();
  const allowed = JSON.parse(readFileSync(join(ROOT, "tests/support/allowed_skips.json"), "utf8"));
  const bad = reasons.filter((reason) =>
    !reason.split("; ").some((part) => allowed.some((row) => new RegExp(row.reason).test(part)))
  );
  for (const reason of reasons) {
    console.log(
      `  skipped: ${reason}${strict && bad.includes(reason) ? "   ← could run here" : ""}`,
    );
  }
  return strict ? bad : [];
}

async function world(verb, path) {
  const argv = [binary("bun"), join(ROOT, "tests/support/world.ts"), verb, path];
  return await runCommand(argv, { cwd: ROOT, timeoutMs: 30_000 });
}

/** Lines of what the tests left on the machine; a comparison that could not be made is such a line too. */
async function leftBehind(path) {
  const after = await world("diff", path);
  if (after.code === 0) return [];
  return (after.output.trim() || `the comparison ended with ${after.code}`).split("\n");
}

/** Two at a time, but for those that must be alone. */
async function runAll(options) {
  const deadline = Date.now() + TOTAL_MS;
  const jobs = SUITES.filter((suite) => options.suites.includes(suite.name))
    .flatMap((suite) => jobsOf(suite, options));
  const run = (width) => ({
    width,
    work: async (job) => {
      const result = await runJob(job, deadline);
      if (options.rows && !isDisturbed(result, options)) printRow(result);
      return result;
    },
  });
  const beside = jobs.filter((job) => !job.alone)
    .map((job) => job.suite.perFile ? { ...job, shared: true } : job)
    // Batches and long files first: the last ones shall not run on an idle machine.
    .sort((a, b) => b.timeoutMs - a.timeoutMs);
  const lone = jobs.filter((job) => job.alone);
  const results = [...await mapLimited(beside, run(2)), ...await mapLimited(lone, run(1))];
  for (let index = 0; index < results.length; index++) {
    if (isDisturbed(results[index], options)) {
      results[index] = await runAgain(results[index], deadline);
      if (options.rows) printRow(results[index]);
    }
  }
  return results;
}

/** Failed while another file ran beside it: which of the two is to blame shows when it has the machine for itself. */
const isDisturbed = ({ job, cases }, { again }) =>
  (job.shared === true || again) && cases.some(({ outcome }) => outcome === "failed");

/** The row of one file; tools/test_vm.mjs reads it. */
function printRow(result) {
  const { job, ms, skipReasons } = result;
  const { passed, failed, skipped } = count([result]);
  const why = skipped > 0 ? ` (${skipReasons.join("; ")})` : "";
  console.log(
    `› ${job.runtime} ${
      job.files.join(" ")
    }: ${passed} passed, ${failed} failed, ${skipped} skipped · ${showMs(ms)}${why}`,
  );
}

/** What it says alone counts; what it said before is printed, whatever that is. */
async function runAgain(before, deadline) {
  const failed = before.cases.filter(({ outcome }) => outcome === "failed");
  console.log(
    `\n! ${labelOf(before.job)} failed${
      before.job.shared ? " beside another file" : ""
    }, and is run ${before.job.shared ? "alone" : "once more"}:`,
  );
  for (const { name, detail } of failed) {
    console.log(`    ${name}\n${detail.split("\n").map((line) => `        ${line}`).join("\n")}`);
  }
  const again = await runJob(before.job, deadline);
  return { ...again, ms: before.ms + again.ms };
}

function printSlowest(results, count) {
  if (count === 0) return;
  const slowest = (items) => items.sort((a, b) => b.ms - a.ms).slice(0, count);
  console.log("\nslowest files:");
  for (const { job, ms } of slowest(results.filter(({ job }) => job.suite.perFile))) {
    console.log(`  ${showMs(ms).padStart(7)} ${job.runtime.padEnd(4)} ${job.files[0]}`);
  }
  console.log("slowest tests:");
  const tests = results.flatMap(({ job, cases }) => cases.map((item) => ({ job, ...item })));
  for (const { job, name, ms = 0 } of slowest(tests)) {
    console.log(`  ${showMs(ms).padStart(7)} ${job.runtime.padEnd(4)} ${labelOf(job)}: ${name}`);
  }
}

/** True where a suite runs the command line. */
const startsCommands = ({ suites }) =>
  SUITES.some(({ name, perFile }) => perFile && suites.includes(name));

async function main() {
  bootstrap();
  const begin = Date.now();
  const options = parseOptions();
  process.env.CONTAINERV_PATIENCE = options.patience;
  if (startsCommands(options)) await buildMissing();
  const scratch = mkdtempSync(join(tmpdir(), "containerv-tests-"));
  const before = join(scratch, "before.json");
  // Other users run it too: not in a directory that is closed to them.
  const bundled = join(ROOT, `node_modules/.cache/containerv/cli-${process.pid}`);
  try {
    if (options.world) {
      const taken = await world("snapshot", before);
      if (taken.code !== 0) throw new Error(`cannot take the world's snapshot:\n${taken.output}`);
    }
    // Sources are translated once instead of at each start of the command line: a third of the time of all tests.
    process.env.CONTAINERV_TEST_CLI ??= await bundleForTests(bundled);
    // What people run, as the sources are now; it starts in half the time of the bundle under Bun.
    if (startsCommands(options)) {
      process.env.CONTAINERV_TEST_EXECUTABLE ??= await executableForTests(bundled);
    }
    const results = await runAll(options);
    const left = options.world ? await leftBehind(before) : [];
    printFailures(results);
    printSlowest(results, Number(options.slowest));
    console.log("");
    report(results);
    const badSkips = judgeSkips(results, options.strict);
    for (const line of left) console.log(`✘ left behind: ${line}`);
    if (options.world && left.length === 0) {
      console.log("✔ the machine is as before: mounts, cgroups, links, processes, files, state");
    }
    const { passed, failed } = count(results);
    const total = failed + left.length + badSkips.length;
    console.log(`  ${showMs(Date.now() - begin)}`);
    console.log(`${passed} passed, ${total} failed`);
    process.exitCode = total > 0 || passed === 0 ? 1 : 0;
  } finally {
    for (const path of [scratch, bundled]) rmSync(path, { recursive: true, force: true });
  }
}

await main();
