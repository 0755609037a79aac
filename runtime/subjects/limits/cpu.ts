import { exact, knobs, type Limit } from "./knob.ts";

/** Length of one accounting period; the kernel's own default (kernel/sched/fair.c). */
const PERIOD_MICROSECONDS = 100_000;

const quota = (cpus: number): number => Math.max(1000, Math.round(cpus * PERIOD_MICROSECONDS));

/** The kernel's default is a weight of 100 and 1024 shares (kernel/sched/core.c, sched_weight_from_cgroup); 2 is the least. */
const shares = (weight: number): number =>
  Math.min(262_144, Math.max(2, Math.round(weight * 1024 / 100)));

/** Processor time per wall-clock time (1.5 = one and a half CPUs), and the share of it where others want it too. */
export const cpu: Limit = {
  key: "cpu",
  controller: "cpu",
  asked: ({ cpus, cpuWeight }) => cpus !== undefined || cpuWeight !== undefined,
  v2: ({ cpus, cpuWeight }) =>
    knobs(
      cpus === undefined ? undefined : exact("cpu.max", `${quota(cpus)} ${PERIOD_MICROSECONDS}`),
      cpuWeight === undefined ? undefined : exact("cpu.weight", cpuWeight),
    ),
  v1: ({ cpus, cpuWeight }) =>
    knobs(
      cpus === undefined ? undefined : exact("cpu.cfs_period_us", PERIOD_MICROSECONDS),
      cpus === undefined ? undefined : exact("cpu.cfs_quota_us", quota(cpus)),
      cpuWeight === undefined ? undefined : exact("cpu.shares", shares(cpuWeight)),
    ),
  text: ({ cpus, cpuWeight }) =>
    `cpu${cpus === undefined ? "" : ` ${cpus}`}${
      cpuWeight === undefined ? "" : ` weight ${cpuWeight}`
    }`,
};
