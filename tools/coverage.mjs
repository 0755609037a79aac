/**
 * `npm run coverage`: the unit and golden tests of the pure folders under Node, measured by c8 through source maps.
 * Fails below 95 % of lines and names every file with uncovered lines.
 */
import { existsSync, mkdirSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { binary, bootstrap, ROOT } from "./bootstrap.mjs";
import { bundleForNode } from "./lib/bundle.mjs";
import { runCommand } from "./lib/process.mjs";
import { codeLines } from "./lib/source_lines.mjs";
import { PURE_FOLDERS, pureSourceFiles, pureTestFiles } from "./lib/suites.mjs";

const LEAST_PERCENT = 95;
const OUT = join(ROOT, "coverage");

/** Imports every source file: what no test imports at all must count as uncovered. */
function everySourceFile(paths) {
  const imports = paths.map((path) => `import ${JSON.stringify(`./${path}`)};\n`).join("");
  const test = `import { test } from "node:test";\ntest("every source file loads", () => {});\n`;
  return { name: "every_source_file.ts", contents: imports + test };
}

/** Bundles sources and tests; `code` has the lines of each source that became code. */
async function bundleAll(scratch) {
  const sources = await bundleForNode(pureSourceFiles(), join(scratch, "sources"));
  const broken = new Set(sources.problems.map(({ entry }) => entry));
  const whole = everySourceFile(pureSourceFiles().filter((path) => !broken.has(path)));
  const { files, problems } = await bundleForNode([...pureTestFiles(), whole], scratch);
  const bundle = files.find((path) => path.endsWith("every_source_file.mjs"));
  if (bundle === undefined) {
    throw new Error(`no bundle of the sources: ${problems.at(-1)?.message}`);
  }
  const code = codeLines(join(ROOT, bundle));
  return { files, problems: [...sources.problems, ...problems], code };
}

/** `3-5,9`: ranges of the lines that were never run. */
function ranges(lines) {
  const out = [];
  for (const line of lines) {
    const last = out.at(-1);
    if (last !== undefined && last[1] === line - 1) last[1] = line;
    else out.push([line, line]);
  }
  return out.map(([from, to]) => from === to ? `${from}` : `${from}-${to}`).join(",");
}

/** Lines with a word that became code: c8 by itself counts comments, types and lone brackets as covered lines. */
function wordLines(path, lines) {
  const text = readFileSync(join(ROOT, path), "utf8").split("\n");
  return [...lines].filter((line) => /[\w$"'`]/.test(text[line - 1] ?? "")).sort((a, b) => a - b);
}

/** `{path, total, missed}` of one source file; without data nothing of it ran. */
function lineCoverage(path, { lines, data }) {
  const hits = new Map();
  for (const [id, { start }] of Object.entries(data?.statementMap ?? {})) {
    hits.set(start.line, Math.max(hits.get(start.line) ?? 0, data.s[id]));
  }
  const counted = wordLines(path, lines);
  return {
    path,
    total: counted.length,
    missed: counted.filter((line) => (hits.get(line) ?? 0) === 0),
  };
}

function sum(rows) {
  const total = rows.reduce((n, row) => n + row.total, 0);
  const missed = rows.reduce((n, row) => n + row.missed.length, 0);
  return { total, missed, percent: total === 0 ? 0 : ((total - missed) / total) * 100 };
}

function printReport(rows) {
  for (const { path, missed } of rows) {
    if (missed.length > 0) console.log(`  uncovered ${path}:${ranges(missed)}`);
  }
  for (const folder of PURE_FOLDERS) {
    const { total, missed, percent } = sum(
      rows.filter(({ path }) => path.startsWith(`${folder}/`)),
    );
    if (total === 0) continue;
    console.log(
      `${folder.padEnd(18)} ${percent.toFixed(1)} %  ${total - missed} of ${total} lines`,
    );
  }
}

/**
 * Without `--exclude-after-remap`, which tests the URLs of the sources against path patterns and so drops every range,
 * leaving all lines covered: the bundles are chosen instead, and the report is cut down to the pure folders by us.
 */
async function measure(files) {
  const c8 = [
    binary("c8"),
    "--include=coverage/bundles/**",
    // The default leaves out all below coverage/.
    "--exclude=**/node_modules/**",
    "--reporter=json",
    "--reporter=lcovonly",
    `--reports-dir=${OUT}`,
    `--temp-directory=${join(OUT, "raw")}`,
  ];
  const node = [process.execPath, "--test", "--test-reporter=dot", ...files];
  return await runCommand([...c8, ...node], { cwd: ROOT, timeoutMs: 300_000 });
}

async function main() {
  bootstrap();
  const scratch = join(OUT, "bundles");
  rmSync(OUT, { recursive: true, force: true });
  mkdirSync(OUT, { recursive: true });
  const { files, problems, code } = await bundleAll(scratch);
  const result = await measure(files);
  const file = join(OUT, "coverage-final.json");
  if (result.code !== 0) console.log(result.output);
  if (!existsSync(file)) throw new Error("c8 has written no report");
  const report = JSON.parse(readFileSync(file, "utf8"));
  const pure = new Set(pureSourceFiles());
  const rows = [...code].filter(([path]) => pure.has(path))
    .map(([path, lines]) => lineCoverage(path, { lines, data: report[join(ROOT, path)] }))
    .sort((a, b) => a.path < b.path ? -1 : 1);
  printReport(rows);
  for (const { entry, message } of problems) console.log(`✘ ${entry} was not measured: ${message}`);
  const { percent, total } = sum(rows);
  const enough = percent >= LEAST_PERCENT;
  console.log(
    `${enough ? "✔" : "✘"} ${
      percent.toFixed(2)
    } % of ${total} lines of code in ${rows.length} files, ` +
      `${LEAST_PERCENT} % needed · coverage/lcov.info`,
  );
  if (result.code !== 0) console.log(`✘ tests failed under Node: ${result.code ?? result.signal}`);
  if (!enough || problems.length > 0 || result.code !== 0) process.exitCode = 1;
}

await main();
