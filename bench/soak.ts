/**
 * Many short lives in one process: `bun bench/soak.ts COUNT` or `deno run -A bench/soak.ts COUNT` (10000). Each is `start` of a container with
 * limits, and its destruction. Prints what is there afterwards that was not before, how the process has grown, and whether the
 * last tenth is slower than the first; exit status 1 when something was left. Needs root. Under Deno with
 * `--v8-flags=--expose-gc,--max-semi-space-size=1`: else what has grown is the young generation, which V8 empties and keeps.
 */
import { readdirSync, readFileSync } from "node:fs";
import process from "node:process";
import { setTimeout as sleep } from "node:timers/promises";
import { start } from "../mod.ts";

const COUNT = Number(process.argv[2] ?? 10_000);
/** What the runtime opens, compiles and allocates once. */
const WARMUP = Math.min(500, COUNT);
const SPEC = {
  policy: "none",
  limits: { memory: "64MiB", pids: 16 },
  commands: [["sleep", "600"]],
} as const;

async function cycle(): Promise<number> {
  const begun = performance.now();
  const container = await start(SPEC);
  await container[Symbol.asyncDispose]();
  return performance.now() - begun;
}

const lines = (path: string): number => readFileSync(path, "utf8").split("\n").length - 1;

/** What cycles must leave as it was. */
function world(): Readonly<Record<string, number>> {
  return {
    "descriptors": readdirSync("/proc/self/fd").length,
    "mounts": lines("/proc/self/mountinfo"),
    "cgroups": cgroupsOf(),
    "links": readdirSync("/sys/class/net").length,
    "children": readFileSync("/proc/thread-self/children", "utf8").trim().split(" ").length,
  };
}

/** Groups of cycles, in every hierarchy. */
function cgroupsOf(): number {
  const mounts = readdirSync("/sys/fs/cgroup").map((name) => `/sys/fs/cgroup/${name}`);
  return ["/sys/fs/cgroup", ...mounts]
    .reduce((count, mount) => count + directoriesIn(`${mount}/containerv`), 0);
}

function directoriesIn(path: string): number {
  try {
    return readdirSync(path, { withFileTypes: true }).filter((entry) =>
      entry.isDirectory() && entry.name.startsWith("container-")
    ).length;
  } catch {
    return 0; // nothing of ours is there
  }
}

const rssKib = (): number =>
  Number(/^VmRSS:\s+(\d+)/m.exec(readFileSync("/proc/self/status", "utf8"))?.[1]);

const collect = (globalThis as { Bun?: { gc: (all: boolean) => void } }).Bun?.gc ??
  (globalThis as { gc?: () => void }).gc;

async function settledRss(): Promise<number> {
  for (let count = 0; count < 3; count++) {
    collect?.(true);
    await sleep(100);
  }
  return rssKib();
}

function percentile(values: readonly number[], share: number): number {
  const ascending = [...values].sort((a, b) => a - b);
  return ascending[Math.min(ascending.length - 1, Math.floor(ascending.length * share))] ?? NaN;
}

/** How the tenths of the run compare: a run of a machine that somebody else used meanwhile shows a step, a leak shows a slope. */
function drifts(times: readonly number[]): void {
  const tenth = Math.max(1, Math.floor(times.length / 10));
  const tenths = Array.from({ length: 10 }, (_, n) => times.slice(n * tenth, (n + 1) * tenth));
  for (const share of [0.5, 0.99]) {
    const values = tenths.filter(({ length }) => length > 0).map((part) => percentile(part, share));
    const drift = (((values.at(-1) ?? NaN) / (values[0] ?? NaN) - 1) * 100).toFixed(0);
    const steps = values.map((value) => value.toFixed(1)).join(" ");
    console.log(`p${share * 100} of tenths `.padEnd(14) + `${steps} ms (${drift} %)`);
  }
}

async function main(): Promise<number> {
  if (!Number.isSafeInteger(COUNT) || COUNT < 1) throw new RangeError("COUNT is a count");
  for (let count = 0; count < WARMUP; count++) await cycle();
  const [before, rssBefore] = [world(), await settledRss()];
  const times: number[] = [];
  for (let count = 0; count < COUNT; count++) times.push(await cycle());
  const [after, rssAfter] = [world(), await settledRss()];
  console.log(`${COUNT} cycles of start and destroy`);
  let left = 0;
  for (const [what, count] of Object.entries(after)) {
    left += Math.abs(count - (before[what] ?? 0));
    console.log(`${what.padEnd(12)} ${before[what]} → ${count}`);
  }
  const grown = (rssAfter - rssBefore) / 1024;
  console.log(
    `RSS          ${(rssBefore / 1024).toFixed(1)} MiB, grown by ${grown.toFixed(1)} MiB`,
  );
  drifts(times);
  return left === 0 ? 0 : 1;
}

process.exit(await main());
