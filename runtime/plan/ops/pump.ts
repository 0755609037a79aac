/**
 * What a stage does for a container's terminal while it waits: keys go in, what is shown goes out, sizes are passed on. At the end
 * everything that was written is shown before the exit is told.
 */
import { EAGAIN, EINTR } from "../../../ffi/abi/errno.ts";
import { TIOCGPTPEER, TIOCGWINSZ, TIOCSWINSZ } from "../../../ffi/abi/ioctl.ts";
import { POLLIN, POLLOUT } from "../../../ffi/abi/poll.ts";
import { SIGCHLD, SIGWINCH } from "../../../ffi/abi/signal.ts";
import { CMSGHDR, MSG_CMSG_CLOEXEC, MSG_DONTWAIT } from "../../../ffi/abi/socket.ts";
import type { Cell, Word } from "../../../ffi/calls/call.ts";
import { read, write } from "../../../ffi/calls/io.ts";
import { ioctl } from "../../../ffi/calls/ioctl.ts";
import { close, dup3 } from "../../../ffi/calls/open.ts";
import { pollCell, ppoll } from "../../../ffi/calls/poll.ts";
import { clone3, exitGroup } from "../../../ffi/calls/process.ts";
import { recvmsg, rightsSpace } from "../../../ffi/calls/socket.ts";
import { branchOnErrno, type Emitter, result } from "../emitter.ts";
import { CONTROL_FD, REPORT_FD, RESIZE } from "../report.ts";
import { unlessReady, waitForFd, watchFd } from "./polled.ts";
import { PAIR, PEER_FLAGS, RAW, SIZE_CELL, SIZED_BY } from "./terminal.ts";

/** Entries of what is waited for, behind the container's end, the control socket and the timer. */
const ENTRY = { pair: 3, input: 4, keys: 5, screen: 6, output: 7 } as const;
export const PUMP_ENTRIES = 8;

export const ENTRIES: Cell = pollCell("watched", PUMP_ENTRIES);

/** One read, at most: a pipe that is ready to be written to takes so much without waiting. */
const BYTES = 4096;
const KEYS: Cell = { cell: "keys", size: BYTES };
const SHOWN: Cell = { cell: "shown", size: BYTES };
const RIGHTS: Cell = { cell: "terminal rights", size: rightsSpace(1) };

/** What ends the input of a terminal in cooked mode. */
const END_OF_INPUT = 4; // ^D
const NEWLINE = 10;

/** Descriptor of the pipe that a detached pump is told things by, in place of the control socket. */
const DETACHED_CONTROL_FD = 2;
/** How long the last output of a detached container waits for its keeper. */
const DETACHED_FLUSH_S = 10;

/** Labels of the pump's parts. */
export const PUMP = {
  /** Goes through what is ready, then to `check`. */
  next: "pump.next",
  check: "pump.check",
  ended: "pump.ended",
  hangUp: "pump.hang up",
  finish: "pump.finish",
} as const;

/** Slots. `ended`: the container is gone. `gone`: the runner is. */
export const PUMP_SLOT = {
  ended: "pump ended",
  gone: "pump gone",
  detached: "pump detached",
} as const;

export const set = (to: Emitter, slot: string, value: Word): void =>
  to.add({ kind: "add", into: slot, left: value, right: 0 });

/** From now on entry `index` waits for `fd`; -1: for nothing. */
export function waitFor(to: Emitter, index: number, fd: Word): void {
  waitForFd(to, { cell: ENTRIES, index }, fd);
}

/** Goes on at `otherwise` unless entry `index` is ready. */
export function whenReady(to: Emitter, index: number, otherwise: string): void {
  unlessReady(to, { cell: ENTRIES, index }, otherwise);
}

/** Before the waiting begins. */
export function preparePump(to: Emitter): void {
  for (const index of Object.values(ENTRY)) {
    const events = index === ENTRY.keys || index === ENTRY.output ? POLLOUT : POLLIN;
    const fd = index === ENTRY.pair ? result(PAIR.stage) : -1;
    watchFd(to, { cell: ENTRIES, index }, { fd, events });
  }
  // The container's own end is in the container alone: when that is gone, so is the pair.
  to.call(close({ fd: result(PAIR.container) }), { onError: "continue" });
  set(to, "master", -1);
  set(to, "shown left", 0);
  set(to, "last key", NEWLINE);
  set(to, "keys over", 0);
  for (const slot of Object.values(PUMP_SLOT)) set(to, slot, 0);
}

