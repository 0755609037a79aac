/** How children ended. waitid(2). */
import { CLD_CONTINUED, CLD_STOPPED, CLD_TRAPPED, SIGINFO } from "../abi/signal.ts";
import { readField, readStruct } from "../memory/layout.ts";
import { P_PID, P_PIDFD, RUSAGE, WEXITED, WNOHANG } from "../abi/wait.ts";
import { waitid } from "../calls/process.ts";
import { check, readCell, writeCell } from "./run.ts";

/** The end of a child. */
export interface ChildExit {
  readonly pid: number;
  /** CLD_EXITED 1: `status` is its exit status; CLD_KILLED 2, CLD_DUMPED 3: `status` is the signal. */
  readonly code: number;
  readonly status: number;
  readonly rusage: ChildUsage;
}

/** Of the child and those that it waited for. */
export interface ChildUsage {
  readonly userMicroseconds: number;
  readonly systemMicroseconds: number;
  readonly maxRssKib: number;
}

const INFO = { cell: "waitid info", size: SIGINFO.size };
const USAGE = { cell: "waitid rusage", size: RUSAGE.size };
const NOTHING = new Uint8Array(SIGINFO.size);

/**
 * Takes the status of a child that has ended; undefined while it runs. Never waits.
 *
 * @throws SyscallError: ECHILD when it is no child of ours, or was taken before.
 */
export function reapNow(child: { readonly pid: number } | { readonly pidfd: number }):
  | ChildExit
  | undefined {
  // Without news waitid leaves the memory as it is: a pid of 0 then says so.
  writeCell(INFO, NOTHING);
  const which = "pid" in child
    ? { idtype: P_PID, id: child.pid }
    : { idtype: P_PIDFD, id: child.pidfd };
  check(waitid({ ...which, infop: INFO, options: WEXITED | WNOHANG, rusage: USAGE }));
  return decodeExit(readCell(INFO), readCell(USAGE));
}

/**
 * siginfo_t (128 bytes) and struct rusage (144 bytes), as waitid(2) fills them, decoded; undefined when they tell of no end:
 * nothing was filled, or the child was only stopped or continued.
 */
export function decodeExit(info: Uint8Array, rusage: Uint8Array): ChildExit | undefined {
  const view = new DataView(info.buffer, info.byteOffset, info.byteLength);
  const { fields } = SIGINFO;
  const pid = Number(readField(view, fields.si_pid));
  const code = Number(readField(view, fields.si_code));
  if (pid === 0) return undefined;
  if (code === CLD_STOPPED || code === CLD_CONTINUED || code === CLD_TRAPPED) return undefined;
  // A copy: the next call writes over it. Decoded when asked for: a container's own usage comes with its report.
  const used = rusage.slice();
  return {
    pid,
    code,
    status: Number(readField(view, fields.si_status)),
    get rusage() {
      return decodeUsage(used);
    },
  };
}

function decodeUsage(rusage: Uint8Array): ChildUsage {
  const usage = readStruct(RUSAGE, rusage);
  return {
    userMicroseconds: Number(usage.ru_utime_sec) * 1e6 + Number(usage.ru_utime_usec),
    systemMicroseconds: Number(usage.ru_stime_sec) * 1e6 + Number(usage.ru_stime_usec),
    maxRssKib: Number(usage.ru_maxrss),
  };
}
