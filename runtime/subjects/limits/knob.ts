/** What a limit is to the kernel: one file per cgroup version. */
import type { DesiredLimits } from "../../../spec/model/desired.ts";
import type { Host } from "../../plan/host.ts";

/** One file to write, and what it holds afterwards. */
export interface KnobWrite {
  /** Name of the file, as `memory.max`. */
  readonly file: string;
  readonly value: string;
  /** As the kernel shows it after rounding. */
  readonly holds: string;
}

/** A limit of the user, said in the words of both cgroup versions. */
export interface Limit {
  /** Key below `limits:`. */
  readonly key: string;
  readonly controller: string;
  /** Empty: this limit is not asked for. */
  readonly v2: (limits: DesiredLimits, host: Host) => readonly KnobWrite[];
  readonly v1: (limits: DesiredLimits, host: Host) => readonly KnobWrite[];
  /** As the line after a run says it: `memory 64MiB`. */
  readonly text: (limits: DesiredLimits) => string | undefined;
}

/** A knob whose file holds just what is written. */
export function exact(file: string, value: number | string): KnobWrite {
  return { file, value: `${value}`, holds: `${value}` };
}
