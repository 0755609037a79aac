/** Whether a container that has ended lost processes because its memory was used up. Changes nothing. */
import { readFile } from "../../ffi/linux/file.ts";

/** How many were killed, as its groups (their directories) counted; 0 when they are gone. memory.events (v2), memory.oom_control (v1). */
export function oomKills(groups: readonly string[]): number {
  for (const group of groups) {
    for (const file of ["memory.events", "memory.oom_control"]) {
      const count = /^oom_kill (\d+)$/m.exec(readFile(`${group}/${file}`) ?? "")?.[1];
      if (count !== undefined) return Number(count);
    }
  }
  return 0;
}
