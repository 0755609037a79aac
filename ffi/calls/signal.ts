/** Signal masks, dispositions, and taking a signal without a handler. rt_sigprocmask(2), rt_sigtimedwait(2). */
import {
  KERNEL_SIGACTION,
  SIG_DFL,
  SIG_IGN,
  SIGACTION_FLAGS,
  SIGNALFD_FLAGS,
  SIGPROCMASK_HOW,
  SIGSET_SIZE,
} from "../abi/signal.ts";
import { TIMESPEC } from "../abi/timerfd.ts";
import type { Cell, Syscall, Word } from "./call.ts";
import { NULL, struct, syscall, uint64 } from "./record.ts";
import {
  showFlags,
  showName,
  showPointer,
  showSignal,
  showSigset,
  showStruct,
  showTime,
  showWord,
} from "./show.ts";

/**
 * `rt_sigprocmask(2)`: which signals are blocked; bit n-1 is signal n.
 *
 * Header  include/uapi/asm-generic/signal-defs.h
 * Since   Linux 2.2
 * Needs   nothing
 * Errors  EINVAL  how is none of the three
 * @see https://man7.org/linux/man-pages/man2/rt_sigprocmask.2.html
 */
export function rtSigprocmask(
  args: { how: number; set: bigint | Cell; oldset?: Cell },
): Syscall {
  const { how, set, oldset = NULL } = args;
  return syscall("rt_sigprocmask", {
    words: [how, typeof set === "bigint" ? uint64(set) : set, oldset, SIGSET_SIZE],
    text: () => [
      showName(how, SIGPROCMASK_HOW),
      typeof set === "bigint" ? showSigset(set) : showPointer(set),
      showPointer(oldset),
      String(SIGSET_SIZE),
    ],
  });
}

/**
 * `rt_sigtimedwait(2)`: waits for a blocked signal of `set` and takes it; the result is its number, `info`
 * (siginfo_t, 128 bytes) says who sent it.
 *
 * Header  include/uapi/asm-generic/siginfo.h
 * Since   Linux 2.2
 * Needs   the signals to be blocked
 * Errors  EAGAIN  the time is over
 *         EINTR   a handler ran for another signal
 * @see https://man7.org/linux/man-pages/man2/rt_sigtimedwait.2.html
 */
export function rtSigtimedwait(
  args: {
    set: bigint;
    info?: Cell;
    timeout?: { readonly sec: number; readonly nsec: number };
  },
): Syscall {
  const { set, info = NULL, timeout } = args;
  const limit = timeout && struct(TIMESPEC, { tv_sec: timeout.sec, tv_nsec: timeout.nsec });
  return syscall("rt_sigtimedwait", {
    words: [uint64(set), info, limit ?? NULL, SIGSET_SIZE],
    text: () => [
      showSigset(set),
      showPointer(info),
      timeout === undefined ? "NULL" : showTime(timeout),
      String(SIGSET_SIZE),
    ],
  });
}

/**
 * `rt_sigaction(2)`: lets a signal do what it does by default, or nothing (no `handler`: only asks). `oldact` (32 bytes)
 * takes what was. Handlers have no place here: no code of ours runs in a signal's context.
 *
 * Header  include/uapi/asm-generic/signal.h
 * Since   Linux 2.2
 * Needs   nothing
 * Errors  EINVAL  SIGKILL or SIGSTOP, or no such signal
 * @see https://man7.org/linux/man-pages/man2/rt_sigaction.2.html
 */
export function rtSigaction(
  args: {
    signum: Word;
    handler?: typeof SIG_DFL | typeof SIG_IGN;
    flags?: number;
    oldact?: Cell;
  },
): Syscall {
  const { signum, handler, flags = 0, oldact = NULL } = args;
  const act = handler === undefined
    ? NULL
    : struct(KERNEL_SIGACTION, { sa_handler: handler, sa_flags: flags });
  return syscall("rt_sigaction", {
    words: [signum, act, oldact, SIGSET_SIZE],
    text: () => [
      showSignal(signum),
      handler === undefined ? "NULL" : showStruct({
        sa_handler: showName(handler, { SIG_DFL, SIG_IGN }),
        sa_mask: "[]",
        sa_flags: showFlags(flags, SIGACTION_FLAGS),
      }),
      showPointer(oldact),
      String(SIGSET_SIZE),
    ],
  });
}

/**
 * `signalfd4(2)`: a descriptor (`fd` -1: a new one) from which the blocked signals of `mask` are read, 128 bytes each.
 *
 * Header  include/uapi/linux/signalfd.h
 * Since   Linux 2.6.27
 * Needs   the signals to be blocked
 * Errors  EINVAL  fd is no signalfd
 *         EMFILE  too many descriptors
 * @see https://man7.org/linux/man-pages/man2/signalfd.2.html
 */
export function signalfd4(args: { fd?: Word; mask: bigint; flags: number }): Syscall {
  const { fd = -1, mask, flags } = args;
  return syscall("signalfd4", {
    words: [fd, uint64(mask), SIGSET_SIZE, flags],
    text: () => [
      showWord(fd),
      showSigset(mask),
      String(SIGSET_SIZE),
      showFlags(flags, SIGNALFD_FLAGS),
    ],
  });
}
