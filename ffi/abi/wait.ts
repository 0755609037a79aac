/**
 * Waiting for children.
 *
 * Source: <linux/wait.h>; waitid(2), getrusage(2).
 */
import { defineStruct } from "./struct.ts";

// waitid(2): which child.
export const P_ALL = 0;
export const P_PID = 1;
export const P_PGID = 2;
export const P_PIDFD = 3;
/** First argument of waitid(2) by name. */
export const WAIT_IDTYPES = {
  P_ALL,
  P_PID,
  P_PGID,
  P_PIDFD,
} as const;

// waitid(2): which changes.
export const WNOHANG = 0x1;
export const WSTOPPED = 0x2;
export const WEXITED = 0x4;
export const WCONTINUED = 0x8;
export const WNOWAIT = 0x1000000;
export const __WNOTHREAD = 0x20000000;
export const __WALL = 0x40000000;
export const __WCLONE = 0x80000000;
/** Options of waitid(2) by name. */
export const WAIT_OPTIONS = {
  WNOHANG,
  WSTOPPED,
  WEXITED,
  WCONTINUED,
  WNOWAIT,
  __WNOTHREAD,
  __WALL,
  __WCLONE,
} as const;

/** struct rusage. Times are seconds and microseconds, ru_maxrss is KiB. */
export const RUSAGE = defineStruct({
  c: "struct rusage",
  size: 144,
  fields: [
    ["ru_utime_sec", "i64"],
    ["ru_utime_usec", "i64"],
    ["ru_stime_sec", "i64"],
    ["ru_stime_usec", "i64"],
    ["ru_maxrss", "i64"],
    ["ru_ixrss", "i64"],
    ["ru_idrss", "i64"],
    ["ru_isrss", "i64"],
    ["ru_minflt", "i64"],
    ["ru_majflt", "i64"],
    ["ru_nswap", "i64"],
    ["ru_inblock", "i64"],
    ["ru_oublock", "i64"],
    ["ru_msgsnd", "i64"],
    ["ru_msgrcv", "i64"],
    ["ru_nsignals", "i64"],
    ["ru_nvcsw", "i64"],
    ["ru_nivcsw", "i64"],
  ],
});
