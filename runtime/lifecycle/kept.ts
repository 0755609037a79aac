/** What outlives `down` until somebody says that it shall not: a project's named volumes, and the disks of its containers. */
import { basename, dirname } from "node:path";
import { ENOTEMPTY } from "../../ffi/abi/errno.ts";
import {
  AT_REMOVEDIR,
  LOCK_EX,
  LOCK_NB,
  O_CLOEXEC,
  O_DIRECTORY,
  O_NOFOLLOW,
} from "../../ffi/abi/fcntl.ts";
import { flock } from "../../ffi/calls/io.ts";
import { openat } from "../../ffi/calls/open.ts";
import { unlinkat } from "../../ffi/calls/path.ts";
import { listDirectory, removeTree } from "../../ffi/linux/directory.ts";
import { Fd } from "../../ffi/linux/fd.ts";
import { getuid } from "../../ffi/linux/file.ts";
import { callSync, SyscallError } from "../../ffi/linux/run.ts";
import type { DesiredContainer } from "../../spec/model/desired.ts";
import { keptName } from "../../spec/model/volumes.ts";
import { ContainervError } from "../plan/error.ts";
import { dataDirectory } from "./data.ts";

/** A project of which things may be kept. */
export interface KeepingProject {
  readonly name: string;
  /** Absolute path. */
  readonly file: string;
  /** Disks of its containers that are called otherwise than the project: those of single containers. */
  readonly disks: readonly string[];
}

/** What the disks of these containers are called. */
export function disksOf(containers: readonly DesiredContainer[]): readonly string[] {
  return containers.flatMap(({ rootfs: { writable } }) =>
    writable.kind === "disk" && writable.keptAs !== undefined ? [writable.keptAs] : []
  );
}

/** Directories of what is kept of a project. */
export function keptOf({ name, file, disks }: KeepingProject): readonly string[] {
  const data = dataDirectory(process.env, getuid());
  const key = keptName(name, dirname(file));
  const volumes = listDirectory(`${data}/volumes/${key}`)
    .map((entry) => `${data}/volumes/${key}/${entry.name}`);
  const uppers = listDirectory(`${data}/uppers`)
    .filter((entry) => disks.includes(entry.name) || entry.name.startsWith(`${key}.`))
    .map((entry) => `${data}/uppers/${entry.name}`);
  return [...volumes, ...uppers];
}

/**
 * Removes one of them.
 *
 * @throws ContainervError KEPT_IN_USE: a container that runs has it as its disk. SyscallError: not ours to remove.
 */
export function removeKept(path: string): void {
  const flags = O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
  using held = Fd.open(openat({ pathname: path, flags }));
  // A container holds its disk's lock for as long as it runs; of a volume nobody does.
  if (Number(callSync(flock({ fd: held.number, operation: LOCK_EX | LOCK_NB }))) !== 0) {
    throw new ContainervError({
      code: "KEPT_IN_USE",
      message: `a container that runs writes to ${path}`,
      fix: "end it first: containerv ps shows what runs",
    });
  }
  removeTree(path);
  // The project's room for its volumes goes with the last of them; until then it is not empty.
  const room = dirname(path);
  if (basename(dirname(room)) === "volumes") {
    const result = Number(callSync(unlinkat({ pathname: room, flags: AT_REMOVEDIR })));
    if (result < 0 && result !== -ENOTEMPTY) {
      throw new SyscallError(unlinkat({ pathname: room, flags: AT_REMOVEDIR }), -result);
    }
  }
}
