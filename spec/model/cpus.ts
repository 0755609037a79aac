import type { Context, Part } from "./context.ts";
import type { Schema } from "./fragment.ts";

/** Lists of CPUs and memory nodes are spelled alike: numbers and ranges, as the kernel shows them. */
export const CPU_LIST: Schema = {
  type: "string",
  pattern: "^[0-9]{1,4}(-[0-9]{1,4})?(,[0-9]{1,4}(-[0-9]{1,4})?)*$",
  maxLength: 4095,
  "x-expects": 'numbers and ranges such as "0-3,6"',
};

/** CONFIG_NR_CPUS of the largest kernels. */
const MAX_CPUS = 8192;

/** `6,0-2,1` → `[0, 1, 2, 6]`; the schema accepted its form. A range that goes down, or is too large, is reported. */
export function readCpus(context: Context, { value, pointer }: Part<string>): readonly number[] {
  const all = new Set<number>();
  for (const range of value.split(",")) {
    const [first = 0, last = first] = range.split("-").map(Number);
    if (last < first || last >= MAX_CPUS) {
      const message = last < first
        ? `the range ${range} goes down`
        : `${last} is more than any kernel has: they go from 0 to ${MAX_CPUS - 1}`;
      context.report({ code: "BAD_CPUS", message, pointer });
      return [];
    }
    for (let cpu = first; cpu <= last; cpu++) all.add(cpu);
  }
  return [...all].sort((a, b) => a - b);
}

/** `[0, 1, 2, 6]` → `0-2,6`, as the kernel prints it (bitmap_print_to_pagebuf). */
export function showCpus(cpus: readonly number[]): string {
  const ranges: [number, number][] = [];
  for (const cpu of cpus) {
    const last = ranges.at(-1);
    if (last !== undefined && cpu === last[1] + 1) last[1] = cpu;
    else ranges.push([cpu, cpu]);
  }
  return ranges.map(([from, to]) => from === to ? `${from}` : `${from}-${to}`).join(",");
}
