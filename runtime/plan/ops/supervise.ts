/** The parts of the stage that stay: the host's side that waits for the container, and PID 1 with `init`. */
import { EINTR, ENOMEM } from "../../../ffi/abi/errno.ts";
import { POLLIN } from "../../../ffi/abi/poll.ts";
import { CLD_EXITED, SI_KERNEL, SIGALRM, SIGCHLD, SIGKILL } from "../../../ffi/abi/signal.ts";
import { CLOCK_MONOTONIC, ITIMER_REAL, TFD_CLOEXEC } from "../../../ffi/abi/timerfd.ts";
import { P_ALL, P_PIDFD, WEXITED, WNOHANG } from "../../../ffi/abi/wait.ts";
import type { Cell, Syscall, Word } from "../../../ffi/calls/call.ts";
import { read, write } from "../../../ffi/calls/io.ts";
import { close, closeRange } from "../../../ffi/calls/open.ts";
import { pidfdSendSignal } from "../../../ffi/calls/pidfd.ts";
import { ppoll } from "../../../ffi/calls/poll.ts";
import { clone3, exitGroup, kill, waitid } from "../../../ffi/calls/process.ts";
import { rtSigtimedwait } from "../../../ffi/calls/signal.ts";
import { setitimer, timerfdCreate, timerfdSettime } from "../../../ffi/calls/timer.ts";
import { branchOnErrno, type Emitter, FAIL, result } from "../emitter.ts";
import type { OpCommon, OpDefinition } from "../op.ts";
import {
  detachPump,
  ENTRIES,
  finishPump,
  movePump,
  passSize,
  preparePump,
  PUMP,
  PUMP_ENTRIES,
  PUMP_SLOT,
  set,
  takeTerminal,
  waitFor,
  whenReady,
} from "./pump.ts";
import { watchFd } from "./polled.ts";
import {
  ANNOUNCE_FD,
  CONTROL_FD,
  DETACH,
  firstOwnFd,
  REPORT,
  REPORT_BYTES,
  REPORT_FD,
  REPORT_RUSAGE,
  REPORT_SIGINFO,
  type Reporter,
  type ReportKind,
} from "../report.ts";

/** Waits for the container: passes signals on, ends it when the runner is gone or its time is over. */
export interface Watch extends OpCommon {
  readonly kind: "watch";
  readonly timeoutMs?: number;
  /** Says the first process's pid, and leaves the container when it is told to. */
  readonly detachable?: true;
  /** The runner wants to know the first process's pid. */
  readonly announce?: true;
  /** The container's terminal is shown on standard output; with `input` it gets what comes on standard input. */
  readonly terminal?: { readonly input: boolean };
}

/** Kills the container's first process, and with it all others, and waits for it: what undoes `clone`. */
export interface EndContainer extends OpCommon {
  readonly kind: "end";
}

/** PID 1 starts one command, reaps whatever ends, passes signals on, and goes on when the command exits 0. */
export interface RunCommand extends OpCommon {
  readonly kind: "command";
  readonly index: number;
  /** The container ends with this one, whatever its status. */
  readonly last: boolean;
  readonly timeoutMs?: number;
  /** The first command, and the runner waits for its execve: PID 1 gives its copy of the pipe away. */
  readonly announce: boolean;
}

export const REPORT_CELL: Cell = { cell: "report", size: REPORT_BYTES };
export const ALL_SIGNALS = 0xffffffffffffffffn;

const field = (offset: number): Cell => ({ ...REPORT_CELL, offset });
// siginfo_t, <asm-generic/siginfo.h>
const SI_CODE = 8;
const SI_PID = 16;
const SI_STATUS = 24;

/** A call that only a fault reaches: its text says so to who compares a run with its plan. */
export function alarming(call: Syscall, why: string): Syscall {
  return {
    name: call.name,
    words: call.words,
    get text() {
      return [...call.text.slice(0, -1), `${call.text.at(-1)} /* ${why} */`];
    },
  };
}

/** Sends a report of the stage, or of the container's side; `a` and `b` are its two words. */
export function sendReport(
  to: Emitter,
  kind: ReportKind,
  words: {
    readonly from: Reporter;
    readonly a?: Word;
    readonly b?: Word;
    /** Why the call is only reached by a fault. */
    readonly alarm?: string;
    /** Where to go when it can't be sent; else the next record. */
    readonly onError?: string;
  },
): void {
  to.add(
    { kind: "store", value: REPORT[kind], address: field(0), width: 4 },
    { kind: "store", value: words.a ?? 0, address: field(4), width: 4 },
    { kind: "store", value: words.b ?? 0, address: field(8), width: 4 },
  );
  // A runner that is gone can't read: nothing is to be done about that here.
  const fd = words.from === "stage" ? CONTROL_FD : REPORT_FD;
  const call = write({ fd, buf: REPORT_CELL, count: REPORT_BYTES });
  const { onError = "continue" } = words;
  to.call(words.alarm === undefined ? call : alarming(call, words.alarm), { onError });
}

/** Entry `index` waits until `fd` can be read, or is at its end. */
function watchInput(to: Emitter, index: number, fd: Word): void {
  watchFd(to, { cell: ENTRIES, index }, { fd, events: POLLIN });
}

