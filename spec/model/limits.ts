import { join } from "../text/tree.ts";
import type { Context, Part } from "./context.ts";
import { CPU_LIST, readCpus } from "./cpus.ts";
import type { DesiredLimits } from "./desired.ts";
import { byType, map, type Schema, SIZE } from "./fragment.ts";
import {
  DEVICES_SCHEMA,
  HUGETLB_SCHEMA,
  IO_SCHEMA,
  MISC_SCHEMA,
  normaliseDevices,
  normaliseHugetlb,
  normaliseIo,
  RDMA_SCHEMA,
} from "./limits_devices.ts";
import { readSize } from "./quantity.ts";
import { normaliseRlimits, RLIMITS_SCHEMA } from "./rlimits.ts";
import type { LimitsSpec } from "./spec_type.ts";

/** What a fork bomb is stopped at when nothing was said; most programs need a few hundred. */
const DEFAULT_PIDS = 4096;
/** PID_MAX_LIMIT of a 64-bit kernel (include/linux/threads.h): no group can hold more. */
const MAX_PIDS = 4_194_304;
/** cpu.max takes quotas from 1 ms in a period of 100 ms (kernel/sched/core.c, min_cfs_quota_period). */
const MIN_CPU = 0.01;
/** NR_CPUS of the largest kernels. */
const MAX_CPU = 8192;

const MEMORY_MAP: Schema = map({
  max: {
    title: "At most",
    description: "Beyond it the kernel takes back what it can, then kills.",
    ...SIZE,
    examples: ["256MiB"],
  },
  high: {
    title: "Slowed down",
    description: "Beyond it the container is slowed down. cgroup v2 only.",
    ...SIZE,
    examples: ["200MiB"],
  },
  low: {
    title: "Kept",
    description: "Below it memory is not taken away while others have some to give.",
    ...SIZE,
    examples: ["64MiB"],
  },
  oomGroup: {
    title: "All or none",
    description: "When the kernel has to kill, it kills the whole container. cgroup v2 only.",
    type: "boolean",
    default: false,
    examples: [true],
    "x-expects": "true or false",
  },
}, { minProperties: 1 });

const COUNT: Schema = { type: "integer", minimum: 1, "x-expects": "a whole number" };

const CPUS: Schema = {
  type: "number",
  minimum: MIN_CPU,
  maximum: MAX_CPU,
  "x-expects": "a number of CPUs such as 1.5",
};

const CPU_MAP: Schema = map({
  max: { title: "At most", description: "CPUs' time.", ...CPUS, examples: [1.5] },
  weight: {
    title: "Weight",
    description: "The share where others want the CPUs too: 1 to 10000, default 100.",
    type: "integer",
    minimum: 1,
    maximum: 10_000,
    examples: [200],
    "x-expects": "a whole number from 1 to 10000",
  },
}, { minProperties: 1 });

