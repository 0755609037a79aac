/** The reading end of a pipe as a stream, in either runtime. */
import { close } from "../calls/open.ts";
import { callSync } from "./run.ts";

/** The part of node:fs that is used; loaded by whoever reads a stream. */
interface NodeFs {
  createReadStream: (path: string) => AsyncIterable<Uint8Array> & { destroy: () => void };
}

/**
 * Takes over `fd`. The pipe is opened again through /proc: both runtimes poll or read what they opened themselves, and
 * neither takes a bare descriptor (docs/decisions/0011-pipes.md).
 */
export function pipeStream(fd: number): ReadableStream<Uint8Array> {
  const fs = process.getBuiltinModule("node:fs") as unknown as NodeFs;
  const source = fs.createReadStream(`/proc/self/fd/${fd}`);
  const iterator = source[Symbol.asyncIterator]();
  let open = true;
  const release = (): void => {
    if (open) callSync(close({ fd }));
    open = false;
  };
  return new ReadableStream<Uint8Array>({
    async pull(controller) {
      try {
        const { done, value } = await iterator.next();
        // It is open by now: our own descriptor has done its work.
        release();
        if (done === true) controller.close();
        else controller.enqueue(value);
      } catch (error) {
        release();
        controller.error(error);
      }
    },
    cancel() {
      source.destroy();
      release();
    },
  });
}
