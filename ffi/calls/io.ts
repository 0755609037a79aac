/** Bytes in and out of descriptors, and what belongs to an open file. read(2), write(2), flock(2). */
import { FALLOC_FL_KEEP_SIZE, LOCKS, SEEKS, SYNC_FILE_RANGE_WRITE } from "../abi/fcntl.ts";
import { utf8 } from "../abi/text.ts";
import type { Cell, ResultOf, Syscall, Word } from "./call.ts";
import { isBytes, syscall } from "./record.ts";
import { showBuffer, showFlags, showName, showPointer, showWord } from "./show.ts";

/**
 * `read(2)`: at most `count` bytes into `buf`; the result is how many, 0 at the end.
 *
 * Header  include/linux/syscalls.h
 * Since   Linux 1.0
 * Needs   a descriptor open for reading
 * Errors  EINTR   a signal came before the first byte
 *         EAGAIN  O_NONBLOCK and nothing is there
 * @see https://man7.org/linux/man-pages/man2/read.2.html
 */
export function read(args: { fd: Word; buf: Cell | ResultOf; count: Word }): Syscall {
  const { fd, buf, count } = args;
  return syscall("read", {
    words: [fd, buf, count],
    text: () => [showWord(fd), showPointer(buf), showWord(count)],
  });
}

/**
 * `pread64(2)`: as read, from `offset`, without moving the file's position.
 *
 * Header  include/linux/syscalls.h
 * Since   Linux 2.1.60
 * Needs   a descriptor open for reading that can seek
 * Errors  ESPIPE  the descriptor can't seek
 * @see https://man7.org/linux/man-pages/man2/pread.2.html
 */
export function pread64(args: { fd: Word; buf: Cell; count: Word; offset: Word }): Syscall {
  const { fd, buf, count, offset } = args;
  return syscall("pread64", {
    words: [fd, buf, count, offset],
    text: () => [showWord(fd), showPointer(buf), showWord(count), showWord(offset)],
  });
}

/**
 * `write(2)`: `count` bytes of `buf` (all of them when it is text or bytes); the result is how many were taken.
 *
 * Text is written as UTF-8 without a NUL at its end, so it may hold NULs itself.
 *
 * Header  include/linux/syscalls.h
 * Since   Linux 1.0
 * Needs   a descriptor open for writing
 * Errors  EINVAL  a control file of the kernel does not take the value
 *         EPIPE   nobody reads (SIGPIPE comes too)
 *         ENOSPC  no room
 * @see https://man7.org/linux/man-pages/man2/write.2.html
 */
export function write(
  args:
    | { fd: Word; buf: string | Uint8Array | Cell; count?: Word }
    // Bytes whose address is known at run time only: what is left of a write that was cut short.
    | { fd: Word; buf: ResultOf; count: Word },
): Syscall {
  const { fd } = args;
  const buf = typeof args.buf === "string" ? utf8(args.buf) : args.buf;
  const word = buf instanceof Uint8Array ? { bytes: buf } : buf;
  if ("result" in word) {
    const words = [fd, word, args.count ?? 0] as const;
    return syscall("write", { words, text: () => words.map(showWord) });
  }
  const count = args.count ??
    ("bytes" in word ? word.bytes.length : word.size - (word.offset ?? 0));
  return syscall("write", {
    words: [fd, word, count],
    text: () => [
      showWord(fd),
      isBytes(word)
        ? showBuffer(typeof count === "number" ? word.bytes.subarray(0, count) : word.bytes)
        : showPointer(word),
      showWord(count),
    ],
  });
}

/**
 * `sendfile(2)`: moves bytes from one open file to another without their passing through this process; the result is their number,
 * 0 at the end.
 *
 * Header  include/linux/syscalls.h
 * Since   Linux 2.2
 * Needs   a source that can be mapped: a file, no pipe or socket
 * Errors  EINVAL  the source can't be read so, or the target was opened with O_APPEND
 *         ENOSPC  the target's file system is full
 * @see https://man7.org/linux/man-pages/man2/sendfile.2.html
 */
export function sendfile(args: { outFd: Word; inFd: Word; count: number }): Syscall {
  const { outFd, inFd, count } = args;
  return syscall("sendfile", {
    words: [outFd, inFd, 0, count],
    text: () => [showWord(outFd), showWord(inFd), "NULL", String(count)],
  });
}

/**
 * `lseek(2)`: moves the file's position; the result is the new one.
 *
 * Header  include/uapi/linux/fs.h
 * Since   Linux 1.0
 * Needs   a descriptor that can seek
 * Errors  ESPIPE  a pipe, socket or FIFO
 * @see https://man7.org/linux/man-pages/man2/lseek.2.html
 */
export function lseek(args: { fd: Word; offset: Word; whence: number }): Syscall {
  const { fd, offset, whence } = args;
  return syscall("lseek", {
    words: [fd, offset, whence],
    text: () => [showWord(fd), showWord(offset), showName(whence, SEEKS)],
  });
}

/**
 * `ftruncate(2)`: makes the file `length` bytes long.
 *
 * Header  include/linux/syscalls.h
 * Since   Linux 1.0
 * Needs   a descriptor open for writing
 * Errors  EPERM   the memfd is sealed against growing or shrinking
 *         EFBIG   longer than the file system or RLIMIT_FSIZE permits
 * @see https://man7.org/linux/man-pages/man2/ftruncate.2.html
 */
