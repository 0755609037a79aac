/** `inputs:` and `outputs:`: what is copied in before the first command, and out after the last. */
import { modeOf } from "./mode.ts";
import { join } from "../text/tree.ts";
import { containerPath, type Context, type Part, resolveHostPath, trustedPart } from "./context.ts";
import type { DesiredInput, DesiredOutput } from "./desired.ts";
import type { CopySpec } from "./spec_type.ts";

/** `inputs:` → absolute paths on both sides. */
export function normaliseInputs(
  context: Context,
  { value, pointer }: Part<readonly CopySpec[] | undefined>,
): readonly DesiredInput[] {
  return (value ?? []).map((copy, index) => {
    const origin = join(pointer, index);
    const from = resolveHostPath(context, { value: copy.from, pointer: join(origin, "from") });
    return {
      from,
      base: trustedPart(context, from),
      to: containerPath(context, { value: copy.to, pointer: join(origin, "to") }),
      into: copy.to.endsWith("/"),
      ...readMode(copy),
      origin,
    };
  });
}

/** `outputs:` → absolute paths on both sides. */
export function normaliseOutputs(
  context: Context,
  { value, pointer }: Part<readonly CopySpec[] | undefined>,
): readonly DesiredOutput[] {
  return (value ?? []).map((copy, index) => {
    const origin = join(pointer, index);
    const to = resolveHostPath(context, { value: copy.to, pointer: join(origin, "to") });
    return {
      from: containerPath(context, { value: copy.from, pointer: join(origin, "from") }),
      to,
      base: trustedPart(context, to),
      into: copy.to.endsWith("/"),
      ...readMode(copy),
      when: copy.when ?? "success",
      origin,
    };
  });
}

function readMode({ mode }: CopySpec): { readonly mode?: number } {
  return mode === undefined ? {} : { mode: modeOf(mode) };
}
