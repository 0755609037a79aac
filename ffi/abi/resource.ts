/**
 * Resource limits, priorities and CPU time.
 *
 * Source: <asm-generic/resource.h>, <linux/resource.h>, <linux/ioprio.h>; prlimit(2), setpriority(2), ioprio_set(2).
 */
import { defineStruct } from "./struct.ts";

// Resources.
export const RLIMIT_CPU = 0;
export const RLIMIT_FSIZE = 1;
export const RLIMIT_DATA = 2;
export const RLIMIT_STACK = 3;
export const RLIMIT_CORE = 4;
export const RLIMIT_RSS = 5;
export const RLIMIT_NPROC = 6;
export const RLIMIT_NOFILE = 7;
export const RLIMIT_MEMLOCK = 8;
export const RLIMIT_AS = 9;
export const RLIMIT_LOCKS = 10;
export const RLIMIT_SIGPENDING = 11;
export const RLIMIT_MSGQUEUE = 12;
export const RLIMIT_NICE = 13;
export const RLIMIT_RTPRIO = 14;
export const RLIMIT_RTTIME = 15;
/** Resources of prlimit(2) by name. */
export const RESOURCES = {
  RLIMIT_CPU,
  RLIMIT_FSIZE,
  RLIMIT_DATA,
  RLIMIT_STACK,
  RLIMIT_CORE,
  RLIMIT_RSS,
  RLIMIT_NPROC,
  RLIMIT_NOFILE,
  RLIMIT_MEMLOCK,
  RLIMIT_AS,
  RLIMIT_LOCKS,
  RLIMIT_SIGPENDING,
  RLIMIT_MSGQUEUE,
  RLIMIT_NICE,
  RLIMIT_RTPRIO,
  RLIMIT_RTTIME,
} as const;

// No limit.
export const RLIM_INFINITY = 0xffffffffffffffffn;

// setpriority(2).
export const PRIO_PROCESS = 0;
export const PRIO_PGRP = 1;
export const PRIO_USER = 2;
/** First argument of setpriority(2) by name. */
export const PRIORITY_WHICH = {
  PRIO_PROCESS,
  PRIO_PGRP,
  PRIO_USER,
} as const;

// ioprio_set(2).
export const IOPRIO_CLASS_NONE = 0;
export const IOPRIO_CLASS_RT = 1;
export const IOPRIO_CLASS_BE = 2;
export const IOPRIO_CLASS_IDLE = 3;
/** I/O scheduling classes by name. */
export const IOPRIO_CLASSES = {
  IOPRIO_CLASS_NONE,
  IOPRIO_CLASS_RT,
  IOPRIO_CLASS_BE,
  IOPRIO_CLASS_IDLE,
} as const;
export const IOPRIO_CLASS_SHIFT = 13;
export const IOPRIO_WHO_PROCESS = 1;
export const IOPRIO_WHO_PGRP = 2;
export const IOPRIO_WHO_USER = 3;
/** First argument of ioprio_set(2) by name. */
export const IOPRIO_WHO = {
  IOPRIO_WHO_PROCESS,
  IOPRIO_WHO_PGRP,
  IOPRIO_WHO_USER,
} as const;

/** struct rlimit64 */
export const RLIMIT64 = defineStruct({
  c: "struct rlimit64",
  size: 16,
  fields: [
    ["rlim_cur", "u64"],
    ["rlim_max", "u64"],
  ],
});
