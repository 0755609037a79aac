/** The part of the keeper that keeps output: each piece with its time and stream, in files that are rotated. */
import { O_APPEND, O_CLOEXEC, O_CREAT, O_WRONLY } from "../../../ffi/abi/fcntl.ts";
import { UTIME_OMIT } from "../../../ffi/abi/stat.ts";
import { CLOCK_REALTIME } from "../../../ffi/abi/timerfd.ts";
import type { Cell } from "../../../ffi/calls/call.ts";
import { ftruncate, read, write } from "../../../ffi/calls/io.ts";
import { close, openat } from "../../../ffi/calls/open.ts";
import { renameat2 } from "../../../ffi/calls/path.ts";
import { utimensat } from "../../../ffi/calls/stat.ts";
import { clockGettime } from "../../../ffi/calls/timer.ts";
import { type Emitter, result } from "../emitter.ts";
import { goTo, loadField, place, storeField, whenEqual } from "../flow.ts";
import { BOX, BOX_POOL, ENTRY, giveBack } from "./memory.ts";
import { awaitRoom } from "./room.ts";
import { AT, dropEntry, type KeeperOptions, SLOT } from "./core.ts";
import {
  FRAME_BYTES_MAX,
  FRAME_HEADER_BYTES,
  FRAME_LENGTH,
  FRAME_LOST,
  FRAME_MAGIC,
  FRAME_MAGIC_AT,
  FRAME_STREAM,
  LOG_NAME_BYTES,
  LOGS_FD,
  LOST_NANOSECONDS,
} from "./protocol.ts";

const FRAME: Cell = { cell: "frame", size: FRAME_HEADER_BYTES + FRAME_BYTES_MAX };
const inFrame = (offset: number): Cell => ({ ...FRAME, offset });
/** `NAME`, `NAME.1`: paths below the directory of logs. */
const PATH_BYTES = 16;
const CURRENT: Cell = { cell: "log", size: PATH_BYTES };
const FROM: Cell = { cell: "log from", size: PATH_BYTES };
const TO: Cell = { cell: "log to", size: PATH_BYTES };
const DIGIT = LOG_NAME_BYTES + 1;
const ZERO = 48; // "0"
const DOT = 46;

/**
 * One read, one frame. What can't be written is counted, and the next frame says how much it was; where the spec says so, what is to be
 * read is left in the pipe first until there is room for it.
 */
export function keepOutput(to: Emitter, options: KeeperOptions): void {
  const lost = to.label("lost");
  const torn = to.label("torn");
  const ended = to.label("ended");
  place(to, "keeper.pipe");
  loadField(to, "fd", { of: SLOT.entry, offset: ENTRY.fd, width: 4 });
  loadField(to, "box", { of: SLOT.entry, offset: ENTRY.box, width: 8 });
  awaitRoom(to, { current: CURRENT, options });
  to.call(
    read({ fd: result("fd"), buf: inFrame(FRAME_HEADER_BYTES), count: result("most") }),
    { into: "count", onError: AT.loop },
  );
  whenEqual(to, [result("count"), 0], ended);
  makeHeader(to);
  to.call(
    openat({
      dirfd: LOGS_FD,
      pathname: CURRENT,
      flags: O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC,
      mode: 0o600,
    }),
    { into: "file", onError: lost },
  );
  to.add({ kind: "add", into: "total", left: result("count"), right: FRAME_HEADER_BYTES });
  loadField(to, "size", { of: "box", offset: BOX.size, width: 8 });
  to.call(write({ fd: result("file"), buf: FRAME, count: result("total") }), {
    into: "written",
    onError: torn,
  });
  const whole = to.label("whole");
  whenEqual(to, [result("written"), result("total")], whole);
  place(to, torn);
  // A frame is there whole or not at all.
  to.call(ftruncate({ fd: result("file"), length: result("size") }), { onError: "continue" });
  to.call(close({ fd: result("file") }), { onError: "continue" });
  place(to, lost);
  loadField(to, "dropped", { of: "box", offset: BOX.lost, width: 8 });
  to.add({ kind: "add", into: "dropped", left: result("dropped"), right: result("count") });
  storeField(to, result("dropped"), { of: "box", offset: BOX.lost, width: 8 });
  noteLost(to);
  place(to, whole);
  to.call(close({ fd: result("file") }), { onError: "continue" });
  storeField(to, 0, { of: "box", offset: BOX.lost, width: 8 });
  grow(to);
  place(to, ended);
  dropEntry(to, options);
  endPipe(to);
}

