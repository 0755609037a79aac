/**
 * Opening files, working on descriptors, and the flags of the *at calls.
 *
 * Source: <asm-generic/fcntl.h>, <linux/fcntl.h>, <linux/close_range.h>, <linux/falloc.h>; open(2), fcntl(2).
 * Where the two architectures differ the value is of x86_64 and a function gives the other.
 */

import { defineStruct } from "./struct.ts";

// Access mode: not bits, two of them are one number.
export const O_RDONLY = 0;
export const O_WRONLY = 1;
export const O_RDWR = 2;
/** Access modes by name, as `openat` prints them. */
export const OPEN_ACCESS = {
  O_RDONLY,
  O_WRONLY,
  O_RDWR,
} as const;

// open(2): what happens when the file is opened.
export const O_APPEND = 0o2000;
export const O_ASYNC = 0o20000;
export const O_CLOEXEC = 0o2000000;
export const O_CREAT = 0o100;
export const O_DSYNC = 0o10000;
export const O_EXCL = 0o200;
export const O_NOATIME = 0o1000000;
export const O_NOCTTY = 0o400;
export const O_NONBLOCK = 0o4000;
export const O_PATH = 0o10000000;
export const O_SYNC = 0o4010000;
export const O_TMPFILE = 0o20200000;
export const O_TRUNC = 0o1000;

// open(2): these four differ on aarch64 (`openFlagsOf`).
export const O_DIRECT = 0o40000;
export const O_DIRECTORY = 0o200000;
export const O_LARGEFILE = 0o100000;
export const O_NOFOLLOW = 0o400000;

// Directory descriptors and flags of the *at calls.
export const AT_FDCWD = -100;
export const AT_SYMLINK_NOFOLLOW = 0x100;
export const AT_EACCESS = 0x200;
export const AT_REMOVEDIR = 0x200;
export const AT_SYMLINK_FOLLOW = 0x400;
export const AT_NO_AUTOMOUNT = 0x800;
export const AT_EMPTY_PATH = 0x1000;
export const AT_STATX_SYNC_AS_STAT = 0x0;
export const AT_STATX_FORCE_SYNC = 0x2000;
export const AT_STATX_DONT_SYNC = 0x4000;
export const AT_RECURSIVE = 0x8000;

// fcntl(2) commands.
export const F_DUPFD = 0;
export const F_GETFD = 1;
export const F_SETFD = 2;
export const F_GETFL = 3;
export const F_SETFL = 4;
export const F_SETLK = 6;
export const F_SETLKW = 7;
export const F_GETLK = 5;
export const F_OFD_GETLK = 36;
export const F_OFD_SETLK = 37;
export const F_OFD_SETLKW = 38;
export const F_SETPIPE_SZ = 1031;
export const F_GETPIPE_SZ = 1032;
export const F_DUPFD_CLOEXEC = 1030;
export const F_ADD_SEALS = 1033;
export const F_GET_SEALS = 1034;
/** fcntl(2) commands by name. */
export const FCNTL_COMMANDS = {
  F_DUPFD,
  F_GETFD,
  F_SETFD,
  F_GETFL,
  F_SETFL,
  F_SETLK,
  F_SETLKW,
  F_GETLK,
  F_OFD_GETLK,
  F_OFD_SETLK,
  F_OFD_SETLKW,
  F_SETPIPE_SZ,
  F_GETPIPE_SZ,
  F_DUPFD_CLOEXEC,
  F_ADD_SEALS,
  F_GET_SEALS,
} as const;
export const FD_CLOEXEC = 1;

// Kinds of record locks.
export const F_RDLCK = 0;
export const F_WRLCK = 1;
export const F_UNLCK = 2;
/** A lock on bytes of a file; with F_OFD_SETLK it belongs to the open file, and l_pid must be 0. */
export const FLOCK = defineStruct({
  c: "struct flock",
  size: 32,
  fields: [
    ["l_type", "u16"],
    ["l_whence", "u16"],
    ["l_start", "u64"],
    ["l_len", "u64"],
    ["l_pid", "i32"],
  ],
});

