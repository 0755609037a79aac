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

export interface LockOptions {
  /** How long it is waited for. Default: for as long as it takes. */
  readonly waitMs?: number;
  /** False: a file that is not there is not made, which is ENOENT. */
  readonly create?: boolean;
}

/**
 * Waits for a lock; with `waitMs` no longer than that, and gives `undefined` then. Whoever removes the file holds its lock: one who waited for a file that is gone by then asks anew.
 *
 * @throws SyscallError: EACCES, EROFS, ENOENT where the directory is not there or not ours.
 */
export function lockFile(path: string): Promise<Fd>;
export function lockFile(path: string, options: LockOptions): Promise<Fd | undefined>;
export async function lockFile(
  path: string,
  { waitMs = Infinity, create = true }: LockOptions = {},
): Promise<Fd | undefined> {
  const deadline = performance.now() + waitMs;
  for (;;) {
    const flags = O_RDWR | (create ? O_CREAT : 0) | O_NOFOLLOW | O_CLOEXEC;
    const fd = new Fd(check(openat({ pathname: path, flags, mode: 0o600 })));
    try {
      const isOurs = await waitForLock(fd.number, deadline);
      if (isOurs && fileIdentity(fd.number) === fileIdentity(path)) return fd;
    } catch (error) {
      fd[Symbol.dispose]();
      throw error;
    }
    fd[Symbol.dispose]();
    if (performance.now() >= deadline) return undefined;
  }
}

/** False: it was not to be had by then. */
async function waitForLock(fd: number, deadline: number): Promise<boolean> {
  const call = flock({ fd, operation: LOCK_EX | LOCK_NB });
  for (;;) {
    const result = Number(callSync(call));
    if (result === 0) return true;
    if (result !== -EWOULDBLOCK) throw new SyscallError(call, -result);
    if (performance.now() >= deadline) return false;
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
