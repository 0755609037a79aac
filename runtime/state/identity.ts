/** Which process a record means: a pid is used again, a pid with its start time is not. */
import { ESRCH } from "../../ffi/abi/errno.ts";
import { pidfdOpen } from "../../ffi/calls/pidfd.ts";
import { Fd } from "../../ffi/linux/fd.ts";
import { readFile } from "../../ffi/linux/file.ts";
import { glance } from "../../ffi/linux/glance.ts";
import { callSync, SyscallError } from "../../ffi/linux/run.ts";

/** A process, told apart from every other of the same boot. */
export interface ProcessIdentity {
  readonly pid: number;
  /** Field 22 of /proc/PID/stat: clock ticks since boot. */
  readonly startTicks: number;
}

/** Random id of this boot (/proc/sys/kernel/random/boot_id): records of another one are stale. */
export function bootId(): string {
  return (readFile("/proc/sys/kernel/random/boot_id") ?? "").trim();
}

interface Stat {
  /** R, S, D, T, Z, … */
  readonly state: string;
  readonly startTicks: number;
}

/** A process may end between the opening of its file and the reading: then read(2) says ESRCH. */
function readStat(pid: number): string | undefined {
  try {
    const path = `/proc/${pid}/stat`;
    // The second says why the first could not, where that is not for want of the process.
    return glance(path) ?? readFile(path);
  } catch (error) {
    if (error instanceof SyscallError && error.errno === ESRCH) return undefined;
    throw error;
  }
}

/** `undefined` when there is no such process. */
function statOf(pid: number): Stat | undefined {
  const text = readStat(pid);
  if (text === undefined || text === "") return undefined;
  // The name is in parentheses and may itself contain some: the last one ends it.
  const fields = text.slice(text.lastIndexOf(")") + 2).split(" ");
  return { state: fields[0] ?? "?", startTicks: Number(fields[19]) };
}

/** The process that has this pid now; `undefined` when there is none. */
export function identify(pid: number): ProcessIdentity | undefined {
  const stat = statOf(pid);
  return stat === undefined ? undefined : { pid, startTicks: stat.startTicks };
}

/** True while the very process is there and has not ended. */
export function isAlive({ pid, startTicks }: ProcessIdentity): boolean {
  const stat = statOf(pid);
  return stat !== undefined && stat.startTicks === startTicks && stat.state !== "Z" &&
    stat.state !== "X";
}

/** A descriptor of the very process; `undefined` when it has ended. Throws SyscallError. */
export function openProcess(process: ProcessIdentity): Fd | undefined {
  const call = pidfdOpen({ pid: process.pid });
  const result = Number(callSync(call));
  if (result === -ESRCH) return undefined;
  if (result < 0) throw new SyscallError(call, -result);
  const fd = new Fd(result);
  // Asked after it was opened: from here on the pid can't become another's.
  if (isAlive(process)) return fd;
  fd[Symbol.dispose]();
  return undefined;
}
