/** What lies at a volume's source, by the same rules as the stage opens it: no link is followed below the trusted part. */
import { ELOOP, ENOENT, ENOTDIR } from "../../ffi/abi/errno.ts";
import { AT_EMPTY_PATH, O_CLOEXEC, O_PATH } from "../../ffi/abi/fcntl.ts";
import { RESOLVE_NO_MAGICLINKS, RESOLVE_NO_SYMLINKS } from "../../ffi/abi/openat2.ts";
import { S_IFBLK, S_IFCHR, S_IFDIR, S_IFMT } from "../../ffi/abi/stat.ts";
import { close, openat, openat2 } from "../../ffi/calls/open.ts";
import { readLink, status } from "../../ffi/linux/file.ts";
import { callSync, failed, SyscallError } from "../../ffi/linux/run.ts";
import type { SourceAnswer } from "../plan/host.ts";

const PATH_ONLY = O_PATH | O_CLOEXEC;

/** `null` when nothing is there. Throws SyscallError when it may not be looked at. */
export function lookUpSource(base: string, path: string): SourceAnswer | null {
  const opened = openat({ pathname: base, flags: PATH_ONLY });
  const dirfd = Number(callSync(opened));
  if (isAbsent(dirfd)) return null;
  if (failed(dirfd)) throw new SyscallError(opened, -dirfd);
  if (path === "") return describe(dirfd);
  try {
    const resolve = RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS;
    const call = openat2({ dirfd, pathname: path, flags: PATH_ONLY, resolve });
    const fd = Number(callSync(call));
    if (fd === -ELOOP) return lookUpLink(dirfd, path);
    if (isAbsent(fd)) return null;
    if (failed(fd)) throw new SyscallError(call, -fd);
    return describe(fd);
  } finally {
    callSync(close({ fd: dirfd }));
  }
}

const isAbsent = (result: number): boolean => result === -ENOENT || result === -ENOTDIR;

/** What is open; closes it. */
function describe(fd: number): SourceAnswer {
  const found = status(fd, "", AT_EMPTY_PATH);
  callSync(close({ fd }));
  const { mode = 0, uid = 0, gid = 0 } = found ?? {};
  const type = mode & S_IFMT;
  const kind = type === S_IFDIR
    ? "directory"
    : type === S_IFCHR || type === S_IFBLK
    ? "device"
    : "file";
  return { kind, uid, gid };
}

function lookUpLink(dirfd: number, path: string): SourceAnswer {
  const followed = Number(callSync(openat({ dirfd, pathname: path, flags: PATH_ONLY })));
  if (failed(followed)) return { kind: "link", uid: 0, gid: 0 };
  const real = readLink(`/proc/self/fd/${followed}`);
  callSync(close({ fd: followed }));
  return { kind: "link", uid: 0, gid: 0, ...(real === undefined ? {} : { real }) };
}
