/** Timers and sleeping. setitimer(2), timerfd_create(2), clock_nanosleep(2). */
import {
  CLOCKS,
  ITIMERS,
  ITIMERSPEC,
  ITIMERVAL,
  TIMER_ABSTIME,
  TIMERFD_FLAGS,
  TIMERFD_SETTIME_FLAGS,
  TIMESPEC,
} from "../abi/timerfd.ts";
import type { Cell, Syscall, Word } from "./call.ts";
import { NULL, struct, syscall } from "./record.ts";
import { showFlags, showName, showPointer, showStruct, showTime, showWord } from "./show.ts";

/** Seconds and nanoseconds. */
export interface Timespec {
  readonly sec: number;
  readonly nsec: number;
}

/** Seconds and microseconds. */
export interface Timeval {
  readonly sec: number;
  readonly usec: number;
}

/**
 * `setitimer(2)`: SIGALRM (ITIMER_REAL) once after `value`, then at each `interval`; zero switches it off.
 *
 * Header  include/uapi/linux/time.h
 * Since   Linux 1.0
 * Needs   nothing
 * Errors  EINVAL  more than 999999 microseconds
 * @see https://man7.org/linux/man-pages/man2/setitimer.2.html
 */
export function setitimer(args: { which: number; value: Timeval; interval?: Timeval }): Syscall {
  const { which, value, interval = { sec: 0, usec: 0 } } = args;
  const timer = struct(ITIMERVAL, {
    it_interval_sec: interval.sec,
    it_interval_usec: interval.usec,
    it_value_sec: value.sec,
    it_value_usec: value.usec,
  });
  return syscall("setitimer", {
    words: [which, timer, NULL],
    text: () => [
      showName(which, ITIMERS),
      showStruct({ it_interval: showTime(interval), it_value: showTime(value) }),
      "NULL",
    ],
  });
}

/**
 * `timerfd_create(2)`: a descriptor that becomes readable when its time has come.
 *
 * Header  include/uapi/linux/timerfd.h
 * Since   Linux 2.6.25
 * Needs   CAP_WAKE_ALARM for the _ALARM clocks
 * Errors  EINVAL  no such clock, or an unknown flag
 * @see https://man7.org/linux/man-pages/man2/timerfd_create.2.html
 */
export function timerfdCreate(args: { clockid: number; flags: number }): Syscall {
  const { clockid, flags } = args;
  return syscall("timerfd_create", {
    words: [clockid, flags],
    text: () => [showName(clockid, CLOCKS), showFlags(flags, TIMERFD_FLAGS)],
  });
}

const isCell = (value: Timespec | Cell): value is Cell => "cell" in value;

/**
 * `timerfd_settime(2)`: starts a timer, relative unless TFD_TIMER_ABSTIME; zero switches it off.
 *
 * Header  include/uapi/linux/timerfd.h
 * Since   Linux 2.6.25
 * Needs   nothing
 * Errors  EINVAL  no timer, or more than 999999999 nanoseconds
 * @see https://man7.org/linux/man-pages/man2/timerfd_settime.2.html
 */
export function timerfdSettime(
  args: { fd: Word; flags?: number; value: Timespec | Cell; interval?: Timespec },
): Syscall {
  const { fd, flags = 0, value, interval = { sec: 0, nsec: 0 } } = args;
  const timer = isCell(value) ? value : struct(ITIMERSPEC, {
    it_interval_sec: interval.sec,
    it_interval_nsec: interval.nsec,
    it_value_sec: value.sec,
    it_value_nsec: value.nsec,
  });
  return syscall("timerfd_settime", {
    words: [fd, flags, timer, NULL],
    text: () => [
      showWord(fd),
      showFlags(flags, TIMERFD_SETTIME_FLAGS),
      isCell(value)
        ? showPointer(value)
        : showStruct({ it_interval: showTime(interval), it_value: showTime(value) }),
      "NULL",
    ],
  });
}

const timespec = (time: Timespec) => struct(TIMESPEC, { tv_sec: time.sec, tv_nsec: time.nsec });

/**
 * `nanosleep(2)`: sleeps; `rem` takes what was left when a signal came.
 *
 * Header  include/uapi/linux/time.h
 * Since   Linux 2.0
 * Needs   nothing
 * Errors  EINTR  a signal came
 * @see https://man7.org/linux/man-pages/man2/nanosleep.2.html
 */
export function nanosleep(args: { req: Timespec; rem?: Cell }): Syscall {
  const { req, rem = NULL } = args;
  return syscall("nanosleep", {
    words: [timespec(req), rem],
    text: () => [showTime(req), showPointer(rem)],
  });
}

/**
 * `clock_nanosleep(2)`: sleeps by a clock of choice, relative or (TIMER_ABSTIME) until a time.
 *
 * Header  include/uapi/linux/time.h
 * Since   Linux 2.6
 * Needs   nothing
 * Errors  EINTR   a signal came
 *         EINVAL  no such clock
 * @see https://man7.org/linux/man-pages/man2/clock_nanosleep.2.html
 */
export function clockNanosleep(
  args: { clockid: number; flags?: number; request: Timespec; remain?: Cell },
): Syscall {
  const { clockid, flags = 0, request, remain = NULL } = args;
  return syscall("clock_nanosleep", {
    words: [clockid, flags, timespec(request), remain],
    text: () => [
      showName(clockid, CLOCKS),
      showFlags(flags, { TIMER_ABSTIME }),
      showTime(request),
      showPointer(remain),
    ],
  });
}

/**
 * `clock_gettime(2)`: the time of a clock, into `tp` (struct timespec, 16 bytes).
 *
 * Header  include/uapi/linux/time.h
 * Since   Linux 2.6
 * Needs   nothing
 * Errors  EINVAL  no such clock
 * @see https://man7.org/linux/man-pages/man2/clock_gettime.2.html
 */
export function clockGettime(args: { clockid: number; tp: Cell }): Syscall {
  const { clockid, tp } = args;
  return syscall("clock_gettime", {
    words: [clockid, tp],
    text: () => [showName(clockid, CLOCKS), showPointer(tp)],
  });
}
