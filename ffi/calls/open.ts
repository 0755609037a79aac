/** Opening, closing, duplicating: calls whose subject is the descriptor. open(2), close(2), fcntl(2). */
import {
  AT_FDCWD,
  CLOSE_RANGE_FLAGS,
  F_ADD_SEALS,
  F_GETFD,
  F_SETFD,
  F_SETFL,
  FCNTL_COMMANDS,
  FD_CLOEXEC,
  O_CLOEXEC,
  O_CREAT,
  O_DIRECTORY,
  O_TMPFILE,
  SEALS,
} from "../abi/fcntl.ts";
import { MEMFD_FLAGS } from "../abi/memfd.ts";
import { OPEN_HOW, RESOLVE_FLAGS } from "../abi/openat2.ts";
import type { Cell, Syscall, Word } from "./call.ts";
import { cString, pathWord, struct, syscall } from "./record.ts";
import {
  showDirfd,
  showFlags,
  showMode,
  showName,
  showOpenFlags,
  showPath,
  showPointer,
  showString,
  showStruct,
  showWord,
} from "./show.ts";

/** O_TMPFILE holds O_DIRECTORY, so it is there only when all its bits are. */
const takesMode = (flags: number): boolean =>
  (flags & O_CREAT) !== 0 || (flags & O_TMPFILE & ~O_DIRECTORY) !== 0;

/**
 * `openat(2)`: opens a file below a directory descriptor; the result is a descriptor.
 *
 * For a path that an image or a container controls use `openat2` with RESOLVE_IN_ROOT.
 *
 * Header  include/uapi/asm-generic/fcntl.h
 * Since   Linux 2.6.16
 * Needs   nothing beyond the file's permissions
 * Errors  ENOENT  it is not there, or a directory on the way
 *         EEXIST  O_CREAT|O_EXCL and it is there
 *         ELOOP   O_NOFOLLOW and it is a symbolic link
 * @see https://man7.org/linux/man-pages/man2/openat.2.html
 */
export function openat(
  args: { dirfd?: Word; pathname: string | Word; flags: number; mode?: number },
): Syscall {
  const { dirfd = AT_FDCWD, pathname, flags, mode = 0 } = args;
  return syscall("openat", {
    words: [dirfd, pathWord(pathname), flags, mode],
    text: () => [
      showDirfd(dirfd),
      showPath(pathname),
      showOpenFlags(flags),
      ...(takesMode(flags) ? [showMode(mode)] : []),
    ],
  });
}

/**
 * `openat2(2)`: openat with rules for how the path is resolved.
 *
 * The only safe way to open a path below a root that someone else may change at the same time.
 *
 * Header  include/uapi/linux/openat2.h
 * Since   Linux 5.6
 * Needs   nothing beyond the file's permissions
 * Errors  ELOOP   RESOLVE_NO_SYMLINKS or RESOLVE_NO_MAGICLINKS met one
 *         EXDEV   RESOLVE_BENEATH, RESOLVE_IN_ROOT or RESOLVE_NO_XDEV would be left
 *         EAGAIN  a rename raced with ".."; to be tried again
 * @see https://man7.org/linux/man-pages/man2/openat2.2.html
 */
export function openat2(
  args: {
    dirfd?: Word;
    pathname: string;
    flags: number;
    mode?: number;
    resolve?: number | bigint;
  },
): Syscall {
  const { dirfd = AT_FDCWD, pathname, flags, mode = 0, resolve = 0 } = args;
  const how = struct(OPEN_HOW, { flags, mode, resolve });
  return syscall("openat2", {
    words: [dirfd, cString(pathname), how, OPEN_HOW.size],
    text: () => [
      showDirfd(dirfd),
      showString(pathname),
      showStruct({
        flags: showOpenFlags(flags),
        mode: takesMode(flags) ? showMode(mode) : undefined,
        resolve: showFlags(resolve, RESOLVE_FLAGS),
      }),
      String(OPEN_HOW.size),
    ],
  });
}

/**
 * `close(2)`: gives a descriptor back. It is closed whatever the result is; never to be tried again.
 *
 * Header  include/linux/syscalls.h
 * Since   Linux 1.0
 * Needs   nothing
 * Errors  EBADF  no such descriptor
 * @see https://man7.org/linux/man-pages/man2/close.2.html
 */
export function close(args: { fd: Word }): Syscall {
  return syscall("close", { words: [args.fd], text: () => [showWord(args.fd)] });
}

/**
 * `close_range(2)`: closes all descriptors from `first` to `last`, both included.
 *
 * Header  include/uapi/linux/close_range.h
 * Since   Linux 5.9 (CLOSE_RANGE_CLOEXEC 5.11)
 * Needs   nothing
 * Errors  EINVAL  first > last, or an unknown flag
 *         EMFILE  CLOSE_RANGE_UNSHARE at the limit of descriptors
 * @see https://man7.org/linux/man-pages/man2/close_range.2.html
 */
export function closeRange(args: { first: Word; last: number; flags?: number }): Syscall {
  const { first, last, flags = 0 } = args;
  return syscall("close_range", {
    words: [first, last, flags],
    text: () => [showWord(first), String(last), showFlags(flags, CLOSE_RANGE_FLAGS)],
  });
}

