/**
 * What the container's first process gets by descriptor: secrets, which are in this process's memory and in no record of it, then the
 * mounts of image files; and what its stage joins, the first processes of containers.
 */
import { O_CLOEXEC, O_NONBLOCK, O_RDONLY } from "../../ffi/abi/fcntl.ts";
import { close, openat } from "../../ffi/calls/open.ts";
import { memoryFile, regularSize } from "../../ffi/linux/memory_file.ts";
import { callSync, check, SyscallError } from "../../ffi/linux/run.ts";
import type { DesiredContainer, DesiredSecret } from "../../spec/model/desired.ts";
import { openImages } from "../apply/image_mounts.ts";
import { ContainervError } from "../plan/error.ts";
import { passedFiles } from "../subjects/process.ts";
import { imagesOf } from "../subjects/rootfs/images.ts";
import { SECRET_BYTES_MAX } from "../subjects/secrets.ts";

/** True when something is. */
export function isPassed(container: DesiredContainer): boolean {
  return passedFiles(container) > 0;
}

/**
 * Their descriptors, in the order of the plan; the caller closes them. `joined` opens what is joined by name. Throws ContainervError;
 * then none is open.
 */
export function openPassed(
  container: DesiredContainer,
  joined: (() => readonly number[]) | undefined,
): readonly number[] {
  const fds: number[] = [];
  try {
    fds.push(...openSecrets(container.secrets));
    fds.push(...openImages(imagesOf(container)));
    fds.push(...joined?.() ?? []);
    return fds;
  } catch (error) {
    for (const fd of fds) callSync(close({ fd }));
    throw error;
  }
}

function openSecrets(secrets: readonly DesiredSecret[]): readonly number[] {
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
