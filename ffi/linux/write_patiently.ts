/** Writing to what may be full for a moment: a pipe or terminal that somebody else has made not to wait. */
import { EAGAIN, EINTR } from "../abi/errno.ts";
import { POLLOUT } from "../abi/poll.ts";
import { write } from "../calls/io.ts";
import { waitForFd } from "./poll.ts";
import { callSync, SyscallError } from "./run.ts";

const PIECE_BYTES = 65_536;
const SLICE_MS = 1000;

/** Writes all of `bytes`, and waits where there is no room. Throws SyscallError: EPIPE when the reader is gone. */
export function writePatiently(fd: number, bytes: Uint8Array): void {
  for (let at = 0; at < bytes.length;) {
    const call = write({ fd, buf: bytes.subarray(at, at + PIECE_BYTES) });
    const count = Number(callSync(call));
    if (count === -EAGAIN) waitForFd({ fd, events: POLLOUT, timeoutMs: SLICE_MS });
    else if (count < 0 && count !== -EINTR) throw new SyscallError(call, -count);
    else if (count > 0) at += count;
  }
}
