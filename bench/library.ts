/**
 * The library's time per container, back to back in one process: `bun bench/library.ts COUNT WARMUP` or
 * `deno run -A bench/library.ts COUNT WARMUP`. Prints the form of floor.c, one line:
 * `{"median_ns": N, "samples_ns": [...], "peak_rss_kib": N}`.
 */
import process from "node:process";

interface Output {
  readonly code: number | null;
}

/** The part of the library that is measured; stated here so that this file is checked before mod.ts has it. */
interface Library {
  run(spec: unknown): Promise<Output>;
}

const SPEC = {
  name: "bench-true",
  commands: [["/bin/true"]],
  limits: { memory: "64MiB", pids: 16 },
  policy: "none",
};

async function loadLibrary(): Promise<Library> {
  const loaded: Partial<Library> = await import("../mod.ts");
  if (typeof loaded.run !== "function") {
    throw new Error("mod.ts exports no function `run`: the library can't be measured yet");
  }
  return loaded as Library;
}

function readCount(text: string | undefined, name: string): number {
  const count = Number(text);
  if (!Number.isSafeInteger(count) || count < 0) {
    throw new RangeError(`${name} is a count, not ${JSON.stringify(text)}`);
  }
  return count;
}

async function measure(library: Library): Promise<number> {
  const start = process.hrtime.bigint();
  const { code } = await library.run(SPEC);
  const took = process.hrtime.bigint() - start;
  if (code !== 0) throw new Error(`/bin/true in the container ended with ${code}`);
  return Number(took);
}

function median(values: readonly number[]): number {
  const ascending = [...values].sort((a, b) => a - b);
  const half = ascending.length >> 1;
  const upper = ascending[half] ?? NaN;
  return ascending.length % 2 === 1 ? upper : ((ascending[half - 1] ?? NaN) + upper) / 2;
}

async function main(): Promise<void> {
  const count = readCount(process.argv[2], "COUNT");
  const warmup = readCount(process.argv[3], "WARMUP");
  const library = await loadLibrary();
  for (let i = 0; i < warmup; i++) await measure(library);
  const samples: number[] = [];
  for (let i = 0; i < count; i++) samples.push(await measure(library));
  console.log(JSON.stringify({
    median_ns: median(samples),
    samples_ns: samples,
    peak_rss_kib: process.resourceUsage().maxRSS,
  }));
}

await main();
