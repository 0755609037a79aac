/** The reading end of a pipe as a stream, in either runtime. */
import { close } from "../calls/open.ts";
import type { PipeReader } from "../seam/host.ts";
import { kernel } from "./libc.ts";
import { callSync } from "./run.ts";

export interface PipeStreamOptions {
  /** False: its owner has closed the descriptor, before anything was read. */
  readonly isOpen: () => boolean;
  /** The descriptor has been closed here. */
  readonly closed: () => void;
  /** Sees each chunk before the reader does. */
  readonly seen?: (chunk: Uint8Array) => void;
  /** The pipe is at its end. */
  readonly ended?: () => void;
}

/**
 * Takes over `fd`. The pipe is opened again through /proc: both runtimes poll or read what they opened themselves, and
 * neither takes a bare descriptor (docs/decisions/0011-pipes.md). Nothing is read, and nothing keeps the process from
 * ending, before somebody asks for it.
 */
export function pipeStream(fd: number, options: PipeStreamOptions): ReadableStream<Uint8Array> {
  let reader: PipeReader | undefined;
  const release = (): void => {
    if (!options.isOpen()) return;
    callSync(close({ fd }));
    options.closed();
  };
  return new ReadableStream<Uint8Array>({
    async pull(controller) {
      try {
        if (reader === undefined && !options.isOpen()) return controller.close();
        reader ??= kernel().seam.readPipe(`/proc/self/fd/${fd}`);
        const { value } = await reader.read();
        // It is open by now: our own descriptor has done its work.
        release();
        if (value === undefined) {
          options.ended?.();
          return controller.close();
        }
        options.seen?.(value);
        controller.enqueue(value);
      } catch (error) {
        release();
        controller.error(error);
      }
    },
    cancel() {
      reader?.cancel();
      release();
    },
  }, { highWaterMark: 0 });
}