/**
 * `dup3(2)`: makes `newfd` a copy of `oldfd`, closing what `newfd` was. Gives a descriptor its fixed number.
 *
 * Header  include/linux/syscalls.h
 * Since   Linux 2.6.27
 * Needs   nothing
 * Errors  EINVAL  oldfd equals newfd
 *         EBADF   oldfd is not open, or newfd is beyond RLIMIT_NOFILE
 * @see https://man7.org/linux/man-pages/man2/dup.2.html
 */
export function dup3(args: { oldfd: Word; newfd: Word; flags?: number }): Syscall {
  const { oldfd, newfd, flags = 0 } = args;
  return syscall("dup3", {
    words: [oldfd, newfd, flags],
    text: () => [showWord(oldfd), showWord(newfd), showFlags(flags, { O_CLOEXEC })],
  });
}

/** Commands whose call has no third argument. */
const WITHOUT_ARGUMENT: ReadonlySet<string> = new Set([
  "F_GETFD",
  "F_GETFL",
  "F_GET_SEALS",
  "F_GETPIPE_SZ",
]);

/**
 * `fcntl(2)`: asks or changes one thing of a descriptor.
 *
 * Header  include/uapi/asm-generic/fcntl.h
 * Since   Linux 1.0 (seals 3.17)
 * Needs   nothing; F_SETPIPE_SZ above the limit CAP_SYS_RESOURCE
 * Errors  EPERM   F_ADD_SEALS on a file that is sealed with F_SEAL_SEAL
 *         EBUSY   F_ADD_SEALS(F_SEAL_WRITE) while it is mapped writable
 *         EINVAL  a command or an argument that this kernel does not know
 * @see https://man7.org/linux/man-pages/man2/fcntl.2.html
 */
export function fcntl(args: { fd: Word; cmd: number; arg?: Word }): Syscall {
  const { fd, cmd, arg = 0 } = args;
  return syscall("fcntl", {
    words: [fd, cmd, arg],
    text: () => {
      const name = showName(cmd, FCNTL_COMMANDS);
      const shown = [showWord(fd), name];
      return WITHOUT_ARGUMENT.has(name) ? shown : [...shown, showFcntlArgument(cmd, arg)];
    },
  });
}

function showFcntlArgument(cmd: number, arg: Word): string {
  if (typeof arg !== "number") return showWord(arg);
  if (cmd === F_ADD_SEALS) return showFlags(arg, SEALS);
  if (cmd === F_SETFD || cmd === F_GETFD) return showFlags(arg, { FD_CLOEXEC });
  if (cmd === F_SETFL) return showOpenFlags(arg);
  return String(arg);
}

/**
 * `memfd_create(2)`: a file in memory without a name in any file system; the result is its descriptor.
 *
 * Header  include/uapi/linux/memfd.h
 * Since   Linux 3.17 (MFD_EXEC and MFD_NOEXEC_SEAL 6.3: EINVAL before)
 * Needs   nothing
 * Errors  EINVAL  an unknown flag, or a name of more than 249 bytes
 *         EACCES  MFD_EXEC where vm.memfd_noexec is 2
 * @see https://man7.org/linux/man-pages/man2/memfd_create.2.html
 */
export function memfdCreate(args: { name: string; flags: number }): Syscall {
  const { name, flags } = args;
  return syscall("memfd_create", {
    words: [cString(name), flags],
    text: () => [showString(name), showFlags(flags, MEMFD_FLAGS)],
  });
}

/**
 * `pipe2(2)`: a pipe; `pipefd` takes the reading descriptor and then the writing one (4 bytes each).
 *
 * Header  include/linux/syscalls.h
 * Since   Linux 2.6.27
 * Needs   nothing
 * Errors  EMFILE  the process has as many descriptors as it may
 *         ENFILE  the machine has, or the user's pipe memory is used up
 * @see https://man7.org/linux/man-pages/man2/pipe2.2.html
 */
export function pipe2(args: { pipefd: Cell; flags: number }): Syscall {
  const { pipefd, flags } = args;
  return syscall("pipe2", {
    words: [pipefd, flags],
    text: () => [showPointer(pipefd), showFlags(flags, { O_CLOEXEC })],
  });
}

/**
 * `readlinkat(2)`: the text of a symbolic link, without a NUL; the result is its length.
 *
 * Header  include/linux/syscalls.h
 * Since   Linux 2.6.16
 * Needs   search permission on the way
 * Errors  EINVAL  it is no symbolic link
 *         ENOENT  it is not there
 * @see https://man7.org/linux/man-pages/man2/readlinkat.2.html
 */
export function readlinkat(
  args: { dirfd?: Word; pathname: string | Word; buf: Cell; bufsiz: number },
): Syscall {
  const { dirfd = AT_FDCWD, pathname, buf, bufsiz } = args;
  return syscall("readlinkat", {
    words: [dirfd, pathWord(pathname), buf, bufsiz],
    text: () => [showDirfd(dirfd), showPath(pathname), showPointer(buf), String(bufsiz)],
  });
}
