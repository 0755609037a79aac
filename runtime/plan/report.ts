/**
 * The messages between the runner and the stage, over a SOCK_SEQPACKET pair: one message, one packet.
 *
 *     stage → runner       0 u32 kind   4 i32 a   8 i32 b   12 u32 c   16 siginfo (128 bytes)   144 rusage (144 bytes)
 *     container → runner   the same, through a pipe of its own
 *     runner → stage       0 u32 signal to be sent to the container's first process, or ANSWER; end of file = end it
 *                          DETACH, where the plan permits it: the stage ends and leaves the container to its parent
 *                          RESIZE, where the container has a terminal: 4 u16 rows   6 u16 columns
 */

/** Its only argument, and the name of its file. */
export const STAGE_NAME = "containerv";

/** A command that a signal ended is said to have ended with that more. */
export const SIGNALED = 128;

/** Signals that end or steer a program go to the container; what stops the terminal stays the terminal's. */
export const PASSED_SIGNALS = [
  "SIGHUP",
  "SIGINT",
  "SIGQUIT",
  "SIGTERM",
  "SIGUSR1",
  "SIGUSR2",
  "SIGWINCH",
  "SIGCONT",
] as const;

/** Exit status of a stage that failed; the report says why. */
export const STAGE_FAILED = 125;

/** In place of a signal. */
export const DETACH = 0x100;

/** In place of a signal: the container's terminal has another size. */
export const RESIZE = 0x300;

/** Columns and rows of a terminal. */
export interface TerminalSize {
  readonly columns: number;
  readonly rows: number;
}

/** What the runner says to a stage. */
export function controlMessage(word: number, size?: TerminalSize): Uint8Array {
  const message = new Uint8Array(CONTROL_BYTES);
  const view = new DataView(message.buffer);
  view.setUint32(0, word, true);
  if (size === undefined) return message;
  view.setUint16(4, size.rows, true);
  view.setUint16(6, size.columns, true);
  return message;
}

/** Descriptor of the stage's end. The container's first process closes it before anything else can run beside it. */
export const CONTROL_FD = 3;

/**
 * Write end of the pipe that the container's side reports through, close-on-exec. It is another one than the stage's: a command that
 * may trace PID 1 (CAP_SYS_PTRACE) can take PID 1's descriptors, and then say no more than what PID 1 is believed.
 */
export const REPORT_FD = 4;

/**
 * Write end of the pipe whose end of file says that the first command was executed; only where somebody waits for it.
 * Close-on-exec as well: execve is what closes the last copy.
 */
export const ANNOUNCE_FD = 5;

/** Descriptor of the plan, until the stage's first record has mapped it (ffi/stage/shell.ts). */
export const PLAN_FD = 6;

/** The first of those that are handed over for the container alone: secrets. */
export const FIRST_PASSED_FD: number = PLAN_FD + 1;

/** Where a container is joined: pidfd of its first process, which is passed; then the joiner's pipe to the stage. */
export const JOIN_FD = FIRST_PASSED_FD;

/** The first descriptor that is the stage's own. */
export const firstOwnFd = (announce: boolean): number => announce ? ANNOUNCE_FD + 1 : REPORT_FD + 1;

/** Bytes of what the runner says to a stage. */
export const CONTROL_BYTES = 8;

/** A whole run sends fewer than ten: what says more wants to keep us busy. */
export const REPORTS_MAX = 100;

export const REPORT_BYTES = 288;
export const REPORT_SIGINFO = 16;
export const REPORT_RUSAGE = 144;
/** Where the text of `counters` begins. */
export const REPORT_TEXT = 16;

/** The controllers whose counters are told, by their number in a report. */
export const COUNTERS = ["memory", "pids", "cpu"] as const;
export type Counter = typeof COUNTERS[number];

