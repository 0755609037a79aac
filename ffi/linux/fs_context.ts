/** What the kernel says in words about a file system that can't be made. fsopen(2). */
import { ENODATA } from "../abi/errno.ts";
import type { Syscall } from "../calls/call.ts";
import { read } from "../calls/io.ts";
import { readCString } from "../memory/text.ts";
import { callSync, failed, readCell, type Results, SyscallError } from "./run.ts";

const MESSAGE = { cell: "fs context message", size: 4096 };

/**
 * The messages that the context `fd` (of fsopen or fspick) holds, oldest first, each as `e tmpfs: Bad value for 'size'`:
 * e error, w warning, i information. Reading takes them out. Empty when there are none.
 *
 * @throws SyscallError when `fd` is no context.
 */
export function readFsContextLog(fd: number): readonly string[] {
  const messages: string[] = [];
  for (;;) {
    const call = read({ fd, buf: MESSAGE, count: MESSAGE.size - 1 });
    const length = Number(callSync(call));
    if (length === -ENODATA || length === 0) return messages;
    if (failed(length)) throw new SyscallError(call, -length);
    messages.push(readCString(readCell(MESSAGE).subarray(0, length)).trimEnd());
  }
}

/** As `check`, for a call on the context `fd`: the error tells what the context's log says. */
export function checkFsContext(
  call: Syscall,
  context: { readonly fd: number; readonly results?: Results },
): number {
  const { fd, results } = context;
  const result = callSync(call, results);
  if (!failed(result)) return Number(result);
  throw new SyscallError(call, -Number(result), {
    ...(results === undefined ? {} : { results }),
    said: readFsContextLog(fd),
  });
}