/** After each wait, before anything else: the terminal comes once. */
export function takeTerminal(to: Emitter, input: boolean): void {
  const done = to.label("taken");
  whenReady(to, ENTRY.pair, done);
  waitFor(to, ENTRY.pair, -1);
  const buf: Cell = { cell: "terminal word", size: 8 };
  const flags = MSG_DONTWAIT | MSG_CMSG_CLOEXEC;
  to.call(recvmsg({ sockfd: result(PAIR.stage), buf, control: RIGHTS, flags }), {
    into: "count",
    onError: done,
  });
  to.add(
    // Whoever should have sent it has failed, and says so itself.
    { kind: "branch", when: "less", left: result("count"), right: 1, to: done },
    { kind: "load", into: "master", address: { ...RIGHTS, offset: CMSGHDR.size }, width: 4 },
  );
  // While one other end is open, a container that has closed all of its own can open it again, and nothing reads as an end.
  to.call(ioctl({ fd: result("master"), request: TIOCGPTPEER, arg: PEER_FLAGS }), {
    into: "slave",
    onError: "continue",
  });
  setSize(to);
  waitFor(to, ENTRY.screen, result("master"));
  if (input) waitFor(to, ENTRY.input, 0);
  to.add({ kind: "label", name: done });
}

function setSize(to: Emitter): void {
  to.call(ioctl({ fd: result("master"), request: TIOCSWINSZ, arg: SIZE_CELL }), {
    onError: "continue",
  });
}

/** The runner said that its terminal has another size, or with `said` which. */
function resize(to: Emitter, wait: string, said?: Cell): void {
  if (said === undefined) {
    to.call(ioctl({ fd: result(SIZED_BY), request: TIOCGWINSZ, arg: SIZE_CELL }), {
      onError: "continue",
    });
  } else {
    to.add(
      { kind: "load", into: "size", address: said, width: 4 },
      { kind: "store", value: result("size"), address: SIZE_CELL, width: 8 },
    );
  }
  setSize(to);
  to.add({ kind: "jump", to: wait });
}

/** A change of the terminal's size is no signal for the container: the kernel tells those that use its terminal. */
export function passSize(
  to: Emitter,
  { wait, said }: { readonly wait: string; readonly said: Cell },
): void {
  const signal = to.label("signal");
  const size = to.label("size");
  const caller = to.label("caller's size");
  to.add(
    // Output that nobody takes would be waited for without an end.
    {
      kind: "branch",
      when: "equal",
      left: result(PUMP_SLOT.ended),
      right: 1,
      to: PUMP.finish,
    },
    { kind: "branch", when: "equal", left: result("signal"), right: RESIZE, to: size },
    { kind: "branch", when: "equal", left: result("signal"), right: SIGWINCH, to: caller },
    { kind: "jump", to: signal },
    { kind: "label", name: caller },
    { kind: "branch", when: "less", left: result(SIZED_BY), right: 0, to: signal },
  );
  resize(to, wait);
  to.add({ kind: "label", name: size });
  resize(to, wait, said);
  to.add({ kind: "label", name: signal });
}

/** Everything that is ready is moved on; then it is seen whether that was the end. */
export function movePump(to: Emitter, wait: string): void {
  to.add({ kind: "label", name: PUMP.next });
  takeKeys(to);
  giveKeys(to);
  takeScreen(to);
  giveOutput(to);
  whenReady(to, 0, PUMP.check);
  endPump(to);
  checkEnd(to, wait);
  hangUp(to);
}

/** Without waiting: nothing was there, or no room. */
function onTrouble(to: Emitter, label: string, go: { again: string; otherwise: string }): void {
  to.add(
    { kind: "label", name: label },
    ...branchOnErrno([EAGAIN, EINTR], { to: go.again, otherwise: go.otherwise }),
  );
}