const killContainer = (to: Emitter): void =>
  to.call(pidfdSendSignal({ pidfd: result("child pidfd"), sig: SIGKILL }), { onError: "continue" });

const split = (ms: number): { sec: number; nsec: number } => ({
  sec: Math.floor(ms / 1000),
  nsec: Math.round((ms % 1000) * 1e6),
});

export const watch: OpDefinition<Watch> = {
  describe: (op) =>
    op.timeoutMs === undefined
      ? "waitid(P_PIDFD, child, WEXITED)"
      : `waitid(P_PIDFD, child, WEXITED) for at most ${op.timeoutMs} ms`,
  lower(op, to) {
    const wait = to.label("wait");
    const ended = to.label("ended");
    if (op.detachable || op.announce) {
      // A runner that isn't told would wait for it for ever.
      sendReport(to, "started", { from: "stage", a: result("child"), onError: FAIL.stage });
    }
    watchInput(to, 0, result("child pidfd"));
    watchInput(to, 1, CONTROL_FD);
    if (op.timeoutMs !== undefined) {
      to.call(timerfdCreate({ clockid: CLOCK_MONOTONIC, flags: TFD_CLOEXEC }), { into: "timer" });
      to.call(timerfdSettime({ fd: result("timer"), value: split(op.timeoutMs) }));
      watchInput(to, 2, result("timer"));
    }
    const failed = to.label("poll failed");
    const { terminal } = op;
    if (terminal !== undefined) {
      if (op.timeoutMs === undefined) waitFor(to, 2, -1);
      preparePump(to);
    }
    to.add({ kind: "label", name: wait });
    const nfds = terminal !== undefined ? PUMP_ENTRIES : op.timeoutMs === undefined ? 2 : 3;
    to.call(ppoll({ fds: ENTRIES, nfds }), { onError: failed });
    if (terminal === undefined) {
      const control = to.label("control");
      whenReady(to, 0, control);
      to.add({ kind: "jump", to: ended }, { kind: "label", name: control });
      passSignal(to, {
        wait,
        timer: op.timeoutMs === undefined ? wait : to.label("timer"),
        done: wait,
      }, op);
    } else {
      // The container's end is seen last: what it wrote before comes first.
      takeTerminal(to, terminal.input);
      const timer = op.timeoutMs === undefined ? PUMP.next : to.label("timer");
      passSignal(to, { wait, timer, done: PUMP.next }, op);
      movePump(to, wait);
    }
    // ppoll(2) that failed wrote no revents: those of before must not be read again.
    to.add(
      { kind: "label", name: failed },
      ...branchOnErrno([EINTR, ENOMEM], { to: wait, otherwise: FAIL.stage }),
      { kind: "label", name: ended },
    );
    if (terminal !== undefined) finishPump(to);
    reap(to);
  },
};

/** One message of the runner: a signal for the container; its end: the container's end. */
function passSignal(
  to: Emitter,
  // `done`: where it goes on when no time is up.
  { wait, timer, done }: { readonly wait: string; readonly timer: string; readonly done: string },
  op: Watch,
): void {
  const command: Cell = { cell: "command", size: 8 };
  const gone = to.label("runner gone");
  const stay = to.label("stay");
  whenReady(to, 1, timer);
  to.call(read({ fd: CONTROL_FD, buf: command, count: 8 }), { into: "count", onError: gone });
  to.add(
    { kind: "branch", when: "less", left: result("count"), right: 4, to: gone },
    { kind: "load", into: "signal", address: command, width: 4 },
  );
  if (op.terminal !== undefined) passSize(to, { wait, said: { ...command, offset: 4 } });
  if (op.detachable) {
    to.add(
      { kind: "branch", when: "less", left: result("signal"), right: DETACH, to: stay },
    );
    if (op.terminal !== undefined) detachPump(to, wait);
    sendReport(to, "detached", { from: "stage" });
    to.call(exitGroup({ status: 0 }));
    to.add({ kind: "label", name: stay });
  }
  to.call(pidfdSendSignal({ pidfd: result("child pidfd"), sig: result("signal") }), {
    onError: "continue",
  });
  to.add({ kind: "jump", to: wait }, { kind: "label", name: gone });
  killContainer(to);
  if (op.terminal !== undefined) set(to, PUMP_SLOT.gone, 1);
  // A negative descriptor is left out by poll: the end of file is not seen again.
  waitFor(to, 1, -1);
  to.add({ kind: "jump", to: wait });
  if (op.timeoutMs === undefined) return;
  to.add({ kind: "label", name: timer });
  whenReady(to, 2, done);
  sendReport(to, "timeout", { from: "stage" });
  killContainer(to);
  waitFor(to, 2, -1);
  to.add({ kind: "jump", to: wait });
}

function reap(to: Emitter): void {
  to.call(waitid({
    idtype: P_PIDFD,
    id: result("child pidfd"),
    infop: field(REPORT_SIGINFO),
    options: WEXITED,
    rusage: field(REPORT_RUSAGE),
  }));
  sendReport(to, "exited", { from: "stage" });
}

