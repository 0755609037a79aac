/** `limits.rlimits` ⇄ `process.rlimits`. */
import { RESOURCES, RLIM_INFINITY } from "../../ffi/abi/resource.ts";
import type { DesiredContainer } from "../model/desired.ts";
import type { RlimitSpec, RlimitValue } from "../model/spec_type.ts";
import type { OciPart, OciRlimit } from "./config.ts";
import { type Document, isNumber } from "./document.ts";
import type { Said } from "./loss.ts";

export function rlimitsToOci({ limits }: DesiredContainer): Said<OciPart> {
  const { rlimits = [] } = limits;
  const number = (value: number | "unlimited"): number | bigint =>
    value === "unlimited" ? RLIM_INFINITY : value;
  const list = rlimits.map(({ resource, soft, hard }): OciRlimit => ({
    type: resource,
    soft: number(soft),
    hard: number(hard),
  }));
  return { part: list.length === 0 ? {} : { process: { rlimits: list } }, losses: [] };
}

/** What JSON.parse makes of the largest number of 64 bits. */
const UNLIMITED = Number(RLIM_INFINITY);

export function rlimitsFromOci(
  document: Document,
): { readonly rlimits?: Readonly<Record<string, RlimitSpec>> } {
  const value = document.peek("process", "rlimits");
  const list = Array.isArray(value) ? value as readonly Partial<OciRlimit>[] : [];
  const read: [string, RlimitSpec][] = [];
  list.forEach(({ type = "", soft, hard }, index) => {
    const [low, high] = [readOne(soft), readOne(hard)];
    if (!Object.hasOwn(RESOURCES, type) || low === undefined || high === undefined) return;
    document.take("process", "rlimits", index);
    read.push([type.replace("RLIMIT_", "").toLowerCase(), { soft: low, hard: high }]);
  });
  return read.length === 0 ? {} : { rlimits: Object.fromEntries(read) };
}

/** A number that was not exact any more when it was read is nobody's limit. */
function readOne(value: unknown): RlimitValue | undefined {
  if (value === UNLIMITED) return "unlimited";
  return isNumber(value) && Number.isSafeInteger(value) && value >= 0 ? value : undefined;
}
