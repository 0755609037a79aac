/** Reads files of the kernel and mounts of a container, to be held against what they were made as. Changes nothing. */
import { AT_EMPTY_PATH, O_CLOEXEC, O_DIRECTORY, O_PATH } from "../../ffi/abi/fcntl.ts";
import { STATFS } from "../../ffi/abi/magic.ts";
import { RESOLVE_IN_ROOT, RESOLVE_NO_MAGICLINKS } from "../../ffi/abi/openat2.ts";
import { STATX, STATX_ATTR_MOUNT_ROOT, STATX_BASIC_STATS } from "../../ffi/abi/stat.ts";
import { openat, openat2 } from "../../ffi/calls/open.ts";
import { fstatfs, statx } from "../../ffi/calls/stat.ts";
import { Fd } from "../../ffi/linux/fd.ts";
import { readFile } from "../../ffi/linux/file.ts";
import { callSync, check, readCell } from "../../ffi/linux/run.ts";
import { SyscallError } from "../../ffi/linux/error.ts";
import { readStruct } from "../../ffi/memory/layout.ts";

/** The texts of those that there are. */
export function readFiles(paths: readonly string[]): Readonly<Record<string, string>> {
  const files: Record<string, string> = {};
  for (const path of paths) {
    const text = readFile(path);
    if (text !== undefined) files[path] = text;
  }
  return files;
}

const STATUS = { cell: "place of a mount", size: STATX.size };
const FILE_SYSTEM = { cell: "file system of a mount", size: STATFS.size };

/** ST_RDONLY of <sys/statvfs.h>: the mount, or its file system. */
const ST_RDONLY = 1n;

/** Of these places in the root of a process those at which something is mounted. `undefined`: the process may not be looked at. */
export function observeMounts(
  pid: number,
  places: readonly string[],
): Readonly<Record<string, { readonly readonly: boolean }>> | undefined {
  let root: Fd;
  try {
    const flags = O_PATH | O_DIRECTORY | O_CLOEXEC;
    root = Fd.open(openat({ pathname: `/proc/${pid}/root`, flags }));
  } catch (error) {
    if (error instanceof SyscallError) return undefined;
    throw error;
  }
  using open = root;
  const found: Record<string, { readonly readonly: boolean }> = {};
  for (const at of places) {
    const mount = mountAt(open, at);
    if (mount !== undefined) found[at] = mount;
  }
  return found;
}

function mountAt(root: Fd, pathname: string): { readonly readonly: boolean } | undefined {
  const resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS;
  const call = openat2({ dirfd: root.number, pathname, flags: O_PATH | O_CLOEXEC, resolve });
  const fd = Number(callSync(call));
  if (fd < 0) return undefined;
  using place = new Fd(fd);
  const asked = { dirfd: place.number, pathname: "", flags: AT_EMPTY_PATH };
  check(statx({ ...asked, mask: STATX_BASIC_STATS, statxbuf: STATUS }));
  const { stx_attributes } = readStruct(STATX, readCell(STATUS));
  if ((BigInt(stx_attributes) & BigInt(STATX_ATTR_MOUNT_ROOT)) === 0n) return undefined;
  check(fstatfs({ fd: place.number, buf: FILE_SYSTEM }));
  const { f_flags } = readStruct(STATFS, readCell(FILE_SYSTEM));
  return { readonly: (BigInt(f_flags) & ST_RDONLY) !== 0n };
}
