/**
 * The part of the keeper that waits for room. Output of a container whose spec says `onFull: slow` stays in its pipe while the disk is
 * full, so the container is slowed down by the kernel and nothing is lost; after its longest wait it is read and dropped like any other.
 */
import { EDQUOT, ENOSPC } from "../../../ffi/abi/errno.ts";
import { EPOLL_CTL_ADD, EPOLL_CTL_DEL, EPOLLIN } from "../../../ffi/abi/epoll.ts";
import { FALLOC_FL_KEEP_SIZE, O_CLOEXEC, O_CREAT, O_WRONLY } from "../../../ffi/abi/fcntl.ts";
import { FIONREAD } from "../../../ffi/abi/ioctl.ts";
import { CLOCK_MONOTONIC, TFD_CLOEXEC, TFD_NONBLOCK } from "../../../ffi/abi/timerfd.ts";
import type { Cell } from "../../../ffi/calls/call.ts";
import { epollCtl } from "../../../ffi/calls/epoll.ts";
import { fallocate, read } from "../../../ffi/calls/io.ts";
import { ioctl } from "../../../ffi/calls/ioctl.ts";
import { close, openat } from "../../../ffi/calls/open.ts";
import { clockGettime, timerfdCreate, timerfdSettime } from "../../../ffi/calls/timer.ts";
import { branchOnErrno, type Emitter, result } from "../emitter.ts";
import { AT, type KeeperOptions, SLOT, watchFd } from "./core.ts";
import { goTo, loadField, place, storeField, whenEqual } from "../flow.ts";
import { BOX, ENTRY, KIND } from "./memory.ts";
import { FRAME_BYTES_MAX, FRAME_HEADER_BYTES, LOGS_FD } from "./protocol.ts";

/** How long nobody looks whether there is room. */
const LOOK = { sec: 0, nsec: 100_000_000 };
const OVER = -1;
/** The first pipe that waits, which goes on by each entry's `next`: 0 is its end. */
const WAITING = "waiting list";
const NOW: Cell = { cell: "now", size: 16 };
const PENDING: Cell = { cell: "pending", size: 4 };
const RUNG: Cell = { cell: "rung", size: 8 };

/** Before anything is written. */
export function prepareRoom(to: Emitter, { architecture }: KeeperOptions): void {
  to.add({ kind: "add", into: WAITING, left: 0, right: 0 });
  to.call(timerfdCreate({ clockid: CLOCK_MONOTONIC, flags: TFD_CLOEXEC | TFD_NONBLOCK }), {
    into: SLOT.timer,
  });
  watchFd(to, { fd: result(SLOT.timer), kind: KIND.timer, architecture, full: AT.fail });
}

interface AwaitRoom {
  /** Takes the path of the log. */
  readonly current: Cell;
  readonly options: KeeperOptions;
}

/**
 * Goes on when the pipe in the slot `fd` can be read: the slot `most` says how much. Without room for that the pipe is waited for no more
 * until the timer rings, and it goes on at the loop.
 */
export function awaitRoom(to: Emitter, { current, options }: AwaitRoom): void {
  const ready = to.label("ready");
  const fits = to.label("fits");
  const refused = to.label("refused");
  const unopened = to.label("unopened");
  to.add({ kind: "add", into: "most", left: FRAME_BYTES_MAX, right: 0 });
  loadField(to, "wait", { of: "box", offset: BOX.wait, width: 4 });
  whenEqual(to, [result("wait"), 0], ready);
  to.call(ioctl({ fd: result("fd"), request: FIONREAD, arg: PENDING }), { onError: ready });
  to.add({ kind: "load", into: "pending", address: PENDING, width: 4 });
  whenEqual(to, [result("pending"), 0], ready);
  const larger = { left: FRAME_BYTES_MAX, right: result("pending") };
  to.add({ kind: "branch", when: "less", ...larger, to: fits });
  to.add({ kind: "add", into: "most", left: result("pending"), right: 0 });
  place(to, fits);
  loadField(to, "name", { of: "box", offset: BOX.name, width: 8 });
  loadField(to, "size", { of: "box", offset: BOX.size, width: 8 });
  to.add(
    { kind: "store", value: result("name"), address: current, width: 8 },
    { kind: "add", into: "total", left: result("most"), right: FRAME_HEADER_BYTES },
  );
  const flags = O_WRONLY | O_CREAT | O_CLOEXEC;
  to.call(openat({ dirfd: LOGS_FD, pathname: current, flags, mode: 0o600 }), {
    into: "file",
    onError: unopened,
  });
  const room = { mode: FALLOC_FL_KEEP_SIZE, offset: result("size"), len: result("total") };
  to.call(fallocate({ fd: result("file"), ...room }), { onError: refused });
  to.call(close({ fd: result("file") }), { onError: "continue" });
  storeField(to, 0, { of: "box", offset: BOX.until, width: 8 });
  goTo(to, ready);
  place(to, refused);
  to.call(close({ fd: result("file") }), { onError: "continue" });
  place(to, unopened);
  const full = to.label("full");
  // A file system that can't give room beforehand is written to at once.
  to.add(...branchOnErrno([ENOSPC, EDQUOT], { to: full, otherwise: ready }));
  place(to, full);
  park(to, ready, options);
  place(to, ready);
}

