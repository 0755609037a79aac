/** How a container ended, in words. */
import type { Ending } from "../state/record.ts";

/** How a container ended, in words. */
export function endingText(ending: Ending | undefined): string {
  if (ending === undefined) return "does not run";
  if (ending.lost) return "has ended, nobody saw how";
  return ending.status === 0 ? "completed (0)" : `exited (${ending.status})`;
}
