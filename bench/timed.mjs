/** Whole processes, timed by spawn_timer. */
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { capture } from "./machine.mjs";
import { parseSamples, showTable, tabulate } from "./report.mjs";

/** `containerv ARGV` with a spec cache of its own; `cold`: emptied before each sample. */
export function containervCommand({ programs, work }, { name, argv, cold = false }) {
  const cache = join(work, cold ? "cache-cold" : "cache-hot");
  mkdirSync(cache, { recursive: true });
  return {
    name,
    argv: [programs.containerv, ...argv],
    env: [`XDG_CACHE_HOME=${cache}`, "HOME=/root"],
    ...(cold ? { empty: cache } : {}),
  };
}

function writeList(path, commands) {
  const lines = commands.flatMap(({ name, argv, env = [], empty }) => [
    `command ${name}`,
    ...argv.map((word) => `arg ${word}`),
    ...env.map((pair) => `env ${pair}`),
    ...(empty ? [`empty ${empty}`] : []),
  ]);
  writeFileSync(path, lines.join("\n") + "\n");
}

/** Runs spawn_timer over the commands, prints the table. @throws {Error} when a run failed, with its stderr */
export function timeCommands({ work, helpers, options }, { title, commands, idleMs }) {
  const list = join(work, "commands");
  const log = join(work, "stderr");
  writeList(list, commands);
  writeFileSync(log, "");
  const counts = [options.samples, options.warmup, idleMs].map(String);
  const output = capture([helpers.spawn_timer, list, ...counts, log]);
  const { floorKiB, samples } = parseSamples(output);
  const rows = tabulate(samples, commands.map(({ name }) => name));
  console.log(`\n${title}, idle ${idleMs} ms before each sample (ms)\n${showTable(rows)}`);
  const failed = rows.filter((row) => row.failed.length > 0);
  if (failed.length > 0) {
    const which = failed.map((row) =>
      `${row.name}: ${row.failed.length} runs, exit ${row.failed[0]}`
    );
    const words = readFileSync(log, "utf8").split("\n").slice(0, 20).join("\n");
    throw new Error(`failed runs: ${which.join("; ")}\n${words}`);
  }
  return { title, idleMs, floorKiB, rows, samples };
}

/** In milliseconds; NaN where the table has no such row. */
export const figureMs = (table, name, what) => {
  const row = table.rows.find((candidate) => candidate.name === name);
  return row ? row[what] / 1e6 : NaN;
};

export const medianMs = (table, name) => figureMs(table, name, "median");
