import { exact, type Limit } from "./knob.ts";

/** Length of one accounting period; the kernel's own default (kernel/sched/fair.c). */
const PERIOD_MICROSECONDS = 100_000;

const quota = (cpus: number): number => Math.max(1000, Math.round(cpus * PERIOD_MICROSECONDS));

/** Processor time per wall-clock time: 1.5 = one and a half CPUs. */
export const cpu: Limit = {
  key: "cpu",
  controller: "cpu",
  v2: ({ cpus }) =>
    cpus === undefined ? [] : [exact("cpu.max", `${quota(cpus)} ${PERIOD_MICROSECONDS}`)],
  v1: ({ cpus }) =>
    cpus === undefined ? [] : [
      exact("cpu.cfs_period_us", PERIOD_MICROSECONDS),
      exact("cpu.cfs_quota_us", quota(cpus)),
    ],
  text: ({ cpus }) => cpus === undefined ? undefined : `cpu ${cpus}`,
};
