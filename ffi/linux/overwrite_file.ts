/** Files whose content is replaced in their place, where there is no room for a second one. */
import { O_CLOEXEC, O_NOFOLLOW, O_WRONLY } from "../abi/fcntl.ts";
import { openat } from "../calls/open.ts";
import { closeFd } from "./close.ts";
import { SyscallError } from "./error.ts";
import { fileSize, writeBytes } from "./file.ts";
import { check } from "./run.ts";

const SPACE = 32;

/**
 * Writes text over that of a file that is there, for readers whom spaces at its end don't disturb: what was longer is covered by them.
 * Gives the reason when that fails.
 */
export function overwriteFile(path: string, text: string): string | undefined {
  let fd = -1;
  try {
    const before = fileSize(path) ?? 0;
    fd = check(openat({ pathname: path, flags: O_WRONLY | O_NOFOLLOW | O_CLOEXEC }));
    const bytes = new TextEncoder().encode(text);
    const covered = new Uint8Array(Math.max(bytes.length, before)).fill(SPACE);
    covered.set(bytes);
    writeBytes(fd, covered);
    return undefined;
  } catch (error) {
    if (!(error instanceof SyscallError)) throw error;
    return error.message;
  } finally {
    if (fd >= 0) closeFd(fd);
  }
}