/** `failed`: a = index of the record, b = errno. `exited`: siginfo and rusage of the first process.
 * `step`: a = index of the command, siginfo of it. `started`: a = pid of the first process, before it has done anything. `timeout`: a = index of the command.
 * `detached`: the stage ends, the container stays. `counters`: a = index of the controller, b = length of the text of its file. */
export const REPORT = {
  failed: 1,
  exited: 2,
  step: 3,
  started: 4,
  timeout: 5,
  undone: 6,
  detached: 7,
  ask: 8,
  counters: 9,
} as const;

/** What the runner says to an `ask`; above every signal. */
export const ANSWER = { done: 0x200, failed: 0x201 } as const;

/**
 * To a container's first process that waits for its inputs: 0 u32 GIVE   4 u32 permission bits, 0: as they are; with a descriptor. It
 * answers 0 i64 errno, or 0.
 */
export const GIVE = 0x202;

export type ReportKind = keyof typeof REPORT;

/** Who said it: what a container says of its stage is not believed. */
export type Reporter = "stage" | "container";

const KINDS_OF: Readonly<Record<Reporter, readonly ReportKind[]>> = {
  stage: ["failed", "exited", "started", "timeout", "undone", "detached", "ask", "counters"],
  container: ["failed", "step", "timeout"],
};

export interface Report {
  readonly kind: ReportKind;
  readonly from: Reporter;
  readonly a: number;
  readonly b: number;
  /** As waitid(2) gives it; only in `exited` and `step`. */
  readonly exit?: ChildExit;
  /** The kernel's own lines; only in `counters`. */
  readonly text?: string;
}

export interface ChildExit {
  /** CLD_EXITED 1, CLD_KILLED 2, CLD_DUMPED 3. */
  readonly code: number;
  /** Exit status or signal. */
  readonly status: number;
  /** User and system time, in microseconds; of the child and those that it waited for. */
  readonly cpuMicroseconds: number;
  /** Largest resident size, in KiB. */
  readonly maxRssKib: number;
}

function kindOf(number: number): ReportKind | undefined {
  for (const name in REPORT) if (REPORT[name as ReportKind] === number) return name as ReportKind;
  return undefined;
}

/**
 * Reads one message. A stage can only be what we made, but its bytes come from another process: anything that is not a
 * whole, known report, of a kind that its sender may send, is `undefined`.
 */
export function decodeReport(bytes: Uint8Array, from: Reporter): Report | undefined {
  if (bytes.length !== REPORT_BYTES) return undefined;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const kind = kindOf(view.getUint32(0, true));
  if (kind === undefined || !KINDS_OF[from].includes(kind)) return undefined;
  const report = { kind, from, a: view.getInt32(4, true), b: view.getInt32(8, true) };
  if (kind === "counters") return { ...report, text: decodeText(bytes, report.b) };
  if (kind !== "exited" && kind !== "step") return report;
  return { ...report, exit: decodeExit(view) };
}

function decodeText(bytes: Uint8Array, length: number): string {
  const end = Math.min(REPORT_BYTES, REPORT_TEXT + Math.max(0, length));
  return new TextDecoder().decode(bytes.subarray(REPORT_TEXT, end));
}

// siginfo_t of SIGCHLD: si_signo 0, si_errno 4, si_code 8, pad 12, si_pid 16, si_uid 20, si_status 24
// struct rusage: ru_utime 0 (sec, usec), ru_stime 16, ru_maxrss 32
function decodeExit(view: DataView): ChildExit {
  const time = (offset: number): number =>
    Number(view.getBigInt64(REPORT_RUSAGE + offset, true)) * 1e6 +
    Number(view.getBigInt64(REPORT_RUSAGE + offset + 8, true));
  return {
    code: view.getInt32(REPORT_SIGINFO + 8, true),
    status: view.getInt32(REPORT_SIGINFO + 24, true),
    cpuMicroseconds: time(0) + time(16),
    maxRssKib: Number(view.getBigInt64(REPORT_RUSAGE + 32, true)),
  };
}
