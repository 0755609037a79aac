/** Who holds a lock of flock(2): proc_locks(5) has its process and the inode. */
import { readFile, readLink } from "../../ffi/linux/file.ts";

/** Pid of the process that has the file or directory locked; `undefined` when it can't be seen, or is gone. */
export function lockHolder(path: string): number | undefined {
  const locks = readFile("/proc/locks") ?? "";
  for (const [, pid] of locks.matchAll(/ FLOCK +\S+ +WRITE (\d+) /g)) {
    if (holds(Number(pid), path)) return Number(pid);
  }
  return undefined;
}

/** The runner whose stage has it locked. */
export function runnerThatHolds(path: string): number | undefined {
  const stage = lockHolder(path);
  return stage === undefined ? undefined : parentOf(stage);
}

function parentOf(pid: number): number | undefined {
  const parent = /^PPid:\s*(\d+)$/m.exec(readFile(`/proc/${pid}/status`) ?? "")?.[1];
  return parent === undefined ? undefined : Number(parent);
}

/** A stage has few files open. */
const FDS_MAX = 64;

/** The inode numbers of that page are the file system's own, which need not be those that stat(2) shows: the path is compared. */
function holds(pid: number, path: string): boolean {
  for (let fd = 0; fd < FDS_MAX; fd++) {
    if (linkOf(`/proc/${pid}/fd/${fd}`) === path) return true;
  }
  return false;
}

function linkOf(path: string): string | undefined {
  try {
    return readLink(path);
  } catch {
    return undefined; // another's, or gone meanwhile
  }
}
