/** Whether the kernel's freezer holds the processes of groups. Changes nothing. */
import { readFile } from "../../ffi/linux/file.ts";
import type { Joinable } from "../plan/host.ts";

/**
 * True when one of them is frozen, by itself or with a group above it.
 * Source: Documentation/admin-guide/cgroup-v2.rst (cgroup.events), cgroup-v1/freezer-subsystem.rst (freezer.state).
 */
export function isFrozen(groups: Joinable["groups"]): boolean {
  return groups.some(({ path, version }) => {
    if (version === 2) return /^frozen 1$/m.test(readFile(`${path}/cgroup.events`) ?? "");
    return path.includes("/freezer/") && readFile(`${path}/freezer.state`)?.trim() === "FROZEN";
  });
}
