/** A program that looks at many files (runtime/plan/look.ts), started, and what it tells. Changes nothing. */
import { SIGKILL } from "../../ffi/abi/signal.ts";
import { P_PID, WEXITED } from "../../ffi/abi/wait.ts";
import { kill, waitid } from "../../ffi/calls/process.ts";
import { closeFd } from "../../ffi/linux/close.ts";
import { openPipe } from "../../ffi/linux/pair.ts";
import { readOnce } from "../../ffi/linux/poll.ts";
import { callSync, SyscallError } from "../../ffi/linux/run.ts";
import { spawnImage } from "../../ffi/linux/spawn.ts";

/** One that is under way. Disposed of it is at its end, whatever it did. */
export interface Look extends Disposable {
  /** The next bytes that it tells, awaited; fewer where it ended before. Throws SyscallError. */
  readonly read: (count: number) => Uint8Array;
}

const NAME = "containerv";

/** Starts one, with its pipe as the descriptor `fd`; `undefined` where no program can be started: who asks must look itself. */
export function startLook(image: Uint8Array, fd: number): Look | undefined {
  let ends: readonly [number, number];
  try {
    ends = openPipe();
  } catch (error) {
    if (error instanceof SyscallError) return undefined;
    throw error;
  }
  const [reading, writing] = ends;
  try {
    const fds = [{ from: writing, to: fd }];
    return lookAt(spawnImage({ image, name: NAME, argv: [NAME], fds }), reading);
  } catch (error) {
    closeFd(reading);
    if (error instanceof SyscallError) return undefined;
    throw error;
  } finally {
    closeFd(writing);
  }
}

function lookAt(pid: number, reading: number): Look {
  return {
    read(count) {
      const bytes = new Uint8Array(count);
      let length = 0;
      while (length < count) {
        const chunk = readOnce({ fd: reading, count: count - length });
        if (chunk.length === 0) break;
        bytes.set(chunk, length);
        length += chunk.length;
      }
      return bytes.subarray(0, length);
    },
    [Symbol.dispose]() {
      closeFd(reading);
      callSync(kill({ pid, sig: SIGKILL }));
      callSync(waitid({ idtype: P_PID, id: pid, options: WEXITED }));
    },
  };
}
