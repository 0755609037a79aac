/** What containers use, as one short line each: read from the groups that were made for them, a file per column. Changes nothing. */
import { entryKind } from "../../ffi/linux/file.ts";
import { glance } from "../../ffi/linux/glance.ts";
import type { Op } from "../plan/ops/registry.ts";

/** Absent where no group of the container counts it. */
export interface GroupUsage {
  /** User and system time since its start. */
  readonly cpuMicroseconds?: number;
  readonly memoryBytes?: number;
}

/** Reads what the container of these groups uses. Remembers which hierarchy counts what: one reader for all. */
export type GroupReader = (made: readonly Op[]) => GroupUsage;

const MEMORY_FILES = ["memory.current", "memory.usage_in_bytes"];
const CPU_FILES = ["cpuacct.usage", "cpu.stat"];

interface Counted {
  readonly cpu: string | undefined;
  readonly memory: string | undefined;
}

export function createGroupReader(): GroupReader {
  const hierarchies = new Map<string, Counted>();
  return (made) => {
    let cpuMicroseconds: number | undefined;
    let memoryBytes: number | undefined;
    for (const op of made) {
      if (op.kind !== "cgroup.make") continue;
      const group = op.path;
      const mount = group.slice(0, group.indexOf("/containerv/"));
      let counted = hierarchies.get(mount);
      if (counted === undefined) hierarchies.set(mount, counted = countedIn(group));
      const { cpu, memory } = counted;
      if (cpu !== undefined) cpuMicroseconds ??= cpuOf(glance(`${group}/${cpu}`));
      if (memory !== undefined) memoryBytes ??= numberOf(glance(`${group}/${memory}`));
    }
    return {
      ...(cpuMicroseconds === undefined ? {} : { cpuMicroseconds }),
      ...(memoryBytes === undefined ? {} : { memoryBytes }),
    };
  };
}

function countedIn(group: string): Counted {
  const there = (name: string): boolean => entryKind(`${group}/${name}`) !== undefined;
  return { cpu: CPU_FILES.find(there), memory: MEMORY_FILES.find(there) };
}

function numberOf(text: string | undefined): number | undefined {
  return text === undefined || !/^\d+\n$/.test(text) ? undefined : Number(text);
}

/** `usage_usec 5` in cpu.stat of v2; cpuacct.usage of v1 is nanoseconds. The cpu.stat of v1 has no times. */
function cpuOf(text: string | undefined): number | undefined {
  const nanoseconds = numberOf(text);
  if (nanoseconds !== undefined) return nanoseconds / 1000;
  const microseconds = /^usage_usec (\d+)/m.exec(text ?? "")?.[1];
  return microseconds === undefined ? undefined : Number(microseconds);
}
