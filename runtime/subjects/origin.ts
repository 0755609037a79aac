/** Which line of the YAML asked for something. */
import type { DesiredContainer, Origin } from "../../spec/model/desired.ts";

export const DEFAULT: Origin = "default";

/** Pointer of the first of `keys` that the document gives; `"default"` when it gives none. */
export function originOf(container: DesiredContainer, ...keys: readonly string[]): Origin {
  for (const key of keys) {
    const pointer = container.origins[key];
    if (pointer !== undefined) return pointer;
  }
  return DEFAULT;
}
