import { exact, knobs, type KnobWrite, type Limit, showBytes } from "./knob.ts";

/** The kernel counts pages and rounds down (mm/page_counter.c, page_counter_memparse). */
function inPages(
  file: string,
  bytes: number | undefined,
  pageBytes: number,
): KnobWrite | undefined {
  if (bytes === undefined) return undefined;
  const held = Math.floor(bytes / pageBytes) * pageBytes;
  return { ...exact(file, bytes), holds: `${held}` };
}

/** Memory, page cache included; beyond `max` the kernel reclaims, then kills. */
export const memory: Limit = {
  key: "memory",
  controller: "memory",
  asked: ({ memoryBytes, memoryHighBytes, memoryLowBytes, oomGroup }) =>
    [memoryBytes, memoryHighBytes, memoryLowBytes, oomGroup].some((one) => one !== undefined),
  refuse({ memoryHighBytes, oomGroup }, { version }) {
    const key = memoryHighBytes !== undefined ? "high" : oomGroup ? "oomGroup" : undefined;
    if (version === 2 || key === undefined) return undefined;
    return {
      why: `its \`${key}\` is a word of cgroup v2, and the memory controller is on v1 here`,
      fix: `take \`${key}\` out, or start the machine with cgroup v2 alone`,
    };
  },
  v2: ({ memoryBytes, memoryHighBytes, memoryLowBytes, oomGroup }, { host: { pageBytes } }) =>
    knobs(
      inPages("memory.max", memoryBytes, pageBytes),
      inPages("memory.high", memoryHighBytes, pageBytes),
      inPages("memory.low", memoryLowBytes, pageBytes),
      oomGroup && exact("memory.oom.group", 1),
    ),
  v1: ({ memoryBytes, memoryLowBytes }, { host: { pageBytes } }) =>
    knobs(
      inPages("memory.limit_in_bytes", memoryBytes, pageBytes),
      inPages("memory.soft_limit_in_bytes", memoryLowBytes, pageBytes),
    ),
  text({ memoryBytes, memoryHighBytes, memoryLowBytes, oomGroup }) {
    const parts = [
      memoryBytes === undefined ? "" : ` ${showBytes(memoryBytes)}`,
      memoryHighBytes === undefined ? "" : ` high ${showBytes(memoryHighBytes)}`,
      memoryLowBytes === undefined ? "" : ` low ${showBytes(memoryLowBytes)}`,
      oomGroup ? " all or none" : "",
    ];
    return `memory${parts.join("")}`;
  },
};

/** Memory that may be swapped out. v2 counts it by itself, v1 together with memory. */
export const swap: Limit = {
  key: "swap",
  controller: "memory",
  asked: ({ swapBytes }) => swapBytes !== undefined,
  refuse({ memoryBytes }, { version }) {
    if (version === 2 || memoryBytes !== undefined) return undefined;
    return {
      why: "cgroup v1 limits swap and memory together, and there is no limit of memory",
      fix: "limits: {memory: …} too",
    };
  },
  v2: ({ swapBytes }, { host: { pageBytes } }) =>
    knobs(inPages("memory.swap.max", swapBytes, pageBytes)),
  v1: ({ memoryBytes = 0, swapBytes = 0 }, { host: { pageBytes } }) =>
    knobs(inPages("memory.memsw.limit_in_bytes", memoryBytes + swapBytes, pageBytes)),
  text: ({ swapBytes }) =>
    swapBytes === undefined ? undefined : `swap ${swapBytes === 0 ? "none" : showBytes(swapBytes)}`,
};
