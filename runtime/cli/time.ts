/** Points of time on the command line. */
import { readTime } from "../lifecycle/points_of_time.ts";
import { type Arguments, UsageError } from "./arguments.ts";

/** As `readTime`; `undefined` when it was not given. Throws UsageError. */
export function timeOption(options: Arguments["options"], name: string): bigint | undefined {
  const value = options[name];
  if (value === undefined || value === true) return undefined;
  const time = readTime(value);
  if (time === undefined) throw new UsageError(`${name} takes 10m or a time, not ${value}`);
  return time;
}
