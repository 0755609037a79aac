/** Points of time on the command line. */
import { type Arguments, UsageError } from "./arguments.ts";

const UNITS: Readonly<Record<string, number>> = { s: 1, m: 60, h: 3600, d: 86_400 };

/** `10m` before now, or a time as Date reads it: nanoseconds since 1970; `undefined` when it was not given. Throws UsageError. */
export function timeOption(options: Arguments["options"], name: string): bigint | undefined {
  const value = options[name];
  if (value === undefined || value === true) return undefined;
  const [, count, unit] = /^(\d{1,9})([smhd])$/.exec(value) ?? [];
  const ms = count === undefined
    ? Date.parse(value)
    : Date.now() - Number(count) * (UNITS[unit ?? "s"] ?? 1) * 1000;
  if (Number.isNaN(ms)) throw new UsageError(`${name} takes 10m or a time, not ${value}`);
  return BigInt(ms) * 1_000_000n;
}
