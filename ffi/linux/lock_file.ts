/** Locks of projects: an open file's, so that they end with their holder, however that ends. */
import { EWOULDBLOCK } from "../abi/errno.ts";
import {
  LOCK_EX,
  LOCK_NB,
  O_CLOEXEC,
  O_CREAT,
  O_NOFOLLOW,
  O_RDONLY,
  O_RDWR,
} from "../abi/fcntl.ts";
import { flock } from "../calls/io.ts";
import { openat } from "../calls/open.ts";
import { Fd } from "./fd.ts";
import { fileIdentity } from "./file.ts";
import { callSync, check, SyscallError } from "./run.ts";

/** How often a lock that is taken is asked for again, in milliseconds. */
const ASK_MS = 5;

/**
 * Waits for a lock. Whoever removes the file holds its lock: one who waited for a file that is gone by then asks anew.
 *
 * @throws SyscallError: EACCES, EROFS, ENOENT where the directory is not there or not ours.
 */
export async function lockFile(path: string): Promise<Fd> {
  for (;;) {
    const flags = O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC;
    const fd = new Fd(check(openat({ pathname: path, flags, mode: 0o600 })));
    try {
      await waitForLock(fd.number);
      if (fileIdentity(fd.number) === fileIdentity(path)) return fd;
    } catch (error) {
      fd[Symbol.dispose]();
      throw error;
    }
    fd[Symbol.dispose]();
  }
}

async function waitForLock(fd: number): Promise<void> {
  const call = flock({ fd, operation: LOCK_EX | LOCK_NB });
  for (;;) {
    const result = Number(callSync(call));
    if (result === 0) return;
    if (result !== -EWOULDBLOCK) throw new SyscallError(call, -result);
    await new Promise((resolve) => setTimeout(resolve, ASK_MS));
  }
}

/** True when somebody holds the lock of this file at the moment. */
export function isLocked(path: string): boolean {
  const number = Number(callSync(openat({ pathname: path, flags: O_RDONLY | O_CLOEXEC })));
  if (number < 0) return false;
  using fd = new Fd(number);
  return Number(callSync(flock({ fd: fd.number, operation: LOCK_EX | LOCK_NB }))) < 0;
}
