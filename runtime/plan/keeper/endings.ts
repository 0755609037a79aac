/** The part of the keeper that notes how its containers end. */
import { FALLOC_FL_KEEP_SIZE } from "../../../ffi/abi/fcntl.ts";
import { CLOCK_REALTIME } from "../../../ffi/abi/timerfd.ts";
import { P_ALL, P_PID, WEXITED, WNOHANG, WNOWAIT } from "../../../ffi/abi/wait.ts";
import { SIGINFO } from "../../../ffi/abi/signal.ts";
import type { Cell } from "../../../ffi/calls/call.ts";
import { fallocate, ftruncate, lseek, read, write } from "../../../ffi/calls/io.ts";
import { exitGroup, waitid } from "../../../ffi/calls/process.ts";
import { clockGettime } from "../../../ffi/calls/timer.ts";
import { type Emitter, result } from "../emitter.ts";
import { startCollector } from "./held.ts";
import { goTo, loadField, place, whenEqual } from "../flow.ts";
import { ENTRY } from "./memory.ts";
import { AT, dropEntry, type KeeperOptions, SLOT } from "./core.ts";
import {
  ENDING_BYTES,
  ENDING_RUSAGE,
  ENDING_SIGINFO,
  ENDINGS_FD,
  ENDINGS_ROOM_BYTES,
} from "./protocol.ts";

const ENDING: Cell = { cell: "ending", size: ENDING_BYTES };
const INFO: Cell = { ...ENDING, offset: ENDING_SIGINFO };
const SI_PID: Cell = { ...ENDING, offset: ENDING_SIGINFO + SIGINFO.fields.si_pid.offset };
const SEEK_END = 2;

/**
 * Every child that has ended is first looked at and written down, then reaped: while the disk is full it stays a zombie, and
 * the next event tries again. Nothing that was reaped is unwritten.
 */
export function noteEndings(to: Emitter, options: KeeperOptions): void {
  const next = to.label("next");
  const none = to.label("none");
  const signal: Cell = { cell: "signal", size: SIGINFO.size };
  place(to, AT.reap);
  to.call(read({ fd: result(SLOT.signals), buf: signal, count: signal.size }), {
    onError: "continue",
  });
  place(to, next);
  to.add({ kind: "store", value: 0, address: SI_PID, width: 4 });
  to.call(
    waitid({
      idtype: P_ALL,
      id: 0,
      infop: INFO,
      options: WEXITED | WNOHANG | WNOWAIT,
      rusage: { ...ENDING, offset: ENDING_RUSAGE },
    }),
    { onError: none },
  );
  to.add({ kind: "load", into: "ended", address: SI_PID, width: 4 });
  whenEqual(to, [result("ended"), 0], AT.loop);
  writeEnding(to, AT.loop);
  to.call(waitid({ idtype: P_PID, id: result("ended"), options: WEXITED | WNOHANG }), {
    onError: "continue",
  });
  startCollector(to, options);
  goTo(to, next);
  // No child is left: with nobody connected and no output open, there is nothing to keep.
  place(to, none);
  whenEqual(to, [result(SLOT.uses), 0], "keeper.end");
  goTo(to, AT.loop);
  noteAdopted(to, options);
  place(to, "keeper.end");
  to.call(exitGroup({ status: 0 }), { onError: "continue" });
}

/** A container whose parent was another keeper: its status went to whoever inherited it, so only the time is known. */
function noteAdopted(to: Emitter, options: KeeperOptions): void {
  place(to, "keeper.process");
  loadField(to, "ended", { of: SLOT.entry, offset: ENTRY.pid, width: 4 });
  for (let offset = ENDING_SIGINFO; offset < ENDING_BYTES; offset += 8) {
    to.add({ kind: "store", value: 0, address: { ...ENDING, offset }, width: 8 });
  }
  to.add({ kind: "store", value: result("ended"), address: SI_PID, width: 4 });
  writeEnding(to, AT.loop);
  startCollector(to, options);
  dropEntry(to, options);
  goTo(to, AT.reap);
}

/** Appends the whole ending, or nothing. */
function writeEnding(to: Emitter, otherwise: string): void {
  const failed = to.label("failed");
  const whole = to.label("whole");
  to.call(clockGettime({ clockid: CLOCK_REALTIME, tp: ENDING }), { onError: "continue" });
  to.call(lseek({ fd: ENDINGS_FD, offset: 0, whence: SEEK_END }), {
    into: "endings",
    onError: otherwise,
  });
  to.call(write({ fd: ENDINGS_FD, buf: ENDING }), { into: "written", onError: failed });
  whenEqual(to, [result("written"), ENDING_BYTES], whole);
  place(to, failed);
  to.call(ftruncate({ fd: ENDINGS_FD, length: result("endings") }), { onError: "continue" });
  goTo(to, otherwise);
  place(to, whole);
  const room = { mode: FALLOC_FL_KEEP_SIZE, offset: result("endings"), len: ENDINGS_ROOM_BYTES };
  to.call(fallocate({ fd: ENDINGS_FD, ...room }), { onError: "continue" });
}
