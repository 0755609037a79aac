/** Making, removing, renaming and changing what has a path. mkdirat(2), unlinkat(2), fchownat(2), chdir(2). */
import { AT_FDCWD, AT_FLAGS, AT_REMOVEDIR, RENAME_FLAGS } from "../abi/fcntl.ts";
import { FILE_TYPES, S_IFMT } from "../abi/stat.ts";
import type { Cell, Syscall, Word } from "./call.ts";
import { cString, pathWord, syscall } from "./record.ts";
import {
  showDirfd,
  showFlags,
  showId,
  showMode,
  showName,
  showPath,
  showPointer,
  showString,
  showWord,
} from "./show.ts";

/**
 * `mkdirat(2)`: makes one directory with `mode & ~umask`.
 *
 * Header  include/linux/syscalls.h
 * Since   Linux 2.6.16
 * Needs   write permission on its parent
 * Errors  EEXIST  the name is there, whatever it is
 *         ENOENT  a directory on the way is not
 * @see https://man7.org/linux/man-pages/man2/mkdirat.2.html
 */
export function mkdirat(args: { dirfd?: Word; pathname: string; mode: number }): Syscall {
  const { dirfd = AT_FDCWD, pathname, mode } = args;
  return syscall("mkdirat", {
    words: [dirfd, cString(pathname), mode],
    text: () => [showDirfd(dirfd), showString(pathname), showMode(mode)],
  });
}

/**
 * `unlinkat(2)`: removes a name, or with AT_REMOVEDIR an empty directory.
 *
 * Header  include/uapi/linux/fcntl.h
 * Since   Linux 2.6.16
 * Needs   write permission on its parent
 * Errors  ENOENT     it is not there
 *         EBUSY      a mount point, or a control group with tasks
 *         ENOTEMPTY  AT_REMOVEDIR and it holds something
 * @see https://man7.org/linux/man-pages/man2/unlinkat.2.html
 */
export function unlinkat(args: { dirfd?: Word; pathname: string; flags?: number }): Syscall {
  const { dirfd = AT_FDCWD, pathname, flags = 0 } = args;
  return syscall("unlinkat", {
    words: [dirfd, cString(pathname), flags],
    text: () => [showDirfd(dirfd), showString(pathname), showFlags(flags, { AT_REMOVEDIR })],
  });
}

/**
 * `symlinkat(2)`: makes the symbolic link `linkpath` with the text `target`, which is not resolved.
 *
 * Header  include/linux/syscalls.h
 * Since   Linux 2.6.16
 * Needs   write permission on its parent
 * Errors  EEXIST  linkpath is there
 * @see https://man7.org/linux/man-pages/man2/symlinkat.2.html
 */
export function symlinkat(args: { target: string; newdirfd?: Word; linkpath: string }): Syscall {
  const { target, newdirfd = AT_FDCWD, linkpath } = args;
  return syscall("symlinkat", {
    words: [cString(target), newdirfd, cString(linkpath)],
    text: () => [showString(target), showDirfd(newdirfd), showString(linkpath)],
  });
}

/**
 * `linkat(2)`: gives a file one more name.
 *
 * Header  include/uapi/linux/fcntl.h
 * Since   Linux 2.6.16
 * Needs   AT_EMPTY_PATH needs CAP_DAC_READ_SEARCH
 * Errors  EXDEV   the two are on different mounts
 *         EEXIST  newpath is there
 * @see https://man7.org/linux/man-pages/man2/linkat.2.html
 */
export function linkat(
  args: { olddirfd?: Word; oldpath: string; newdirfd?: Word; newpath: string; flags?: number },
): Syscall {
  const { olddirfd = AT_FDCWD, oldpath, newdirfd = AT_FDCWD, newpath, flags = 0 } = args;
  return syscall("linkat", {
    words: [olddirfd, cString(oldpath), newdirfd, cString(newpath), flags],
    text: () => [
      showDirfd(olddirfd),
      showString(oldpath),
      showDirfd(newdirfd),
      showString(newpath),
      showFlags(flags, AT_FLAGS),
    ],
  });
}

