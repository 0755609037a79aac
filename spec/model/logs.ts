/** `logs:`: how much of a container's output is kept, and what happens when the disk is full. */
import { join } from "../text/tree.ts";
import type { Context, Part } from "./context.ts";
import type { DesiredLogs } from "./desired.ts";
import { DURATION, map, type Schema, SIZE } from "./fragment.ts";
import { readDuration, readSize } from "./quantity.ts";
import type { ContainerKeys } from "./spec_type.ts";

const DEFAULT_SIZE = "10MiB";
const DEFAULT_FILES = 3;
const DEFAULT_WAIT = "10s";
/** The keeper counts seconds, and waits for nothing without an end. */
const WAIT_MAX_MS = 24 * 3600 * 1000;
/** One piece of output is as long at most: a smaller log would be turned at each of them. */
const SIZE_MIN = 65_536;

export const LOGS_SCHEMA: Schema = map({
  maxSize: {
    title: "Size",
    description:
      "A log that is as long becomes an old one, and a new one is begun. At least 64KiB.",
    ...SIZE,
    default: DEFAULT_SIZE,
    examples: ["1MiB"],
  },
  maxFiles: {
    title: "Old ones",
    description: "How many old logs are kept, 1 to 9.",
    type: "integer",
    minimum: 1,
    maximum: 9,
    default: DEFAULT_FILES,
    examples: [1],
    "x-expects": "a whole number from 1 to 9",
  },
  onFull: {
    title: "On a full disk",
    description:
      "`drop`: output that can't be kept is counted, and `logs` says how much was lost where; the container goes on. `slow`: output waits for " +
      "room, and the container with it when its pipe is full, for as long as `maxWait`; then it is dropped and counted until there is room again.",
    enum: ["drop", "slow"],
    default: "drop",
    examples: ["slow"],
  },
  maxWait: {
    title: "Longest wait",
    description:
      "How long output waits for room on a full disk, in whole seconds. Needs `onFull: slow`.",
    ...DURATION,
    default: DEFAULT_WAIT,
    examples: ["1m"],
  },
}, {
  title: "Logs",
  description: "What `up` keeps of the container's output, for `logs`. `run` passes it through.",
  default: { maxSize: DEFAULT_SIZE, maxFiles: DEFAULT_FILES, onFull: "drop" },
  examples: [{ maxSize: "1MiB", maxFiles: 1 }],
  "x-expects": "a map such as {maxSize: 10MiB, maxFiles: 3}",
});

/** `logs:` → bytes and numbers. */
export function normaliseLogs(
  context: Context,
  { value, pointer }: Part<ContainerKeys["logs"]>,
): DesiredLogs {
  const at = join(pointer, "maxSize");
  const maxBytes = readSize(context, { value: value?.maxSize ?? DEFAULT_SIZE, pointer: at });
  if (maxBytes !== undefined && maxBytes < SIZE_MIN) {
    const message = "a log of less than 64KiB would be turned at every piece of output";
    context.report({ code: "BAD_SIZE", message, pointer: at, fix: "maxSize: 64KiB" });
  }
  const waitMs = waitOf(context, { value, pointer });
  return {
    maxBytes: maxBytes ?? 0,
    maxFiles: value?.maxFiles ?? DEFAULT_FILES,
    ...(waitMs === undefined ? {} : { waitMs }),
  };
}

/** Milliseconds; `undefined`: output is dropped at once. */
function waitOf(
  context: Context,
  { value, pointer }: Part<ContainerKeys["logs"]>,
): number | undefined {
  const at = join(pointer, "maxWait");
  if (value?.onFull !== "slow") {
    if (value?.maxWait === undefined) return undefined;
    const message = "output waits for nothing: a full disk drops it";
    context.report({ code: "CONTRADICTION", message, pointer: at, fix: "onFull: slow" });
    return undefined;
  }
  const waitMs = readDuration(context, { value: value.maxWait ?? DEFAULT_WAIT, pointer: at });
  if (waitMs === undefined || (waitMs > 0 && waitMs <= WAIT_MAX_MS)) return waitMs;
  const message = "output waits longer than nothing, and no longer than a day";
  context.report({ code: "BAD_DURATION", message, pointer: at, fix: `maxWait: ${DEFAULT_WAIT}` });
  return undefined;
}
