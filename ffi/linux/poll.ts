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
