import { exact, type KnobWrite, type Limit } from "./knob.ts";

const UNITS = ["B", "KiB", "MiB", "GiB", "TiB", "PiB"] as const;

/** 67108864 → `64MiB`: the largest unit that divides it. */
export function showBytes(bytes: number): string {
  let unit = 0;
  let value = bytes;
  while (unit < UNITS.length - 1 && value >= 1024 && value % 1024 === 0) {
    value /= 1024;
    unit++;
  }
  return `${value}${UNITS[unit]}`;
}

/** The kernel counts pages and rounds down (mm/page_counter.c, page_counter_memparse). */
function inPages(file: string, bytes: number, pageBytes: number): KnobWrite {
  const held = Math.floor(bytes / pageBytes) * pageBytes;
  return { ...exact(file, bytes), holds: `${held}` };
}

/** Hard limit of memory, page cache included; beyond it the kernel reclaims, then kills. */
export const memory: Limit = {
  key: "memory",
  controller: "memory",
  v2: ({ memoryBytes }, host) =>
    memoryBytes === undefined ? [] : [inPages("memory.max", memoryBytes, host.pageBytes)],
  v1: ({ memoryBytes }, host) =>
    memoryBytes === undefined
      ? []
      : [inPages("memory.limit_in_bytes", memoryBytes, host.pageBytes)],
  text: ({ memoryBytes }) =>
    memoryBytes === undefined ? undefined : `memory ${showBytes(memoryBytes)}`,
};