/**
 * `renameat2(2)`: moves a name, replacing what is there unless RENAME_NOREPLACE. Atomic.
 *
 * Header  include/uapi/linux/fs.h
 * Since   Linux 3.15
 * Needs   write permission on both parents
 * Errors  EEXIST  RENAME_NOREPLACE and newpath is there
 *         EXDEV   the two are on different mounts
 *         EINVAL  the file system does not know a flag
 * @see https://man7.org/linux/man-pages/man2/renameat2.2.html
 */
export function renameat2(
  args: {
    olddirfd?: Word;
    oldpath: string | Cell;
    newdirfd?: Word;
    newpath: string | Cell;
    flags?: number;
  },
): Syscall {
  const { olddirfd = AT_FDCWD, oldpath, newdirfd = AT_FDCWD, newpath, flags = 0 } = args;
  return syscall("renameat2", {
    words: [olddirfd, pathWord(oldpath), newdirfd, pathWord(newpath), flags],
    text: () => [
      showDirfd(olddirfd),
      showPath(oldpath),
      showDirfd(newdirfd),
      showPath(newpath),
      showFlags(flags, RENAME_FLAGS),
    ],
  });
}

/**
 * `mknodat(2)`: makes a device node, FIFO, socket or plain file. `mode` holds the type (S_IFCHR), `dev` is `makedev`.
 *
 * Header  include/uapi/linux/stat.h
 * Since   Linux 2.6.16
 * Needs   CAP_MKNOD in the first user namespace for device nodes
 * Errors  EPERM   no CAP_MKNOD there, or the file system takes no nodes
 *         EEXIST  it is there
 * @see https://man7.org/linux/man-pages/man2/mknodat.2.html
 */
export function mknodat(
  args: { dirfd?: Word; pathname: string; mode: number; dev: number },
): Syscall {
  const { dirfd = AT_FDCWD, pathname, mode, dev } = args;
  const type = mode & S_IFMT;
  const isDevice = type === FILE_TYPES.S_IFCHR || type === FILE_TYPES.S_IFBLK;
  return syscall("mknodat", {
    words: [dirfd, cString(pathname), mode, dev],
    text: () => [
      showDirfd(dirfd),
      showString(pathname),
      type === 0 ? showMode(mode) : `${showName(type, FILE_TYPES)}|${showMode(mode & 0o7777)}`,
      ...(isDevice ? [showDevice(dev)] : []),
    ],
  });
}

function showDevice(dev: number): string {
  const major = (dev >>> 8) & 0xfff;
  const minor = (dev & 0xff) | ((dev >>> 12) & 0xfff00);
  // strace prints with %#x, which gives 0 no prefix.
  const hex = (value: number): string => value === 0 ? "0" : `0x${value.toString(16)}`;
  return `makedev(${hex(major)}, ${hex(minor)})`;
}

/**
 * `fchmodat(2)`: changes permission bits. Follows a symbolic link: below a root that others control open the file first
 * and use `fchmod`.
 *
 * Header  include/linux/syscalls.h
 * Since   Linux 2.6.16
 * Needs   to own the file, or CAP_FOWNER
 * Errors  EPERM  neither
 *         EROFS  read-only
 * @see https://man7.org/linux/man-pages/man2/fchmodat.2.html
 */
export function fchmodat(args: { dirfd?: Word; pathname: string; mode: number }): Syscall {
  const { dirfd = AT_FDCWD, pathname, mode } = args;
  return syscall("fchmodat", {
    words: [dirfd, cString(pathname), mode],
    text: () => [showDirfd(dirfd), showString(pathname), showMode(mode)],
  });
}

/**
 * `fchmod(2)`: changes the permission bits of an open file.
 *
 * Header  include/linux/syscalls.h
 * Since   Linux 1.0
 * Needs   to own the file, or CAP_FOWNER
 * Errors  EBADF  opened with O_PATH
 *         EPERM  not the owner, or a memfd sealed with F_SEAL_EXEC and an x bit would change
 * @see https://man7.org/linux/man-pages/man2/fchmod.2.html
 */
