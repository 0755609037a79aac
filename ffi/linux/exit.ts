/** Ends the process. */
import { exitGroup } from "../calls/process.ts";
import { callSync } from "./run.ts";

/**
 * Ends this process at once, by the kernel's own call: a JavaScript engine takes milliseconds to put its heap away, for
 * nobody. All output must have been written, which `writeAll` does.
 */
export function exitNow(status: number): void {
  callSync(exitGroup({ status }));
}
