/** `limits` ⇄ `linux.resources`. */
import type { DesiredContainer } from "../model/desired.ts";
import type { LimitsSpec } from "../model/spec_type.ts";
import type { OciPart } from "./config.ts";
import { type Document, isNumber } from "./document.ts";
import type { OciFacts } from "./facts.ts";
import type { Said } from "./loss.ts";

/** Microseconds in which a quota is counted: the kernel's own default (kernel/sched/fair.c). */
const PERIOD_MICROSECONDS = 100_000;

/** Keys below `limits` that have a field. */
export const LIMITS_IN_OCI = ["cpu", "memory", "pids"] as const;

export function limitsToOci(container: DesiredContainer, facts: OciFacts): Said<OciPart> {
  const { cpus, memoryBytes, pids } = container.limits;
  // A runtime makes groups for every container; whoever asks for none gets ours out of the way.
  const cgroupsPath = `/containerv/${facts.instance}`;
  if (!facts.groups) return { part: { linux: { cgroupsPath } }, losses: [] };
  return {
    part: {
      linux: {
        cgroupsPath,
        resources: {
          ...(memoryBytes === undefined ? {} : { memory: { limit: memoryBytes } }),
          ...(cpus === undefined ? {} : {
            cpu: {
              quota: Math.max(1000, Math.round(cpus * PERIOD_MICROSECONDS)),
              period: PERIOD_MICROSECONDS,
            },
          }),
          ...(pids === undefined ? {} : { pids: { limit: pids } }),
        },
      },
    },
    losses: [],
  };
}

export function limitsFromOci(document: Document): { readonly limits?: LimitsSpec } {
  const resource = (...path: readonly string[]): number | undefined => {
    const value = document.take("linux", "resources", ...path);
    // -1 is OCI's word for no limit.
    return isNumber(value) && value > 0 ? value : undefined;
  };
  const memory = resource("memory", "limit");
  const pids = resource("pids", "limit");
  const quota = resource("cpu", "quota");
  const period = resource("cpu", "period") ?? PERIOD_MICROSECONDS;
  const limits = {
    ...(quota === undefined ? {} : { cpu: quota / period }),
    ...(memory === undefined ? {} : { memory: `${memory}B` }),
    ...(pids === undefined ? {} : { pids }),
  };
  return Object.keys(limits).length === 0 ? {} : { limits };
}