export function fchmod(args: { fd: Word; mode: Word }): Syscall {
  const { fd, mode } = args;
  return syscall("fchmod", {
    words: [fd, mode],
    text: () => [showWord(fd), typeof mode === "number" ? showMode(mode) : showWord(mode)],
  });
}

/**
 * `fchownat(2)`: changes owner and group; 0xffffffff leaves one as it is. Clears set-user-id bits.
 *
 * Header  include/uapi/linux/fcntl.h
 * Since   Linux 2.6.16
 * Needs   CAP_CHOWN
 * Errors  EPERM   no CAP_CHOWN
 *         EINVAL  the id is not mapped in the user namespace
 * @see https://man7.org/linux/man-pages/man2/fchownat.2.html
 */
export function fchownat(
  args: { dirfd?: Word; pathname: string; owner: number; group: number; flags?: number },
): Syscall {
  const { dirfd = AT_FDCWD, pathname, owner, group, flags = 0 } = args;
  return syscall("fchownat", {
    words: [dirfd, cString(pathname), owner, group, flags],
    text: () => [
      showDirfd(dirfd),
      showString(pathname),
      showId(owner),
      showId(group),
      showFlags(flags, AT_FLAGS),
    ],
  });
}

/**
 * `fchown(2)`: changes owner and group of an open file.
 *
 * Header  include/linux/syscalls.h
 * Since   Linux 1.0
 * Needs   CAP_CHOWN
 * Errors  EBADF  opened with O_PATH
 *         EPERM  no CAP_CHOWN
 * @see https://man7.org/linux/man-pages/man2/fchown.2.html
 */
export function fchown(args: { fd: Word; owner: number; group: number }): Syscall {
  const { fd, owner, group } = args;
  return syscall("fchown", {
    words: [fd, owner, group],
    text: () => [showWord(fd), showId(owner), showId(group)],
  });
}

/**
 * `chdir(2)`: changes the working directory to a path.
 *
 * Header  include/linux/syscalls.h
 * Since   Linux 1.0
 * Needs   search permission
 * Errors  ENOENT   it is not there
 *         ENOTDIR  it is no directory
 * @see https://man7.org/linux/man-pages/man2/chdir.2.html
 */
export function chdir(args: { path: string }): Syscall {
  return syscall("chdir", { words: [cString(args.path)], text: () => [showString(args.path)] });
}

/**
 * `fchdir(2)`: changes the working directory to an open one.
 *
 * Header  include/linux/syscalls.h
 * Since   Linux 1.0
 * Needs   search permission
 * Errors  ENOTDIR  the descriptor is no directory
 * @see https://man7.org/linux/man-pages/man2/fchdir.2.html
 */
export function fchdir(args: { fd: Word }): Syscall {
  return syscall("fchdir", { words: [args.fd], text: () => [showWord(args.fd)] });
}

/**
 * `getcwd(2)`: the working directory's path with its NUL; the result is its length with the NUL.
 *
 * A directory outside the root begins with "(unreachable)": the sign that a container could leave.
 *
 * Header  include/linux/syscalls.h
 * Since   Linux 2.1.92
 * Needs   nothing
 * Errors  ERANGE  longer than size
 *         ENOENT  it was removed
 * @see https://man7.org/linux/man-pages/man2/getcwd.2.html
 */
export function getcwd(args: { buf: Cell; size: number }): Syscall {
  const { buf, size } = args;
  return syscall("getcwd", {
    words: [buf, size],
    text: () => [showPointer(buf), String(size)],
  });
}

/**
 * `umask(2)`: which permission bits new files do not get; the result is the mask of before.
 *
 * Header  include/linux/syscalls.h
 * Since   Linux 1.0
 * Needs   nothing
 * Errors  none
 * @see https://man7.org/linux/man-pages/man2/umask.2.html
 */
export function umask(args: { mask: number }): Syscall {
  return syscall("umask", { words: [args.mask], text: () => [showMode(args.mask)] });
}
