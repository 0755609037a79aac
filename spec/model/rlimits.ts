import { RESOURCES } from "../../ffi/abi/resource.ts";
import { join } from "../text/tree.ts";
import type { Context, Part } from "./context.ts";
import type { DesiredRlimit } from "./desired.ts";
import { byType, map, type Schema } from "./fragment.ts";
import type { RlimitSpec, RlimitValue } from "./spec_type.ts";

const NAMES = Object.keys(RESOURCES).map((name) => name.replace("RLIMIT_", "").toLowerCase());

const VALUE: Schema = byType({
  integer: { minimum: 0, maximum: Number.MAX_SAFE_INTEGER },
  string: { const: "unlimited" },
}, { "x-expects": "a whole number, or unlimited" });

export const RLIMITS_SCHEMA: Schema = {
  title: "Limits of a process",
  description:
    "setrlimit(2): name → number, `unlimited`, or {soft, hard}; in the kernel's units (bytes, seconds, a count). To raise a hard limit takes CAP_SYS_RESOURCE.",
  type: "object",
  propertyNames: { enum: NAMES },
  additionalProperties: byType({
    integer: { minimum: 0, maximum: Number.MAX_SAFE_INTEGER },
    string: { const: "unlimited" },
    object: map({ soft: VALUE, hard: VALUE }, { required: ["soft", "hard"] }),
  }, { "x-expects": "a whole number, unlimited, or {soft: …, hard: …}" }),
  examples: [{ nofile: 1024 }, { core: { soft: 0, hard: "unlimited" } }],
  "x-expects": "a map such as {nofile: 1024}",
};

/** `rlimits:` → one entry per resource, with the kernel's name. A soft limit above its hard one is reported. */
export function normaliseRlimits(
  context: Context,
  { value, pointer }: Part<Readonly<Record<string, RlimitSpec>>>,
): readonly DesiredRlimit[] {
  return Object.entries(value).map(([name, limit]) => {
    const origin = join(pointer, name);
    const { soft, hard } = typeof limit === "object" ? limit : { soft: limit, hard: limit };
    if (above(soft, hard)) {
      const message = `${name}: the soft limit ${soft} is above the hard limit ${hard}`;
      context.report({ code: "BAD_RLIMIT", message, pointer: origin });
    }
    const resource = `RLIMIT_${name.toUpperCase()}` as DesiredRlimit["resource"];
    return { resource, soft, hard, origin };
  });
}

function above(soft: RlimitValue, hard: RlimitValue): boolean {
  if (hard === "unlimited") return false;
  return soft === "unlimited" || soft > hard;
}
