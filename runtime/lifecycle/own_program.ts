/** This very program, as another process starts it. */
import { fileURLToPath } from "node:url";
import { kernel } from "../../ffi/linux/libc.ts";
import { BUILD } from "../version.ts";

/** The hidden command that copies outputs of containers that have ended. */
export const COLLECT_COMMAND = "collect";

/** The file that is the command line: from its sources mod.ts, of the package the file that is running. */
function script(): string {
  if (BUILD === undefined) return fileURLToPath(new URL("../../mod.ts", import.meta.url));
  return process.argv[1] ?? "";
}

/** The words that start this program, without any of its commands. */
export function ownProgram(): readonly string[] {
  return kernel().seam.program(script());
}
