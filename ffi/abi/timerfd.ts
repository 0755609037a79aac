/**
 * Clocks and timers.
 *
 * Source: <linux/time.h>, <linux/timerfd.h>; timerfd_create(2), setitimer(2), clock_nanosleep(2).
 */
import { defineStruct } from "./struct.ts";

// Clocks.
export const CLOCK_REALTIME = 0;
export const CLOCK_MONOTONIC = 1;
export const CLOCK_PROCESS_CPUTIME_ID = 2;
export const CLOCK_THREAD_CPUTIME_ID = 3;
export const CLOCK_MONOTONIC_RAW = 4;
export const CLOCK_REALTIME_COARSE = 5;
export const CLOCK_MONOTONIC_COARSE = 6;
export const CLOCK_BOOTTIME = 7;
export const CLOCK_REALTIME_ALARM = 8;
export const CLOCK_BOOTTIME_ALARM = 9;
export const CLOCK_TAI = 11;
/** Clocks by name. */
export const CLOCKS = {
  CLOCK_REALTIME,
  CLOCK_MONOTONIC,
  CLOCK_PROCESS_CPUTIME_ID,
  CLOCK_THREAD_CPUTIME_ID,
  CLOCK_MONOTONIC_RAW,
  CLOCK_REALTIME_COARSE,
  CLOCK_MONOTONIC_COARSE,
  CLOCK_BOOTTIME,
  CLOCK_REALTIME_ALARM,
  CLOCK_BOOTTIME_ALARM,
  CLOCK_TAI,
} as const;
export const TFD_NONBLOCK = 0o4000;
export const TFD_CLOEXEC = 0o2000000;
/** Flags of timerfd_create(2) by name. */
export const TIMERFD_FLAGS = {
  TFD_NONBLOCK,
  TFD_CLOEXEC,
} as const;
export const TFD_TIMER_ABSTIME = 0x1;
export const TFD_TIMER_CANCEL_ON_SET = 0x2;
/** Flags of timerfd_settime(2) by name. */
export const TIMERFD_SETTIME_FLAGS = {
  TFD_TIMER_ABSTIME,
  TFD_TIMER_CANCEL_ON_SET,
} as const;
export const TIMER_ABSTIME = 0x1;

// setitimer(2).
export const ITIMER_REAL = 0;
export const ITIMER_VIRTUAL = 1;
export const ITIMER_PROF = 2;
/** Interval timers by name. */
export const ITIMERS = {
  ITIMER_REAL,
  ITIMER_VIRTUAL,
  ITIMER_PROF,
} as const;

/** struct timespec */
export const TIMESPEC = defineStruct({
  c: "struct timespec",
  size: 16,
  fields: [
    ["tv_sec", "i64"],
    ["tv_nsec", "i64"],
  ],
});

/** struct itimerspec */
export const ITIMERSPEC = defineStruct({
  c: "struct itimerspec",
  size: 32,
  fields: [
    ["it_interval_sec", "i64"],
    ["it_interval_nsec", "i64"],
    ["it_value_sec", "i64"],
    ["it_value_nsec", "i64"],
  ],
});

/** struct itimerval */
export const ITIMERVAL = defineStruct({
  c: "struct itimerval",
  size: 32,
  fields: [
    ["it_interval_sec", "i64"],
    ["it_interval_usec", "i64"],
    ["it_value_sec", "i64"],
    ["it_value_usec", "i64"],
  ],
});
