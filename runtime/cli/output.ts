/** Text to the process's own standard output and error, written at once with write(2). */
import { writeAll } from "../../ffi/linux/file.ts";

/** Writes to standard output; a reader that is gone ends the output, not the program. */
export function stdout(text: string): void {
  writeAll(1, text);
}

/** Writes to standard error. */
export function stderr(text: string): void {
  writeAll(2, text);
}

/** True when the descriptor is a terminal: only then there is colour. */
export function isTerminal(fd: 1 | 2): boolean {
  return (fd === 1 ? process.stdout : process.stderr).isTTY === true;
}
