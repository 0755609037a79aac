/** What a limit is to the kernel: one file per cgroup version. */
import type { DesiredLimits } from "../../../spec/model/desired.ts";
import type { Answers, Host } from "../../plan/host.ts";
import type { DeviceRule } from "../../plan/ops/device_rules.ts";

/** One file to write, and what it holds afterwards. */
export interface KnobWrite {
  /** Name of the file, as `memory.max`. */
  readonly file: string;
  readonly value: string;
  /** As the kernel shows it after rounding: all of the file, or with `line` one line of it. Absent: a later one says it. */
  readonly holds?: string;
  readonly line?: true;
  /** Where another file shows what this one takes. */
  readonly shownBy?: string;
  /** Where a kernel that does not have `file` has the same limit. */
  readonly instead?: KnobWrite;
}

/** A device program of cgroup v2, which has no file. */
export interface ProgramWrite {
  readonly rules: readonly DeviceRule[];
}

/** What a limit's words depend on besides the limit itself. */
export interface Machine {
  readonly host: Host;
  readonly answers: Answers;
}

/** Why a limit can't be had with this version of cgroups, on this machine. */
export interface Refusal {
  readonly why: string;
  readonly fix: string;
}

/** A limit of the user, said in the words of both cgroup versions. */
export interface Limit {
  /** Key below `limits:`. */
  readonly key: keyof DesiredLimits | "cpu" | "memory" | "swap";
  readonly controller: string;
  /** Where v1 calls it by another name. */
  readonly v1Controller?: string;
  /** True: a group of v2 can have it without a controller of that name. */
  readonly withoutController?: true;
  readonly asked: (limits: DesiredLimits) => boolean;
  /** `undefined`: it can be had. */
  readonly refuse?: (
    limits: DesiredLimits,
    on: { readonly version: 1 | 2; readonly host: Host },
  ) => Refusal | undefined;
  readonly v2: (limits: DesiredLimits, machine: Machine) => readonly (KnobWrite | ProgramWrite)[];
  readonly v1: (limits: DesiredLimits, machine: Machine) => readonly KnobWrite[];
  /** Files of a v1 group above the container's that must hold something before one below can be used. */
  readonly parents?: (limits: DesiredLimits, machine: Machine) => readonly KnobWrite[];
  /** As the line after a run says it: `memory 64MiB`. */
  readonly text: (limits: DesiredLimits) => string | undefined;
}

/** A knob whose file holds just what is written. */
export function exact(file: string, value: number | string): KnobWrite {
  return { file, value: `${value}`, holds: `${value}` };
}

/** A file with a line per device or resource: one is written, and stands there afterwards. */
export function line(file: string, value: string, holds: string = value): KnobWrite {
  return { file, value, holds, line: true };
}

/** The writes that are asked for: those without a value are left out. */
export function knobs(...writes: readonly (KnobWrite | undefined)[]): readonly KnobWrite[] {
  return writes.filter((write) => write !== undefined);
}

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