/** There may be no next frame; goes on at the loop. The log itself may just have become the first of the old ones. */
function noteLost(to: Emitter): void {
  const rotated = to.label("rotated");
  const times = {
    atime: { sec: 0, nsec: UTIME_OMIT },
    mtime: { sec: result("dropped"), nsec: LOST_NANOSECONDS },
  };
  to.call(utimensat({ dirfd: LOGS_FD, pathname: CURRENT, ...times }), { onError: rotated });
  goTo(to, AT.loop);
  place(to, rotated);
  nameOld(to, TO);
  to.add({ kind: "store", value: ZERO + 1, address: { ...TO, offset: DIGIT }, width: 1 });
  to.call(utimensat({ dirfd: LOGS_FD, pathname: TO, ...times }), { onError: "continue" });
  goTo(to, AT.loop);
}

/** The path of one of the old ones, without its number. */
function nameOld(to: Emitter, path: Cell): void {
  to.add(
    { kind: "store", value: result("name"), address: path, width: 8 },
    { kind: "store", value: DOT, address: { ...path, offset: LOG_NAME_BYTES }, width: 1 },
  );
}

function makeHeader(to: Emitter): void {
  to.call(clockGettime({ clockid: CLOCK_REALTIME, tp: inFrame(0) }), { onError: "continue" });
  loadField(to, "stream", { of: SLOT.entry, offset: ENTRY.stream, width: 4 });
  loadField(to, "dropped", { of: "box", offset: BOX.lost, width: 8 });
  loadField(to, "name", { of: "box", offset: BOX.name, width: 8 });
  to.add(
    // Nanoseconds need less than half of their word; the magic stands in the other.
    { kind: "store", value: FRAME_MAGIC, address: inFrame(FRAME_MAGIC_AT), width: 4 },
    { kind: "store", value: result("count"), address: inFrame(FRAME_LENGTH), width: 4 },
    { kind: "store", value: result("stream"), address: inFrame(FRAME_STREAM), width: 4 },
    { kind: "store", value: result("dropped"), address: inFrame(FRAME_LOST), width: 8 },
    { kind: "store", value: result("name"), address: CURRENT, width: 8 },
  );
}

/** The log is as much longer; at its limit it becomes the first of the old ones. */
function grow(to: Emitter): void {
  const again = to.label("again");
  const last = to.label("last");
  to.add({ kind: "add", into: "size", left: result("size"), right: result("total") });
  storeField(to, result("size"), { of: "box", offset: BOX.size, width: 8 });
  loadField(to, "limit", { of: "box", offset: BOX.limit, width: 8 });
  to.add({
    kind: "branch",
    when: "less",
    left: result("size"),
    right: result("limit"),
    to: AT.loop,
  });
  loadField(to, "files", { of: "box", offset: BOX.files, width: 4 });
  for (const path of [FROM, TO]) nameOld(to, path);
  // From the oldest on: FILES-1 → FILES, … 1 → 2, then the log itself → 1.
  to.add(
    { kind: "add", into: "digit", left: result("files"), right: ZERO - 1 },
    { kind: "label", name: again },
    { kind: "branch", when: "less", left: result("digit"), right: ZERO + 1, to: last },
    { kind: "store", value: result("digit"), address: { ...FROM, offset: DIGIT }, width: 1 },
    { kind: "add", into: "above", left: result("digit"), right: 1 },
    { kind: "store", value: result("above"), address: { ...TO, offset: DIGIT }, width: 1 },
  );
  moveLog(to, FROM);
  to.add(
    { kind: "add", into: "digit", left: result("digit"), right: -1 },
    { kind: "jump", to: again },
    { kind: "label", name: last },
    { kind: "store", value: ZERO + 1, address: { ...TO, offset: DIGIT }, width: 1 },
  );
  moveLog(to, CURRENT);
  storeField(to, 0, { of: "box", offset: BOX.size, width: 8 });
  goTo(to, AT.loop);
}

function moveLog(to: Emitter, from: Cell): void {
  to.call(renameat2({ olddirfd: LOGS_FD, oldpath: from, newdirfd: LOGS_FD, newpath: TO }), {
    onError: "continue",
  });
}

/** Every process that could write is gone. With the second of its pipes a container's log is done. */
function endPipe(to: Emitter): void {
  loadField(to, "open", { of: "box", offset: BOX.open, width: 4 });
  to.add({ kind: "add", into: "open", left: result("open"), right: -1 });
  storeField(to, result("open"), { of: "box", offset: BOX.open, width: 4 });
  to.add({ kind: "branch", when: "less", left: 0, right: result("open"), to: AT.reap });
  giveBack(to, BOX_POOL, "box");
  goTo(to, AT.reap);
}
