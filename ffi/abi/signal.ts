/**
 * Signals, their masks and struct siginfo.
 *
 * Source: <asm-generic/signal.h>, <asm-generic/siginfo.h>; signal(7), sigaction(2).
 * The numbers are the same on x86_64 and aarch64.
 */
import { defineStruct } from "./struct.ts";

// Signals.
export const SIGHUP = 1;
export const SIGINT = 2;
export const SIGQUIT = 3;
export const SIGILL = 4;
export const SIGTRAP = 5;
export const SIGABRT = 6;
export const SIGBUS = 7;
export const SIGFPE = 8;
export const SIGKILL = 9;
export const SIGUSR1 = 10;
export const SIGSEGV = 11;
export const SIGUSR2 = 12;
export const SIGPIPE = 13;
export const SIGALRM = 14;
export const SIGTERM = 15;
export const SIGSTKFLT = 16;
export const SIGCHLD = 17;
export const SIGCONT = 18;
export const SIGSTOP = 19;
export const SIGTSTP = 20;
export const SIGTTIN = 21;
export const SIGTTOU = 22;
export const SIGURG = 23;
export const SIGXCPU = 24;
export const SIGXFSZ = 25;
export const SIGVTALRM = 26;
export const SIGPROF = 27;
export const SIGWINCH = 28;
export const SIGIO = 29;
export const SIGPWR = 30;
export const SIGSYS = 31;
/** Signals by name. */
export const SIGNALS = {
  SIGHUP,
  SIGINT,
  SIGQUIT,
  SIGILL,
  SIGTRAP,
  SIGABRT,
  SIGBUS,
  SIGFPE,
  SIGKILL,
  SIGUSR1,
  SIGSEGV,
  SIGUSR2,
  SIGPIPE,
  SIGALRM,
  SIGTERM,
  SIGSTKFLT,
  SIGCHLD,
  SIGCONT,
  SIGSTOP,
  SIGTSTP,
  SIGTTIN,
  SIGTTOU,
  SIGURG,
  SIGXCPU,
  SIGXFSZ,
  SIGVTALRM,
  SIGPROF,
  SIGWINCH,
  SIGIO,
  SIGPWR,
  SIGSYS,
} as const;

// The kernel's first and last real-time signal (libc keeps 32 and 33 for itself).
export const SIGRTMIN = 32;
export const SIGRTMAX = 64;

// rt_sigprocmask(2).
export const SIG_BLOCK = 0;
export const SIG_UNBLOCK = 1;
export const SIG_SETMASK = 2;
/** First argument of rt_sigprocmask(2) by name. */
export const SIGPROCMASK_HOW = {
  SIG_BLOCK,
  SIG_UNBLOCK,
  SIG_SETMASK,
} as const;

// Dispositions.
export const SIG_DFL = 0;
export const SIG_IGN = 1;

// rt_sigaction(2).
export const SA_NOCLDSTOP = 0x1;
export const SA_NOCLDWAIT = 0x2;
export const SA_SIGINFO = 0x4;
export const SA_ONSTACK = 0x8000000;
export const SA_RESTART = 0x10000000;
export const SA_NODEFER = 0x40000000;
export const SA_RESETHAND = 0x80000000;
export const SA_RESTORER = 0x4000000;
/** Flags of rt_sigaction(2) by name. */
export const SIGACTION_FLAGS = {
  SA_NOCLDSTOP,
  SA_NOCLDWAIT,
  SA_SIGINFO,
  SA_ONSTACK,
  SA_RESTART,
  SA_NODEFER,
  SA_RESETHAND,
  SA_RESTORER,
} as const;

export const SFD_NONBLOCK = 0o4000;
export const SFD_CLOEXEC = 0o2000000;
/** Flags of signalfd4(2) by name. */
export const SIGNALFD_FLAGS = {
  SFD_NONBLOCK,
  SFD_CLOEXEC,
} as const;

// si_code of SIGCHLD.
export const CLD_EXITED = 1;
export const CLD_KILLED = 2;
export const CLD_DUMPED = 3;
export const CLD_TRAPPED = 4;
export const CLD_STOPPED = 5;
export const CLD_CONTINUED = 6;
/** si_code of SIGCHLD by name. */
export const CHILD_CODES = {
  CLD_EXITED,
  CLD_KILLED,
  CLD_DUMPED,
  CLD_TRAPPED,
  CLD_STOPPED,
  CLD_CONTINUED,
} as const;

// si_code: who sent it.
export const SI_USER = 0;
export const SI_KERNEL = 128;
export const SI_QUEUE = -1;
export const SI_TIMER = -2;
export const SI_TKILL = -6;
export const SI_ASYNCIO = -4;
export const SI_SIGIO = -5;
/** si_code that any signal can have, by name. */
export const SIGNAL_CODES = {
  SI_USER,
  SI_KERNEL,
  SI_QUEUE,
  SI_TIMER,
  SI_TKILL,
  SI_ASYNCIO,
  SI_SIGIO,
} as const;

/** Bytes of a kernel sigset_t; the `sigsetsize` of every rt_ call. */
export const SIGSET_SIZE = 8;

/** siginfo_t as SIGCHLD and waitid(2) fill it. */
export const SIGINFO = defineStruct({
  c: "siginfo_t",
  size: 128,
  fields: [
    ["si_signo", "i32"],
    ["si_errno", "i32"],
    ["si_code", "i32"],
    ["__pad0", "i32"],
    ["si_pid", "i32"],
    ["si_uid", "u32"],
    ["si_status", "i32"],
    ["__pad1", "i32"],
    ["si_utime", "i64"],
    ["si_stime", "i64"],
    ["__pad2", { bytes: 80, align: 8 }],
  ],
});

/** The kernel's struct sigaction (not libc's), which both architectures share. */
export const KERNEL_SIGACTION = defineStruct({
  c: "struct kernel_sigaction",
  size: 32,
  fields: [
    ["sa_handler", "u64"],
    ["sa_flags", "u64"],
    ["sa_restorer", "u64"],
    ["sa_mask", "u64"],
  ],
});

/** The bit of signal `number` (1 to 64) in a mask. */
export function signalBit(number: number): bigint {
  if (!Number.isInteger(number) || number < 1 || number > 64) {
    throw new RangeError(`no signal has number ${number}`);
  }
  return 1n << BigInt(number - 1);
}

/** `15` → `SIGTERM`, `40` → `SIGRT_8` as strace says; unknown numbers stay numbers. */
export function signalName(number: number): string {
  if (number === SIGRTMIN) return "SIGRTMIN";
  if (number > SIGRTMIN && number <= SIGRTMAX) return `SIGRT_${number - SIGRTMIN}`;
  return Object.entries(SIGNALS).find(([, value]) => value === number)?.[0] ?? String(number);
}

/** `SIGTERM`, `TERM` or `15` → 15; `undefined`: there is no such signal. */
export function signalNumber(text: string): number | undefined {
  const names: Readonly<Record<string, number>> = SIGNALS;
  const name = [text, `SIG${text}`].find((one) => Object.hasOwn(names, one));
  const number = name === undefined ? Number(text) : names[name];
  return number !== undefined && Number.isInteger(number) && number > 0 && number <= SIGRTMAX
    ? number
    : undefined;
}