/** Unless its time is over, which is where it goes on at `over`. */
function park(to: Emitter, over: string, { architecture }: KeeperOptions): void {
  const waits = to.label("waits");
  const parked = to.label("parked");
  const first = to.label("first");
  loadField(to, "until", { of: "box", offset: BOX.until, width: 8 });
  whenEqual(to, [result("until"), OVER], over);
  to.call(clockGettime({ clockid: CLOCK_MONOTONIC, tp: NOW }), { onError: over });
  to.add({ kind: "load", into: "now", address: NOW, width: 8 });
  whenEqual(to, [result("until"), 0], first);
  to.add({
    kind: "branch",
    when: "less",
    left: result("now"),
    right: result("until"),
    to: waits,
  });
  storeField(to, OVER, { of: "box", offset: BOX.until, width: 8 });
  goTo(to, over);
  place(to, first);
  to.add({ kind: "add", into: "until", left: result("now"), right: result("wait") });
  storeField(to, result("until"), { of: "box", offset: BOX.until, width: 8 });
  place(to, waits);
  // Out of the set: a pipe whose writers are gone would be an event for ever.
  const out = { epfd: result(SLOT.epoll), op: EPOLL_CTL_DEL, fd: result("fd"), architecture };
  to.call(epollCtl(out), { onError: over });
  storeField(to, result(WAITING), { of: SLOT.entry, offset: ENTRY.next, width: 8 });
  whenEqual(to, [result(WAITING), 0], parked);
  to.add({ kind: "add", into: WAITING, left: result(SLOT.entry), right: 0 });
  goTo(to, AT.loop);
  place(to, parked);
  to.add({ kind: "add", into: WAITING, left: result(SLOT.entry), right: 0 });
  ringLater(to);
  goTo(to, AT.loop);
}

function ringLater(to: Emitter): void {
  to.call(timerfdSettime({ fd: result(SLOT.timer), value: LOOK }), { onError: "continue" });
}

/** The timer has rung: each pipe that waits is an event again, if something is in it. */
export function lookForRoom(to: Emitter, { architecture }: KeeperOptions): void {
  const again = to.label("again");
  const refused = to.label("refused");
  place(to, "keeper.timer");
  to.call(read({ fd: result(SLOT.timer), buf: RUNG, count: RUNG.size }), { onError: "continue" });
  place(to, again);
  whenEqual(to, [result(WAITING), 0], AT.loop);
  to.add({ kind: "add", into: "waiting", left: result(WAITING), right: 0 });
  loadField(to, "fd", { of: "waiting", offset: ENTRY.fd, width: 4 });
  const back = { epfd: result(SLOT.epoll), op: EPOLL_CTL_ADD, fd: result("fd"), architecture };
  to.call(epollCtl({ ...back, events: EPOLLIN, data: result("waiting") }), { onError: refused });
  loadField(to, WAITING, { of: "waiting", offset: ENTRY.next, width: 8 });
  goTo(to, again);
  // For want of memory: later.
  place(to, refused);
  ringLater(to);
  goTo(to, AT.loop);
}
