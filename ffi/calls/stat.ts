/** Asking about files and file systems. statx(2), statfs(2). */
import { AT_FDCWD, AT_FLAGS } from "../abi/fcntl.ts";
import { STATX_BASIC_STATS, STATX_MASK } from "../abi/stat.ts";
import type { Cell, Syscall, Word } from "./call.ts";
import { cString, pathWord, syscall, vector } from "./record.ts";
import {
  showArray,
  showDirfd,
  showFlags,
  showPath,
  showPointer,
  showString,
  showTime,
  showWord,
} from "./show.ts";
import type { Timespec } from "./timer.ts";

/**
 * `statx(2)`: what a file is, into `statxbuf` (struct statx, 256 bytes, the same on every architecture).
 *
 * Header  include/uapi/linux/stat.h
 * Since   Linux 4.11
 * Needs   search permission on the way
 * Errors  ENOENT  it is not there
 *         EACCES  a directory on the way can't be searched
 * @see https://man7.org/linux/man-pages/man2/statx.2.html
 */
export function statx(
  args: { dirfd?: Word; pathname: string | Word; flags?: number; mask: number; statxbuf: Cell },
): Syscall {
  const { dirfd = AT_FDCWD, pathname, flags = 0, mask, statxbuf } = args;
  return syscall("statx", {
    words: [dirfd, pathWord(pathname), flags, mask, statxbuf],
    text: () => [
      showDirfd(dirfd),
      showPath(pathname),
      // 0 asks for what stat(2) would give, and strace says so.
      flags === 0 ? "AT_STATX_SYNC_AS_STAT" : `AT_STATX_SYNC_AS_STAT|${showFlags(flags, AT_FLAGS)}`,
      showFlags(mask, { STATX_BASIC_STATS, ...STATX_MASK }),
      showPointer(statxbuf),
    ],
  });
}

/**
 * `fstatfs(2)`: the kind of the file system that an open file is on, into `buf` (struct statfs, 120 bytes).
 *
 * Header  include/uapi/asm-generic/statfs.h
 * Since   Linux 1.0
 * Needs   nothing
 * Errors  ENOSYS  the file system can't say
 * @see https://man7.org/linux/man-pages/man2/fstatfs.2.html
 */
export function fstatfs(args: { fd: Word; buf: Cell }): Syscall {
  const { fd, buf } = args;
  return syscall("fstatfs", { words: [fd, buf], text: () => [showWord(fd), showPointer(buf)] });
}

/**
 * `statfs(2)`: as fstatfs, by path.
 *
 * Header  include/uapi/asm-generic/statfs.h
 * Since   Linux 1.0
 * Needs   search permission on the way
 * Errors  ENOENT  it is not there
 * @see https://man7.org/linux/man-pages/man2/statfs.2.html
 */
export function statfs(args: { path: string; buf: Cell }): Syscall {
  const { path, buf } = args;
  return syscall("statfs", {
    words: [cString(path), buf],
    text: () => [showString(path), showPointer(buf)],
  });
}

/**
 * `utimensat(2)`: sets the times of last access and modification, to the nanosecond. An absent `pathname` means the
 * open file itself.
 *
 * Header  include/linux/syscalls.h
 * Since   Linux 2.6.22
 * Needs   to own the file, or CAP_FOWNER
 * Errors  EINVAL  a time that is none
 *         EPERM   neither
 * @see https://man7.org/linux/man-pages/man2/utimensat.2.html
 */
export function utimensat(
  args: {
    dirfd?: Word;
    pathname?: string | Cell;
    atime: Timespec;
    /** Its seconds may be known at run time only. */
    mtime: Timespec | { readonly sec: Word; readonly nsec: number };
    flags?: number;
  },
): Syscall {
  const { dirfd = AT_FDCWD, pathname, atime, mtime, flags = 0 } = args;
  const times = [atime, mtime].flatMap(({ sec, nsec }): Word[] => [sec, nsec]);
  return syscall("utimensat", {
    words: [
      dirfd,
      pathWord(pathname),
      vector(times),
      flags,
    ],
    text: () => [
      showDirfd(dirfd),
      showPath(pathname),
      showArray([showTime(atime), showTime(mtime)]),
      showFlags(flags, AT_FLAGS),
    ],
  });
}