export const endContainer: OpDefinition<EndContainer> = {
  describe: () => "pidfd_send_signal(child, SIGKILL)",
  lower(_op, to) {
    killContainer(to);
    to.call(waitid({ idtype: P_PIDFD, id: result("child pidfd"), options: WEXITED }), {
      onError: "continue",
    });
  },
};

export const runCommand: OpDefinition<RunCommand> = {
  describe: (op) => `clone3(0), waitid(…) of commands[${op.index}]`,
  lower(op, to) {
    const wait = to.label("wait");
    const reaping = to.label("reap");
    const info: Cell = { cell: "signal info", size: 128 };
    // Among what is open is the way to the layers, which can be written there: PID 1 must have none of it when others are there.
    if (op.index === 0) to.call(closeRange({ first: firstOwnFd(op.announce), last: 0xffffffff }));
    to.call(clone3({ flags: 0n, exitSignal: SIGCHLD }), { into: "command" });
    to.add({
      kind: "branch",
      when: "equal",
      left: result("command"),
      right: 0,
      to: processLabel(op.index),
    });
    if (op.announce) to.call(close({ fd: ANNOUNCE_FD }), { onError: "continue" });
    if (op.timeoutMs !== undefined) setTimer(to, op.timeoutMs);
    to.add({ kind: "label", name: wait });
    to.call(rtSigtimedwait({ set: ALL_SIGNALS, info }), { into: "signal", onError: wait });
    to.add({ kind: "branch", when: "equal", left: result("signal"), right: SIGCHLD, to: reaping });
    if (op.timeoutMs !== undefined) onAlarm(op, to, { ...info, offset: SI_CODE });
    to.call(kill({ pid: result("command"), sig: result("signal") }), { onError: "continue" });
    to.add({ kind: "jump", to: wait }, { kind: "label", name: reaping });
    reapOne(op, to, { wait, reaping });
  },
};

/** Label of the records that prepare and execute command `index`. */
export function processLabel(index: number): string {
  return `process ${index}`;
}

function setTimer(to: Emitter, ms: number): void {
  const value = { sec: Math.floor(ms / 1000), usec: Math.round((ms % 1000) * 1000) };
  to.call(setitimer({ which: ITIMER_REAL, value }));
}

/** Our own timer's SIGALRM says SI_KERNEL; one that a process sent is passed on like any other signal. */
function onAlarm(op: RunCommand, to: Emitter, siCode: Cell): void {
  const sent = to.label("sent");
  const ours = to.label("ours");
  to.add(
    { kind: "branch", when: "equal", left: result("signal"), right: SIGALRM, to: ours },
    { kind: "jump", to: sent },
    { kind: "label", name: ours },
    { kind: "load", into: "code", address: siCode, width: 4, signed: true },
    { kind: "branch", when: "equal", left: result("code"), right: SI_KERNEL, to: `${ours}!` },
    { kind: "jump", to: sent },
    { kind: "label", name: `${ours}!` },
  );
  sendReport(to, "timeout", { from: "container", a: op.index });
  to.add({ kind: "jump", to: "container.end" }, { kind: "label", name: sent });
}

function reapOne(
  op: RunCommand,
  to: Emitter,
  { wait, reaping }: { readonly wait: string; readonly reaping: string },
): void {
  const ended = to.label("ended");
  const quit = to.label("quit");
  const exited = to.label("exited");
  const next = to.label("next");
  to.add({ kind: "store", value: 0, address: field(REPORT_SIGINFO + SI_PID), width: 4 });
  to.call(
    waitid({
      idtype: P_ALL,
      id: 0,
      infop: field(REPORT_SIGINFO),
      options: WEXITED | WNOHANG,
      rusage: field(REPORT_RUSAGE),
    }),
    { onError: wait },
  );
  to.add(
    { kind: "load", into: "reaped", address: field(REPORT_SIGINFO + SI_PID), width: 4 },
    { kind: "branch", when: "equal", left: result("reaped"), right: 0, to: wait },
    { kind: "branch", when: "equal", left: result("reaped"), right: result("command"), to: ended },
    { kind: "jump", to: reaping },
    { kind: "label", name: ended },
  );
  if (op.timeoutMs !== undefined) setTimer(to, 0);
  to.add(
    { kind: "load", into: "code", address: field(REPORT_SIGINFO + SI_CODE), width: 4 },
    { kind: "load", into: "status", address: field(REPORT_SIGINFO + SI_STATUS), width: 4 },
    { kind: "branch", when: "equal", left: result("code"), right: CLD_EXITED, to: exited },
    { kind: "add", into: "status", left: result("status"), right: 128 },
    { kind: "jump", to: quit },
    { kind: "label", name: exited },
  );
  if (!op.last) {
    to.add({ kind: "branch", when: "equal", left: result("status"), right: 0, to: next });
  }
  to.add({ kind: "label", name: quit });
  // Only the command that ends the container is reported: the runner reads when all is over, and a pipe is not endless.
  sendReport(to, "step", { from: "container", a: op.index });
  to.call(exitGroup({ status: result("status") }));
  to.add({ kind: "label", name: next });
}