// Seals of a memfd; F_SEAL_EXEC is of Linux 6.3.
export const F_SEAL_SEAL = 0x1;
export const F_SEAL_SHRINK = 0x2;
export const F_SEAL_GROW = 0x4;
export const F_SEAL_WRITE = 0x8;
export const F_SEAL_FUTURE_WRITE = 0x10;
export const F_SEAL_EXEC = 0x20;
/** Seals by name. */
export const SEALS = {
  F_SEAL_SEAL,
  F_SEAL_SHRINK,
  F_SEAL_GROW,
  F_SEAL_WRITE,
  F_SEAL_FUTURE_WRITE,
  F_SEAL_EXEC,
} as const;

// close_range(2).
export const CLOSE_RANGE_UNSHARE = 0x2;
export const CLOSE_RANGE_CLOEXEC = 0x4;
/** Flags of close_range(2) by name. */
export const CLOSE_RANGE_FLAGS = {
  CLOSE_RANGE_UNSHARE,
  CLOSE_RANGE_CLOEXEC,
} as const;

// flock(2).
export const LOCK_SH = 1;
export const LOCK_EX = 2;
export const LOCK_NB = 4;
export const LOCK_UN = 8;
/** Operations of flock(2) by name. */
export const LOCKS = {
  LOCK_SH,
  LOCK_EX,
  LOCK_NB,
  LOCK_UN,
} as const;

// lseek(2).
export const SEEK_SET = 0;
export const SEEK_CUR = 1;
export const SEEK_END = 2;
/** Origins of lseek(2) by name. */
export const SEEKS = {
  SEEK_SET,
  SEEK_CUR,
  SEEK_END,
} as const;

// sync_file_range(2); source <linux/fs.h>.
export const SYNC_FILE_RANGE_WRITE = 2;

// fallocate(2); source <linux/falloc.h>.
export const FALLOC_FL_KEEP_SIZE = 0x1;

// renameat2(2); source <linux/fs.h>.
export const RENAME_NOREPLACE = 0x1;
export const RENAME_EXCHANGE = 0x2;
export const RENAME_WHITEOUT = 0x4;
/** Flags of renameat2(2) by name. */
export const RENAME_FLAGS = {
  RENAME_NOREPLACE,
  RENAME_EXCHANGE,
  RENAME_WHITEOUT,
} as const;

/**
 * Open flags by name, larger bits first where one flag contains another (O_SYNC holds O_DSYNC, O_TMPFILE holds
 * O_DIRECTORY), so that a printer that takes away what it has printed names each once.
 */
export const OPEN_FLAGS = {
  O_CREAT,
  O_EXCL,
  O_NOCTTY,
  O_TRUNC,
  O_APPEND,
  O_NONBLOCK,
  O_SYNC,
  O_DSYNC,
  O_ASYNC,
  O_DIRECT,
  O_LARGEFILE,
  O_NOFOLLOW,
  O_NOATIME,
  O_CLOEXEC,
  O_PATH,
  O_TMPFILE,
  O_DIRECTORY,
} as const;

/** Flags of the *at calls by name. */
export const AT_FLAGS = {
  AT_SYMLINK_NOFOLLOW,
  AT_REMOVEDIR,
  AT_SYMLINK_FOLLOW,
  AT_NO_AUTOMOUNT,
  AT_EMPTY_PATH,
  AT_RECURSIVE,
} as const;

/** O_DIRECTORY, O_NOFOLLOW, O_DIRECT and O_LARGEFILE on aarch64; source: its <asm/fcntl.h>. */
export const AARCH64_OPEN_FLAGS = {
  O_DIRECTORY: 0o40000,
  O_NOFOLLOW: 0o100000,
  O_DIRECT: 0o200000,
  O_LARGEFILE: 0o400000,
} as const;

/** Open flags as this file spells them (x86_64) → as aarch64 wants them. */
export function openFlagsOfAarch64(flags: number): number {
  let out = flags & ~(O_DIRECTORY | O_NOFOLLOW | O_DIRECT | O_LARGEFILE);
  for (const [name, bit] of Object.entries({ O_DIRECTORY, O_NOFOLLOW, O_DIRECT, O_LARGEFILE })) {
    if (flags & bit) out |= AARCH64_OPEN_FLAGS[name as keyof typeof AARCH64_OPEN_FLAGS];
  }
  return out;
}