export function ftruncate(args: { fd: Word; length: Word }): Syscall {
  const { fd, length } = args;
  return syscall("ftruncate", {
    words: [fd, length],
    text: () => [showWord(fd), showWord(length)],
  });
}

/**
 * `fallocate(2)`: room for `len` bytes from `offset` on, so that writing them does not fail for want of it; with FALLOC_FL_KEEP_SIZE the
 * file is no longer than before.
 *
 * Header  include/uapi/linux/falloc.h
 * Since   Linux 2.6.23; tmpfs 3.5
 * Needs   a descriptor open for writing
 * Errors  ENOSPC      no room
 *         EDQUOT      none is left to the user
 *         EOPNOTSUPP  the file system can't
 * @see https://man7.org/linux/man-pages/man2/fallocate.2.html
 */
export function fallocate(
  args: { fd: Word; mode: number; offset: Word; len: Word },
): Syscall {
  const { fd, mode, offset, len } = args;
  return syscall("fallocate", {
    words: [fd, mode, offset, len],
    text: () => [
      showWord(fd),
      showFlags(mode, { FALLOC_FL_KEEP_SIZE }),
      showWord(offset),
      showWord(len),
    ],
  });
}

/**
 * `fsync(2)`: waits until the file and its metadata are on the disk.
 *
 * Header  include/linux/syscalls.h
 * Since   Linux 1.0
 * Needs   nothing
 * Errors  EIO     a write failed, perhaps one of before
 *         EINVAL  the descriptor's kind has no disk
 * @see https://man7.org/linux/man-pages/man2/fsync.2.html
 */
export function fsync(args: { fd: Word }): Syscall {
  return syscall("fsync", { words: [args.fd], text: () => [showWord(args.fd)] });
}

/**
 * `flock(2)`: takes or gives back a lock that belongs to the open file and dies with its last descriptor.
 *
 * Header  include/uapi/asm-generic/fcntl.h
 * Since   Linux 2.0
 * Needs   nothing
 * Errors  EAGAIN  LOCK_NB and someone else has it
 *         EINTR   a signal came while waiting
 * @see https://man7.org/linux/man-pages/man2/flock.2.html
 */
export function flock(args: { fd: Word; operation: number }): Syscall {
  const { fd, operation } = args;
  return syscall("flock", {
    words: [fd, operation],
    text: () => [showWord(fd), showFlags(operation, LOCKS)],
  });
}

/**
 * `getdents64(2)`: the next entries of a directory; the result is the bytes that were filled, 0 at the end.
 *
 * An entry is u64 d_ino, i64 d_off, u16 d_reclen, u8 d_type, then the name with its NUL.
 *
 * Header  include/linux/dirent.h
 * Since   Linux 2.4
 * Needs   a descriptor of a directory
 * Errors  ENOENT  the directory was removed
 *         EINVAL  the buffer is too small for one entry
 * @see https://man7.org/linux/man-pages/man2/getdents64.2.html
 */
export function getdents64(args: { fd: Word; dirp: Cell; count: Word }): Syscall {
  const { fd, dirp, count } = args;
  return syscall("getdents64", {
    words: [fd, dirp, count],
    text: () => [showWord(fd), showPointer(dirp), showWord(count)],
  });
}

/**
 * `syncfs(2)`: waits until everything of the file system that the descriptor is on is on the disk.
 *
 * Header  include/linux/syscalls.h
 * Since   Linux 2.6.39
 * Needs   nothing
 * Errors  EIO     a write failed since the descriptor was opened
 *         ENOSPC  there was no room for one
 * @see https://man7.org/linux/man-pages/man2/syncfs.2.html
 */
export function syncfs(args: { fd: Word }): Syscall {
  return syscall("syncfs", { words: [args.fd], text: () => [showWord(args.fd)] });
}

/**
 * `sync_file_range(2)`: with SYNC_FILE_RANGE_WRITE begins to write a part of a file to the disk, without waiting.
 *
 * Header  include/uapi/linux/fs.h
 * Since   Linux 2.6.17
 * Needs   nothing
 * Errors  ESPIPE  no regular file, block device or directory
 * @see https://man7.org/linux/man-pages/man2/sync_file_range.2.html
 */
export function syncFileRange(
  args: { fd: Word; offset: Word; nbytes: Word; flags: number },
): Syscall {
  const { fd, offset, nbytes, flags } = args;
  return syscall("sync_file_range", {
    words: [fd, offset, nbytes, flags],
    text: () => [
      showWord(fd),
      showWord(offset),
      showWord(nbytes),
      showFlags(flags, { SYNC_FILE_RANGE_WRITE }),
    ],
  });
}

/**
 * `pwrite64(2)`: `count` bytes of `buf` at `offset`, without moving the file's position; the result is how many.
 *
 * Header  include/linux/syscalls.h
 * Since   Linux 2.1.60
 * Needs   a descriptor open for writing that can seek
 * Errors  ENOSPC  no room
 *         EFBIG   beyond what the file system or RLIMIT_FSIZE permits
 * @see https://man7.org/linux/man-pages/man2/pwrite.2.html
 */
export function pwrite64(args: { fd: Word; buf: Word; count: Word; offset: Word }): Syscall {
  const { fd, buf, count, offset } = args;
  return syscall("pwrite64", {
    words: [fd, buf, count, offset],
    text: () => [showWord(fd), showPointer(buf), showWord(count), showWord(offset)],
  });
}
