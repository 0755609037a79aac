/** Waiting for one descriptor in the runner, bounded, and reading what is there. */
import { EINTR } from "../abi/errno.ts";
import { POLLIN } from "../abi/poll.ts";
import { read } from "../calls/io.ts";
import { ppoll } from "../calls/poll.ts";
import { callSync, check, failed, readCell, SyscallError } from "./run.ts";

/**
 * Waits until `fd` has one of `events`, at most `timeoutMs`; the result are the events that came, 0 when the time is over.
 * It stops the event loop meanwhile: for the bounded waits of a start and a shutdown only.
 *
 * @throws SyscallError: EINVAL for a bad descriptor count; a descriptor that is not open gives POLLNVAL as its event.
 */
export function waitForFd(
  args: { fd: number; events?: number; timeoutMs: number },
): number {
  const { fd, events = POLLIN, timeoutMs } = args;
  const deadline = performance.now() + timeoutMs;
  const cell = { cell: "waitForFd", size: 8 };
  for (;;) {
    const memory = readCell(cell);
    const view = new DataView(memory.buffer, memory.byteOffset, memory.byteLength);
    view.setInt32(0, fd, true);
    view.setUint16(4, events, true);
    view.setUint16(6, 0, true);
    const leftMs = Math.max(0, deadline - performance.now());
    const call = ppoll({ fds: cell, nfds: 1, timeout: toTimespec(leftMs) });
    const result = callSync(call);
    if (result === -EINTR && leftMs > 0) continue;
    if (result === -EINTR) return 0;
    if (failed(result)) throw new SyscallError(call, -Number(result));
    return view.getUint16(6, true);
  }
}

/** Milliseconds → struct timespec's two members. */
function toTimespec(ms: number): { sec: number; nsec: number } {
  const sec = Math.floor(ms / 1000);
  return { sec, nsec: Math.floor((ms - sec * 1000) * 1e6) };
}

interface Waiter {
  readonly fds: readonly number[];
  readonly ready: () => void;
  readonly failed: (error: unknown) => void;
}

let waiters: Waiter[] = [];
let serving = false;

/** How long the event loop stands still at a time while somebody waits. */
const SLICE_MS = 2;

/**
 * Resolves when `fd` can be read or is at its end. All that are awaited share one call, so that whoever is ready first goes on
 * first. It stops the event loop for two milliseconds at a time: for the bounded waits of a start, as `waitForFd`.
 */
export function awaitReadable(fd: number): Promise<void> {
  return awaitFirst([fd]);
}

/** As `awaitReadable`, of several: the first that is ready is enough. */
export function awaitFirst(fds: readonly number[]): Promise<void> {
  return new Promise((ready, failed) => {
    waiters.push({ fds, ready, failed });
    if (!serving) void serve();
  });
}

async function serve(): Promise<void> {
  serving = true;
  while (waiters.length > 0) {
    // Not by a timer: engines round its zero up to more than a millisecond.
    await new Promise<void>((resolve) => setImmediate(resolve));
    try {
      pollWaiters();
    } catch (error) {
      for (const { failed } of waiters.splice(0)) failed(error);
    }
  }
  serving = false;
}

const POLLFD_BYTES = 8;

function pollWaiters(): void {
  const fds = waiters.flatMap((waiter) => waiter.fds);
  const cell = { cell: "awaitReadable", size: POLLFD_BYTES * roomFor(fds.length) };
  const memory = readCell(cell);
  const view = new DataView(memory.buffer, memory.byteOffset, memory.byteLength);
  fds.forEach((fd, index) => {
    view.setInt32(index * POLLFD_BYTES, fd, true);
    view.setUint32(index * POLLFD_BYTES + 4, POLLIN, true);
  });
  const call = ppoll({ fds: cell, nfds: fds.length, timeout: toTimespec(SLICE_MS) });
  const result = callSync(call);
  if (result === 0 || result === -EINTR) return;
  if (failed(result)) throw new SyscallError(call, -Number(result));
  const isReady = (index: number): boolean => view.getUint16(index * POLLFD_BYTES + 6, true) !== 0;
  const asked = waiters;
  waiters = [];
  const ready: Waiter[] = [];
  let index = 0;
  for (const waiter of asked) {
    const end = index + waiter.fds.length;
    let isFirst = false;
    for (; index < end; index++) isFirst ||= isReady(index);
    (isFirst ? ready : waiters).push(waiter);
  }
  for (const waiter of ready) waiter.ready();
}

/** A power of two, since each size of a cell is memory of its own. */
const roomFor = (count: number): number => 2 ** Math.ceil(Math.log2(Math.max(count, 8)));

const READ_BYTES = 65_536;

/**
 * What one read(2) gives: a copy of at most `count` (and 64 KiB) bytes, empty at the end of the file. Waits where the
 * descriptor does.
 *
 * @throws SyscallError: EAGAIN where nothing is there and the descriptor does not wait.
 */
export function readOnce(args: { fd: number; count?: number }): Uint8Array<ArrayBuffer> {
  const { fd, count = READ_BYTES } = args;
  const buf = { cell: "readOnce", size: READ_BYTES };
  const length = check(read({ fd, buf, count: Math.min(count, READ_BYTES) }));
  return readCell(buf).slice(0, length);
}