export const LIMITS_SCHEMA: Schema = map({
  cpu: byType({ number: CPUS, object: CPU_MAP }, {
    title: "CPUs",
    description: "How many CPUs' time, as a number: 1.5 is one and a half.",
    examples: [1.5, { max: 1.5, weight: 200 }],
    "x-expects": "a number of CPUs such as 1.5",
  }),
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
  swap: byType({ string: SIZE, integer: { const: 0 } }, {
    title: "Swap",
    description:
      "Memory that may be swapped out, besides `memory`; 0 for none. With cgroup v1 it needs `memory` too.",
    examples: [0, "1GiB"],
    "x-expects": "a size such as 1GiB, or 0",
  }),
  io: IO_SCHEMA,
  cpuset: byType({
    string: CPU_LIST,
    object: map({ cpus: CPU_LIST, mems: CPU_LIST }, { minProperties: 1 }),
  }, {
    title: "CPUs to run on",
    description: "Numbers and ranges; {cpus, mems} says the memory nodes too.",
    examples: ["0-3,6"],
    "x-expects": 'CPUs such as "0-3,6"',
  }),
  hugetlb: HUGETLB_SCHEMA,
  devices: DEVICES_SCHEMA,
  rlimits: RLIMITS_SCHEMA,
  rdma: RDMA_SCHEMA,
  misc: MISC_SCHEMA,
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
  const at = <Key extends keyof LimitsSpec>(key: Key): Part<NonNullable<LimitsSpec[Key]>> => ({
    value: value[key] as NonNullable<LimitsSpec[Key]>,
    pointer: join(pointer, key),
  });
  const { pids, swap, rdma, misc } = value;
  return {
    ...(value.cpu === undefined ? {} : normaliseCpu(value.cpu)),
    ...(value.cpuset === undefined ? {} : { cpuset: normaliseCpuset(context, at("cpuset")) }),
    ...(value.memory === undefined ? {} : normaliseMemory(context, at("memory"))),
    ...(swap === undefined ? {} : normaliseSwap(context, at("swap"))),
    ...(value.io === undefined ? {} : { io: normaliseIo(context, at("io")) }),
    ...(value.hugetlb === undefined ? {} : { hugetlb: normaliseHugetlb(context, at("hugetlb")) }),
    ...(value.devices === undefined ? {} : { devices: normaliseDevices(context, at("devices")) }),
    ...(value.rlimits === undefined ? {} : { rlimits: normaliseRlimits(context, at("rlimits")) }),
    ...(rdma === undefined ? {} : { rdma: { ...rdma } }),
    ...(misc === undefined ? {} : { misc: { ...misc } }),
    pids: pids ?? DEFAULT_PIDS,
    pidsIsDefault: pids === undefined,
  };
}

function normaliseCpu(cpu: NonNullable<LimitsSpec["cpu"]>): Partial<DesiredLimits> {
  if (typeof cpu === "number") return { cpus: cpu };
  return {
    ...(cpu.max === undefined ? {} : { cpus: cpu.max }),
    ...(cpu.weight === undefined ? {} : { cpuWeight: cpu.weight }),
  };
}

function normaliseCpuset(
  context: Context,
  { value, pointer }: Part<NonNullable<LimitsSpec["cpuset"]>>,
): NonNullable<DesiredLimits["cpuset"]> {
  if (typeof value === "string") return { cpus: readCpus(context, { value, pointer }) };
  const { cpus, mems } = value;
  return {
    ...(cpus === undefined
      ? {}
      : { cpus: readCpus(context, { value: cpus, pointer: join(pointer, "cpus") }) }),
    ...(mems === undefined
      ? {}
      : { mems: readCpus(context, { value: mems, pointer: join(pointer, "mems") }) }),
  };
}

function normaliseMemory(
  context: Context,
  { value, pointer }: Part<NonNullable<LimitsSpec["memory"]>>,
): Partial<DesiredLimits> {
  if (typeof value === "string") return sized("memoryBytes", readSize(context, { value, pointer }));
  const bytes = (key: "max" | "high" | "low"): number | undefined => {
    const size = value[key];
    return size === undefined
      ? undefined
      : readSize(context, { value: size, pointer: join(pointer, key) });
  };
  return {
    ...sized("memoryBytes", bytes("max")),
    ...sized("memoryHighBytes", bytes("high")),
    ...sized("memoryLowBytes", bytes("low")),
    ...(value.oomGroup === true ? { oomGroup: true } : {}),
  };
}

function normaliseSwap(
  context: Context,
  { value, pointer }: Part<NonNullable<LimitsSpec["swap"]>>,
): Partial<DesiredLimits> {
  return sized("swapBytes", value === 0 ? 0 : readSize(context, { value, pointer }));
}

/** A size that was reported as wrong has no value. */
function sized<Key extends keyof DesiredLimits>(
  key: Key,
  bytes: number | undefined,
): Partial<DesiredLimits> {
  return bytes === undefined ? {} : { [key]: bytes };
}
