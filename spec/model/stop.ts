import { SIGNALS } from "../../ffi/abi/signal.ts";
import { suggest } from "../text/suggest.ts";
import { join } from "../text/tree.ts";
import type { Context, Part } from "./context.ts";
import type { DesiredContainer } from "./desired.ts";
import { DURATION, map, type Schema } from "./fragment.ts";
import { readDuration } from "./quantity.ts";
import type { ContainerKeys } from "./spec_type.ts";

const DEFAULT_SIGNAL = "SIGTERM";
const DEFAULT_GRACE = "10s";

export const STOP_SCHEMA: Schema = map({
  signal: {
    title: "Signal",
    description: "Sent to the main process, with or without `SIG`.",
    type: "string",
    default: DEFAULT_SIGNAL,
    examples: ["SIGINT"],
    "x-expects": "a signal such as SIGINT",
  },
  grace: {
    title: "Patience",
    description: "How long after the signal the container is killed.",
    ...DURATION,
    default: DEFAULT_GRACE,
    examples: ["1m30s"],
  },
}, {
  title: "Stop",
  description: "How the container is stopped.",
  default: { signal: DEFAULT_SIGNAL, grace: DEFAULT_GRACE },
  examples: [{ signal: "SIGINT", grace: "30s" }],
  "x-expects": "a map such as {signal: SIGINT, grace: 30s}",
});

/** `stop:` → the signal's full name and milliseconds. */
export function normaliseStop(
  context: Context,
  { value, pointer }: Part<ContainerKeys["stop"]>,
): DesiredContainer["stop"] {
  const grace = { value: value?.grace ?? DEFAULT_GRACE, pointer: join(pointer, "grace") };
  const signal = { value: value?.signal ?? DEFAULT_SIGNAL, pointer: join(pointer, "signal") };
  return { signal: readSignal(context, signal), graceMs: readDuration(context, grace) ?? 0 };
}

function readSignal(context: Context, { value, pointer }: Part<string>): string {
  const upper = value.toUpperCase();
  const name = upper.startsWith("SIG") ? upper : `SIG${upper}`;
  if (name === "SIGKILL" || name === "SIGSTOP") {
    const note = "the container is killed after `grace` anyway";
    const message = `${name} can't be handled, so nothing would be stopped gently`;
    context.report({ code: "BAD_SIGNAL", message, pointer, note, fix: "grace: 0s" });
  } else if (!Object.hasOwn(SIGNALS, name)) {
    const near = suggest(name, Object.keys(SIGNALS));
    const message = `unknown signal \`${value.slice(0, 40)}\``;
    const note = near === undefined ? "signal(7) lists them" : `did you mean ${near}?`;
    context.report({ code: "UNKNOWN_SIGNAL", message, pointer, note });
  }
  return name;
}
