/** `limits` ⇄ `linux.resources`; those of disks and devices are in `limits_devices.ts`. */
import { showCpus } from "../model/cpus.ts";
import type { DesiredContainer, DesiredLimits } from "../model/desired.ts";
import type { LimitsSpec } from "../model/spec_type.ts";
import type { OciCpu, OciMemory, OciPart } from "./config.ts";
import { type Document, isNumber, isText } from "./document.ts";
import type { OciFacts } from "./facts.ts";
import {
  deviceLimitsFromOci,
  deviceLimitsToOci,
  hugetlbToOci,
  ioToOci,
  miscToOci,
  rdmaToOci,
} from "./limits_devices.ts";
import type { Said } from "./loss.ts";
import { rlimitsFromOci } from "./rlimits.ts";

/** Microseconds in which a quota is counted: the kernel's own default (kernel/sched/fair.c). */
const PERIOD_MICROSECONDS = 100_000;

/** Keys below `limits` that have a field, or are said to have none. */
export const LIMITS_IN_OCI = [
  "cpu",
  "cpuset",
  "memory",
  "swap",
  "pids",
  "io",
  "hugetlb",
  "devices",
  "rlimits",
  "rdma",
  "misc",
] as const;

/** Files of cgroup v2 that no field writes, or none without changing the value. */
const UNIFIED = ["cpu.weight", "memory.high", "memory.oom.group"];

export function limitsToOci(container: DesiredContainer, facts: OciFacts): Said<OciPart> {
  const { limits } = container;
  // A runtime makes groups for every container; whoever asks for none gets ours out of the way.
  const cgroupsPath = `/containerv/${facts.instance}`;
  if (!facts.groups) return { part: { linux: { cgroupsPath } }, losses: [] };
  const io = ioToOci(limits, facts);
  const misc = miscToOci(container, facts);
  const unified = { ...unifiedOf(limits, facts), ...misc.part };
  const memory = memoryToOci(limits);
  const cpu = cpuToOci(limits, facts);
  return {
    part: {
      linux: {
        cgroupsPath,
        resources: {
          ...deviceLimitsToOci(facts),
          ...(Object.keys(memory).length === 0 ? {} : { memory }),
          ...(Object.keys(cpu).length === 0 ? {} : { cpu }),
          ...(limits.pids === undefined ? {} : { pids: { limit: limits.pids } }),
          ...io.part,
          ...hugetlbToOci(limits),
          ...rdmaToOci(limits),
          ...(Object.keys(unified).length === 0 ? {} : { unified }),
        },
      },
    },
    losses: [...io.losses, ...misc.losses],
  };
}

function memoryToOci({ memoryBytes, memoryLowBytes, swapBytes }: DesiredLimits): OciMemory {
  return {
    ...(memoryBytes === undefined ? {} : { limit: memoryBytes }),
    ...(memoryLowBytes === undefined ? {} : { reservation: memoryLowBytes }),
    // Its `swap` is memory and swap together, whichever the version of cgroups.
    ...(memoryBytes === undefined || swapBytes === undefined
      ? {}
      : { swap: memoryBytes + swapBytes }),
  };
}

function cpuToOci({ cpus, cpuset = {} }: DesiredLimits, { knobs }: OciFacts): OciCpu {
  const shares = knobs.find(({ file }) => file === "cpu.shares");
  return {
    ...(cpus === undefined ? {} : {
      quota: Math.max(1000, Math.round(cpus * PERIOD_MICROSECONDS)),
      period: PERIOD_MICROSECONDS,
    }),
    ...(shares === undefined ? {} : { shares: Number(shares.value) }),
    ...(cpuset.cpus === undefined ? {} : { cpus: showCpus(cpuset.cpus) }),
    ...(cpuset.mems === undefined ? {} : { mems: showCpus(cpuset.mems) }),
  };
}

/** `shares` would be made another weight, and swap without memory has no field. */
function unifiedOf(
  { memoryBytes }: DesiredLimits,
  { knobs }: OciFacts,
): Readonly<Record<string, string>> {
  const files = memoryBytes === undefined ? [...UNIFIED, "memory.swap.max"] : UNIFIED;
  return Object.fromEntries(
    knobs.filter(({ file, unified }) => unified && files.includes(file))
      .map(({ file, value }) => [file, value]),
  );
}

export function limitsFromOci(document: Document): { readonly limits?: LimitsSpec } {
  const resource = (...path: readonly string[]): number | undefined => {
    const value = document.take("linux", "resources", ...path);
    // -1 is OCI's word for no limit.
    return isNumber(value) && value > 0 ? value : undefined;
  };
  const memory = resource("memory", "limit");
  const low = resource("memory", "reservation");
  const both = resource("memory", "swap");
  const pids = resource("pids", "limit");
  const quota = resource("cpu", "quota");
  const period = resource("cpu", "period") ?? PERIOD_MICROSECONDS;
  const cpuset = cpusetFromOci(document);
  const limits: LimitsSpec = {
    ...(quota === undefined ? {} : { cpu: quota / period }),
    ...(memory === undefined && low === undefined ? {} : { memory: memoryFromOci(memory, low) }),
    ...(both === undefined || memory === undefined || both < memory
      ? {}
      : { swap: both === memory ? 0 : `${both - memory}B` }),
    ...(pids === undefined ? {} : { pids }),
    ...(cpuset === undefined ? {} : { cpuset }),
    ...deviceLimitsFromOci(document),
    ...rlimitsFromOci(document),
  };
  return Object.keys(limits).length === 0 ? {} : { limits };
}

function memoryFromOci(
  memory: number | undefined,
  low: number | undefined,
): NonNullable<LimitsSpec["memory"]> {
  if (memory !== undefined && low === undefined) return `${memory}B`;
  return {
    ...(memory === undefined ? {} : { max: `${memory}B` }),
    ...(low === undefined ? {} : { low: `${low}B` }),
  };
}

function cpusetFromOci(document: Document): LimitsSpec["cpuset"] {
  const read = (key: "cpus" | "mems"): string | undefined => {
    const value = document.take("linux", "resources", "cpu", key);
    return isText(value) && value !== "" ? value : undefined;
  };
  const [cpus, mems] = [read("cpus"), read("mems")];
  if (cpus === undefined && mems === undefined) return undefined;
  return {
    ...(cpus === undefined ? {} : { cpus }),
    ...(mems === undefined ? {} : { mems }),
  };
}
