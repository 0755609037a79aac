/** The writing end of a pipe as a stream, in either runtime. */
import { EAGAIN, EINTR } from "../abi/errno.ts";
import { F_SETFL, O_NONBLOCK } from "../abi/fcntl.ts";
import { write } from "../calls/io.ts";
import { close, fcntl } from "../calls/open.ts";
import { callSync, check, SyscallError } from "./run.ts";

const CHUNK_BYTES = 65_536;
/** How long a full pipe is left alone: less than a reader takes for what is in it. */
const PAUSE_MS = 2;

/**
 * Takes over `fd`; `closed` is called when it is closed. A reader that is gone makes a write fail with EPIPE. While the pipe is
 * full the event loop goes on.
 */
export function pipeSink(fd: number, closed: () => void): WritableStream<Uint8Array> {
  check(fcntl({ fd, cmd: F_SETFL, arg: O_NONBLOCK }));
  let open = true;
  const end = (): void => {
    if (!open) return;
    open = false;
    callSync(close({ fd }));
    closed();
  };
  return new WritableStream<Uint8Array>({
    async write(chunk) {
      try {
        for (let at = 0; at < chunk.length;) {
          const call = write({ fd, buf: chunk.subarray(at, at + CHUNK_BYTES) });
          const count = Number(callSync(call));
          if (count === -EINTR) continue;
          if (count === -EAGAIN) await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
          else if (count < 0) throw new SyscallError(call, -count);
          else at += count;
        }
      } catch (error) {
        end();
        throw error;
      }
    },
    close: end,
    abort: end,
  });
}
