/**
 * Operations on the calling process.
 *
 * Source: <linux/prctl.h>, <linux/securebits.h>; prctl(2).
 */

// Options.
export const PR_SET_PDEATHSIG = 1;
export const PR_GET_PDEATHSIG = 2;
export const PR_GET_DUMPABLE = 3;
export const PR_SET_DUMPABLE = 4;
export const PR_GET_KEEPCAPS = 7;
export const PR_SET_KEEPCAPS = 8;
export const PR_SET_NAME = 15;
export const PR_GET_NAME = 16;
export const PR_GET_SECCOMP = 21;
export const PR_SET_SECCOMP = 22;
export const PR_CAPBSET_READ = 23;
export const PR_CAPBSET_DROP = 24;
export const PR_GET_TSC = 25;
export const PR_SET_TSC = 26;
export const PR_GET_SECUREBITS = 27;
export const PR_SET_SECUREBITS = 28;
export const PR_SET_TIMERSLACK = 29;
export const PR_GET_TIMERSLACK = 30;
export const PR_SET_MM = 35;
export const PR_SET_PTRACER = 1499557217;
export const PR_SET_CHILD_SUBREAPER = 36;
export const PR_GET_CHILD_SUBREAPER = 37;
export const PR_SET_NO_NEW_PRIVS = 38;
export const PR_GET_NO_NEW_PRIVS = 39;
export const PR_GET_TID_ADDRESS = 40;
export const PR_SET_THP_DISABLE = 41;
export const PR_GET_THP_DISABLE = 42;
export const PR_CAP_AMBIENT = 47;
export const PR_GET_SPECULATION_CTRL = 52;
export const PR_SET_SPECULATION_CTRL = 53;
export const PR_SET_IO_FLUSHER = 57;
export const PR_GET_IO_FLUSHER = 58;
export const PR_SET_SYSCALL_USER_DISPATCH = 59;
export const PR_SCHED_CORE = 62;
export const PR_SET_MDWE = 65;
export const PR_GET_MDWE = 66;
export const PR_SET_VMA = 1398164801;
export const PR_SET_MEMORY_MERGE = 67;
export const PR_GET_MEMORY_MERGE = 68;
/** Options of prctl(2) by name. */
export const PRCTL_OPTIONS = {
  PR_SET_PDEATHSIG,
  PR_GET_PDEATHSIG,
  PR_GET_DUMPABLE,
  PR_SET_DUMPABLE,
  PR_GET_KEEPCAPS,
  PR_SET_KEEPCAPS,
  PR_SET_NAME,
  PR_GET_NAME,
  PR_GET_SECCOMP,
  PR_SET_SECCOMP,
  PR_CAPBSET_READ,
  PR_CAPBSET_DROP,
  PR_GET_TSC,
  PR_SET_TSC,
  PR_GET_SECUREBITS,
  PR_SET_SECUREBITS,
  PR_SET_TIMERSLACK,
  PR_GET_TIMERSLACK,
  PR_SET_MM,
  PR_SET_PTRACER,
  PR_SET_CHILD_SUBREAPER,
  PR_GET_CHILD_SUBREAPER,
  PR_SET_NO_NEW_PRIVS,
  PR_GET_NO_NEW_PRIVS,
  PR_GET_TID_ADDRESS,
  PR_SET_THP_DISABLE,
  PR_GET_THP_DISABLE,
  PR_CAP_AMBIENT,
  PR_GET_SPECULATION_CTRL,
  PR_SET_SPECULATION_CTRL,
  PR_SET_IO_FLUSHER,
  PR_GET_IO_FLUSHER,
  PR_SET_SYSCALL_USER_DISPATCH,
  PR_SCHED_CORE,
  PR_SET_MDWE,
  PR_GET_MDWE,
  PR_SET_VMA,
  PR_SET_MEMORY_MERGE,
  PR_GET_MEMORY_MERGE,
} as const;

// PR_CAP_AMBIENT.
export const PR_CAP_AMBIENT_IS_SET = 1;
export const PR_CAP_AMBIENT_RAISE = 2;
export const PR_CAP_AMBIENT_LOWER = 3;
export const PR_CAP_AMBIENT_CLEAR_ALL = 4;
/** Second argument of PR_CAP_AMBIENT by name. */
export const CAP_AMBIENT_OPERATIONS = {
  PR_CAP_AMBIENT_IS_SET,
  PR_CAP_AMBIENT_RAISE,
  PR_CAP_AMBIENT_LOWER,
  PR_CAP_AMBIENT_CLEAR_ALL,
} as const;

// PR_SET_SECUREBITS.
export const SECBIT_NOROOT = 0x1;
export const SECBIT_NOROOT_LOCKED = 0x2;
export const SECBIT_NO_SETUID_FIXUP = 0x4;
export const SECBIT_NO_SETUID_FIXUP_LOCKED = 0x8;
export const SECBIT_KEEP_CAPS = 0x10;
export const SECBIT_KEEP_CAPS_LOCKED = 0x20;
export const SECBIT_NO_CAP_AMBIENT_RAISE = 0x40;
export const SECBIT_NO_CAP_AMBIENT_RAISE_LOCKED = 0x80;
/** Secure bits by name. */
export const SECUREBITS = {
  SECBIT_NOROOT,
  SECBIT_NOROOT_LOCKED,
  SECBIT_NO_SETUID_FIXUP,
  SECBIT_NO_SETUID_FIXUP_LOCKED,
  SECBIT_KEEP_CAPS,
  SECBIT_KEEP_CAPS_LOCKED,
  SECBIT_NO_CAP_AMBIENT_RAISE,
  SECBIT_NO_CAP_AMBIENT_RAISE_LOCKED,
} as const;

// PR_SCHED_CORE.
export const PR_SCHED_CORE_GET = 0;
export const PR_SCHED_CORE_CREATE = 1;
export const PR_SCHED_CORE_SHARE_TO = 2;
export const PR_SCHED_CORE_SHARE_FROM = 3;