function takeKeys(to: Emitter): void {
  const [done, trouble, end, some] = ["done", "trouble", "end", "some"].map((name) =>
    to.label(`keys ${name}`)
  ) as [string, string, string, string];
  whenReady(to, ENTRY.input, done);
  to.call(read({ fd: 0, buf: KEYS, count: BYTES }), { into: "keys left", onError: trouble });
  waitFor(to, ENTRY.input, -1);
  to.add(
    { kind: "branch", when: "equal", left: result("keys left"), right: 0, to: end },
    { kind: "add", into: "last key", left: { ...KEYS, offset: 0 }, right: result("keys left") },
    { kind: "load", into: "last key", address: result("last key"), offset: -1, width: 1 },
    { kind: "jump", to: some },
  );
  onTrouble(to, trouble, { again: done, otherwise: end });
  to.add({ kind: "label", name: end });
  waitFor(to, ENTRY.input, -1);
  // A terminal has no end but its own: then the container's is gone too.
  to.add({ kind: "branch", when: "equal", left: result(RAW), right: 1, to: PUMP.hangUp });
  // The input of a pipe or file has one. What stands on an unfinished line is given away by the first.
  to.add(
    { kind: "store", value: END_OF_INPUT * 0x101, address: KEYS, width: 2 },
    { kind: "add", into: "keys left", left: 1, right: 0 },
  );
  set(to, "keys over", 1);
  to.add(
    { kind: "branch", when: "equal", left: result("last key"), right: NEWLINE, to: some },
    { kind: "add", into: "keys left", left: 2, right: 0 },
    { kind: "label", name: some },
  );
  set(to, "keys at", { ...KEYS, offset: 0 });
  waitFor(to, ENTRY.keys, result("master"));
  to.add({ kind: "label", name: done });
}

interface Giving {
  readonly entry: number;
  readonly fd: Word;
  /** Begin of the names of its slots, `… at` and `… left`. */
  readonly from: string;
  readonly otherwise: string;
  readonly whole: () => void;
}

/** Writes what is left; what did not fit waits until there is room. */
function give(to: Emitter, { entry, fd, from, otherwise, whole }: Giving): void {
  const [done, trouble, finished, fewer] = ["done", "trouble", "finished", "fewer"].map((name) =>
    to.label(`${from} given ${name}`)
  ) as [string, string, string, string];
  const left = `${from} left`;
  whenReady(to, entry, done);
  to.call(write({ fd, buf: { result: `${from} at` }, count: result(left) }), {
    into: "count",
    onError: trouble,
  });
  // The language has no subtraction; what did not fit is rare.
  to.add(
    { kind: "add", into: `${from} at`, left: result(`${from} at`), right: result("count") },
    { kind: "branch", when: "equal", left: result("count"), right: result(left), to: finished },
    { kind: "label", name: fewer },
    { kind: "branch", when: "equal", left: result("count"), right: 0, to: done },
    { kind: "add", into: "count", left: result("count"), right: -1 },
    { kind: "add", into: left, left: result(left), right: -1 },
    { kind: "jump", to: fewer },
  );
  onTrouble(to, trouble, { again: done, otherwise });
  to.add({ kind: "label", name: finished });
  set(to, left, 0);
  waitFor(to, entry, -1);
  whole();
  to.add({ kind: "label", name: done });
}

function giveKeys(to: Emitter): void {
  const over = to.label("keys over");
  give(to, {
    entry: ENTRY.keys,
    fd: result("master"),
    from: "keys",
    otherwise: PUMP.hangUp,
    whole: () => {
      to.add({ kind: "branch", when: "equal", left: result("keys over"), right: 1, to: over });
      waitFor(to, ENTRY.input, 0);
      to.add({ kind: "label", name: over });
    },
  });
}

function takeScreen(to: Emitter): void {
  const done = to.label("screen done");
  const trouble = to.label("screen trouble");
  const closed = to.label("screen closed");
  whenReady(to, ENTRY.screen, done);
  to.call(read({ fd: result("master"), buf: SHOWN, count: BYTES }), {
    into: "shown left",
    onError: trouble,
  });
  waitFor(to, ENTRY.screen, -1);
  to.add({ kind: "branch", when: "equal", left: result("shown left"), right: 0, to: done });
  set(to, "shown at", { ...SHOWN, offset: 0 });
  waitFor(to, ENTRY.output, 1);
  to.add({ kind: "jump", to: done }, { kind: "label", name: trouble });
  set(to, "shown left", 0);
  to.add(...branchOnErrno([EAGAIN, EINTR], { to: done, otherwise: closed }));
  to.add({ kind: "label", name: closed });
  waitFor(to, ENTRY.screen, -1);
  to.add({ kind: "label", name: done });
}

