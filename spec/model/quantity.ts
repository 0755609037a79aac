import { parseDuration, parseSize, type Quantity } from "../text/units.ts";
import type { Context, Part } from "./context.ts";

/** A size of the spec → bytes; `undefined` when it was reported as wrong. */
export function readSize(context: Context, part: Part<string>): number | undefined {
  return accept(context, part, { quantity: parseSize(part.value), code: "BAD_SIZE" });
}

/** A duration of the spec → milliseconds; `undefined` when it was reported as wrong. */
export function readDuration(context: Context, part: Part<string>): number | undefined {
  return accept(context, part, { quantity: parseDuration(part.value), code: "BAD_DURATION" });
}

function accept(
  context: Context,
  part: Part<string>,
  { quantity, code }: { readonly quantity: Quantity; readonly code: string },
): number | undefined {
  if ("value" in quantity) return quantity.value;
  context.report({ code, pointer: part.pointer, ...quantity });
  return undefined;
}
