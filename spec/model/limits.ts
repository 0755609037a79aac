import { RESOURCES } from "../../ffi/abi/resource.ts";
import { join } from "../text/tree.ts";
import type { Context, Part } from "./context.ts";
import type { DesiredLimits } from "./desired.ts";
import { byType, list, map, notYet, type Schema, SIZE } from "./fragment.ts";
import { readSize } from "./quantity.ts";
import type { LimitsSpec } from "./spec_type.ts";

/** What a fork bomb is stopped at when nothing was said; most programs need a few hundred. */
const DEFAULT_PIDS = 4096;
/** PID_MAX_LIMIT of a 64-bit kernel (include/linux/threads.h): no group can hold more. */
const MAX_PIDS = 4_194_304;
/** cpu.max takes quotas from 1 ms in a period of 100 ms (kernel/sched/core.c, min_cfs_quota_period). */
const MIN_CPU = 0.01;
/** NR_CPUS of the largest kernels. */
const MAX_CPU = 8192;

const ONLY_MAX = "What works: max.";
const MEMORY_MAP: Schema = map({
  max: {
    title: "At most",
    description: "Beyond it the container is killed.",
    ...SIZE,
    examples: ["256MiB"],
  },
  high: notYet({
    title: "Slowed down",
    description: "Beyond it the container is slowed down.",
    ...SIZE,
    examples: ["200MiB"],
  }, ONLY_MAX),
  low: notYet({
    title: "Kept",
    description: "Below it memory is not taken away.",
    ...SIZE,
    examples: ["64MiB"],
  }, ONLY_MAX),
}, { minProperties: 1 });

const COUNT: Schema = { type: "integer", minimum: 1, "x-expects": "a whole number" };

const LATER: Readonly<Record<string, Schema>> = {
  swap: notYet(
    byType({ string: SIZE, integer: { const: 0 } }, {
      title: "Swap",
      description: "Memory that may be swapped out, besides `memory`; 0 for none.",
      examples: [0, "1GiB"],
      "x-expects": "a size such as 1GiB, or 0",
    }),
    "What works: memory.",
  ),
  io: notYet(
    list(
      map({
        device: { type: "string", pattern: "^/dev/", "x-expects": "a device such as /dev/sda" },
        readBytes: SIZE,
        writeBytes: SIZE,
        readOperations: COUNT,
        writeOperations: COUNT,
      }, { required: ["device"] }),
      {
        title: "Disk",
        description: "Bytes and operations per second and device.",
        examples: [[{ device: "/dev/sda", readBytes: "10MiB" }]],
        "x-expects": "a list such as [{device: /dev/sda, readBytes: 10MiB}]",
      },
    ),
    "What works: cpu, memory, pids.",
  ),
  cpuset: notYet({
    title: "CPUs to run on",
    description: "Numbers and ranges.",
    type: "string",
    pattern: "^[0-9]+(-[0-9]+)?(,[0-9]+(-[0-9]+)?)*$",
    examples: ["0-3,6"],
    "x-expects": 'CPUs such as "0-3,6"',
  }, "What works: cpu."),
  hugetlb: notYet({
    title: "Huge pages",
    description: "Page size → at most this much.",
    type: "object",
    propertyNames: {
      pattern: "^[0-9]+(KB|MB|GB|KiB|MiB|GiB)$",
      "x-expects": "a page size such as 2MiB",
    },
    additionalProperties: SIZE,
    examples: [{ "2MiB": "64MiB" }],
    "x-expects": "a map such as {2MiB: 64MiB}",
  }, "What works: memory."),
  devices: notYet(
    list({ type: "string", pattern: "^/dev/", "x-expects": "a device such as /dev/fuse" }, {
      title: "Devices",
      description: "Devices that may be used besides the harmless ones.",
      examples: [["/dev/fuse"]],
      "x-expects": "a list such as [/dev/fuse]",
    }),
    "What works: the devices that every container has (null, zero, full, random, urandom, tty).",
  ),
  rlimits: notYet({
    title: "Limits of a process",
    description: "setrlimit(2): name → number or {soft, hard}.",
    type: "object",
    propertyNames: {
      enum: Object.keys(RESOURCES).map((name) => name.replace("RLIMIT_", "").toLowerCase()),
    },
    additionalProperties: byType({
      integer: { minimum: 0 },
      object: map({ soft: { ...COUNT, minimum: 0 }, hard: { ...COUNT, minimum: 0 } }, {
        required: ["soft", "hard"],
      }),
    }, { "x-expects": "a number or {soft: …, hard: …}" }),
    examples: [{ nofile: 1024 }],
    "x-expects": "a map such as {nofile: 1024}",
  }, "What works: `ulimit -n 1024` at the start of a shell command."),
};

export const LIMITS_SCHEMA: Schema = map({
  cpu: {
    title: "CPUs",
    description: "How many CPUs' time, as a number: 1.5 is one and a half.",
    type: "number",
    minimum: MIN_CPU,
    maximum: MAX_CPU,
    examples: [1.5],
    "x-expects": "a number of CPUs such as 1.5",
  },
  memory: byType({ string: SIZE, object: MEMORY_MAP }, {
    title: "Memory",
    description: "At most this much memory.",
    examples: ["256MiB", { max: "256MiB" }],
    "x-expects": "a size such as 256MiB",
  }),
  pids: {
    title: "Processes",
    description: "At most this many processes and threads.",
    ...COUNT,
    maximum: MAX_PIDS,
    default: DEFAULT_PIDS,
    examples: [16],
  },
  ...LATER,
}, {
  title: "Limits",
  description:
    "Without it no limit is set and no cgroup is needed. With it, what can't be enforced on this machine is an error.",
  examples: [{ cpu: 1.5, memory: "256MiB", pids: 16 }],
  "x-expects": "a map such as {memory: 256MiB, pids: 16}",
});

/** `limits:` → numbers. Absent: nothing is limited. Present: processes are, by default to 4096. */
export function normaliseLimits(
  context: Context,
  { value, pointer }: Part<LimitsSpec | undefined>,
): DesiredLimits {
  if (value === undefined) return { pidsIsDefault: false };
  const { cpu, memory, pids } = value;
  const isMap = typeof memory === "object";
  const max = isMap ? memory.max : memory;
  const at = join(pointer, "memory", ...(isMap ? ["max"] : []));
  const memoryBytes = max === undefined
    ? undefined
    : readSize(context, { value: max, pointer: at });
  return {
    ...(cpu === undefined ? {} : { cpus: cpu }),
    ...(memoryBytes === undefined ? {} : { memoryBytes }),
    pids: pids ?? DEFAULT_PIDS,
    pidsIsDefault: pids === undefined,
  };
}