/** Who reads no more has hung up: as a command in a pipeline would get SIGPIPE, this one gets SIGHUP. */
function giveOutput(to: Emitter): void {
  give(to, {
    entry: ENTRY.output,
    fd: 1,
    from: "shown",
    otherwise: PUMP.hangUp,
    whole: () => waitFor(to, ENTRY.screen, result("master")),
  });
}

/** The container is gone: nothing goes in any more, and no time is up. */
function endPump(to: Emitter): void {
  set(to, PUMP_SLOT.ended, 1);
  for (const index of [0, 2, ENTRY.input, ENTRY.keys]) waitFor(to, index, -1);
}

/** After the container's end: until nothing is left to be shown. */
function checkEnd(to: Emitter, wait: string): void {
  const ended = to.label("ended");
  const shown = to.label("shown");
  const detached = to.label("detached");
  to.add(
    { kind: "label", name: PUMP.check },
    { kind: "branch", when: "equal", left: result(PUMP_SLOT.ended), right: 1, to: ended },
    { kind: "jump", to: wait },
    { kind: "label", name: ended },
    // Nobody is there to see it.
    { kind: "branch", when: "equal", left: result(PUMP_SLOT.gone), right: 1, to: PUMP.finish },
    { kind: "branch", when: "equal", left: result("shown left"), right: 0, to: shown },
    { kind: "branch", when: "equal", left: result(PUMP_SLOT.detached), right: 1, to: detached },
    { kind: "jump", to: wait },
    { kind: "label", name: detached },
  );
  const timeout = { sec: DETACHED_FLUSH_S, nsec: 0 };
  const room = ppoll({ fds: [{ fd: 1, events: POLLOUT }], timeout });
  to.call(room, { into: "ready", onError: PUMP.finish });
  to.add(
    { kind: "branch", when: "equal", left: result("ready"), right: 0, to: PUMP.finish },
    { kind: "jump", to: wait },
    { kind: "label", name: shown },
    { kind: "branch", when: "less", left: result("master"), right: 0, to: PUMP.finish },
  );
  const now = { sec: 0, nsec: 0 };
  const more = ppoll({ fds: [{ fd: result("master"), events: POLLIN }], timeout: now });
  to.call(more, { into: "ready", onError: PUMP.finish });
  to.add(
    { kind: "branch", when: "equal", left: result("ready"), right: 0, to: PUMP.finish },
    { kind: "jump", to: wait },
  );
}

/** The terminal is gone: its session gets SIGHUP, and whoever still uses it an error. */
function hangUp(to: Emitter): void {
  to.add({ kind: "label", name: PUMP.hangUp });
  for (const name of ["master", "slave"]) {
    to.call(close({ fd: result(name) }), { onError: "continue" });
  }
  for (const index of [ENTRY.input, ENTRY.keys, ENTRY.screen, ENTRY.output]) {
    waitFor(to, index, -1);
  }
  set(to, "master", -1);
  set(to, "slave", -1);
  set(to, "shown left", 0);
  to.add({ kind: "jump", to: PUMP.check });
}

/**
 * The runner lets the container go: a process of its own goes on moving what comes, and hears by a pipe of the container's
 * directory what it is told. The stage itself ends, and its children are the keeper's.
 */
export function detachPump(to: Emitter, wait: string): void {
  const pump = to.label("pump");
  to.call(clone3({ flags: 0n, exitSignal: SIGCHLD }), { into: "pump" });
  to.add({ kind: "branch", when: "equal", left: result("pump"), right: 0, to: pump });
  const parent = to.label("parent");
  to.add({ kind: "jump", to: parent }, { kind: "label", name: pump });
  set(to, PUMP_SLOT.detached, 1);
  to.call(dup3({ oldfd: DETACHED_CONTROL_FD, newfd: CONTROL_FD }), { onError: "continue" });
  to.call(close({ fd: REPORT_FD }), { onError: "continue" });
  to.add({ kind: "jump", to: wait }, { kind: "label", name: parent });
}

/** Where `check` ends: a detached pump is done, for a stage the rest follows. */
export function finishPump(to: Emitter): void {
  const stage = to.label("stage");
  to.add(
    { kind: "label", name: PUMP.finish },
    { kind: "branch", when: "equal", left: result(PUMP_SLOT.detached), right: 0, to: stage },
  );
  to.call(exitGroup({ status: 0 }));
  to.add({ kind: "label", name: stage });
}
