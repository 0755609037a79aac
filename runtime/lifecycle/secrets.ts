/** Secrets → open files for the container's first process. They are in this process's memory, and in no record of it. */
import { O_CLOEXEC, O_NONBLOCK, O_RDONLY } from "../../ffi/abi/fcntl.ts";
import { close, openat } from "../../ffi/calls/open.ts";
import { memoryFile, regularSize } from "../../ffi/linux/memory_file.ts";
import { callSync, check, SyscallError } from "../../ffi/linux/run.ts";
import type { DesiredSecret } from "../../spec/model/desired.ts";
import { ContainervError } from "../plan/error.ts";
import { SECRET_BYTES_MAX } from "../subjects/secrets.ts";

/** One descriptor each, in their order; the caller closes them. Throws ContainervError; then none is open. */
export function openSecrets(secrets: readonly DesiredSecret[]): readonly number[] {
  const fds: number[] = [];
  try {
    for (const secret of secrets) {
      fds.push(
        "value" in secret
          ? memoryFile("secret", new TextEncoder().encode(secret.value))
          : openFile(secret.file, secret.origin),
      );
    }
    return fds;
  } catch (error) {
    for (const fd of fds) callSync(close({ fd }));
    throw error;
  }
}

/** Links are followed: the files of a secret manager are some. A FIFO or a device would never end. */
function openFile(pathname: string, pointer: string): number {
  const unreadable = (why: string): ContainervError =>
    new ContainervError({
      code: "SECRET_UNREADABLE",
      message: `cannot read the secret ${pathname}: ${why}`,
      pointer,
      fix: "a secret is a regular file of at most 1 MiB that you can read",
      undone: "nothing was done",
    });
  let fd: number;
  try {
    fd = check(openat({ pathname, flags: O_RDONLY | O_NONBLOCK | O_CLOEXEC }));
  } catch (error) {
    if (!(error instanceof SyscallError)) throw error;
    throw unreadable(error.message);
  }
  const bytes = regularSize(fd);
  if (bytes !== undefined && bytes <= SECRET_BYTES_MAX) return fd;
  callSync(close({ fd }));
  throw unreadable(bytes === undefined ? "it is no regular file" : `it has ${bytes} bytes`);
}
