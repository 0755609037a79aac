/**
 * File types, permission bits, and struct statx.
 *
 * Source: <linux/stat.h>; inode(7), statx(2).
 */
import { defineStruct } from "./struct.ts";

// File types: one number in the bits of S_IFMT.
export const S_IFMT = 0o170000;
export const S_IFSOCK = 0o140000;
export const S_IFLNK = 0o120000;
export const S_IFREG = 0o100000;
export const S_IFBLK = 0o60000;
export const S_IFDIR = 0o40000;
export const S_IFCHR = 0o20000;
export const S_IFIFO = 0o10000;
/** S_IFMT and the file types by name. */
export const FILE_TYPES = {
  S_IFMT,
  S_IFSOCK,
  S_IFLNK,
  S_IFREG,
  S_IFBLK,
  S_IFDIR,
  S_IFCHR,
  S_IFIFO,
} as const;

// Permission bits above rwx.
export const S_ISUID = 0o4000;
export const S_ISGID = 0o2000;
export const S_ISVTX = 0o1000;

// statx(2): what is wanted.
export const STATX_TYPE = 0x1;
export const STATX_MODE = 0x2;
export const STATX_NLINK = 0x4;
export const STATX_UID = 0x8;
export const STATX_GID = 0x10;
export const STATX_ATIME = 0x20;
export const STATX_MTIME = 0x40;
export const STATX_CTIME = 0x80;
export const STATX_INO = 0x100;
export const STATX_SIZE = 0x200;
export const STATX_BLOCKS = 0x400;
export const STATX_BTIME = 0x800;
export const STATX_MNT_ID = 0x1000;
export const STATX_DIOALIGN = 0x2000;
export const STATX_MNT_ID_UNIQUE = 0x4000;
export const STATX_SUBVOL = 0x8000;
export const STATX_WRITE_ATOMIC = 0x10000;
export const STATX_DIO_READ_ALIGN = 0x20000;
/** What statx(2) can be asked for, by name. */
export const STATX_MASK = {
  STATX_TYPE,
  STATX_MODE,
  STATX_NLINK,
  STATX_UID,
  STATX_GID,
  STATX_ATIME,
  STATX_MTIME,
  STATX_CTIME,
  STATX_INO,
  STATX_SIZE,
  STATX_BLOCKS,
  STATX_BTIME,
  STATX_MNT_ID,
  STATX_DIOALIGN,
  STATX_MNT_ID_UNIQUE,
  STATX_SUBVOL,
  STATX_WRITE_ATOMIC,
  STATX_DIO_READ_ALIGN,
} as const;
export const STATX_BASIC_STATS = 0x7ff;

// stx_attributes.
export const STATX_ATTR_COMPRESSED = 0x4;
export const STATX_ATTR_IMMUTABLE = 0x10;
export const STATX_ATTR_APPEND = 0x20;
export const STATX_ATTR_NODUMP = 0x40;
export const STATX_ATTR_ENCRYPTED = 0x800;
export const STATX_ATTR_AUTOMOUNT = 0x1000;
export const STATX_ATTR_MOUNT_ROOT = 0x2000;
export const STATX_ATTR_VERITY = 0x100000;
export const STATX_ATTR_DAX = 0x200000;

/** utimensat(2), instead of nanoseconds: the time of the call; the time stays. */
export const UTIME_NOW = 0x3fffffff;
export const UTIME_OMIT = 0x3ffffffe;

/** struct statx, as far as containerv reads it. */
export const STATX = defineStruct({
  c: "struct statx",
  size: 256,
  fields: [
    ["stx_mask", "u32"],
    ["stx_blksize", "u32"],
    ["stx_attributes", "u64"],
    ["stx_nlink", "u32"],
    ["stx_uid", "u32"],
    ["stx_gid", "u32"],
    ["stx_mode", "u16"],
    ["__spare0", "u16"],
    ["stx_ino", "u64"],
    ["stx_size", "u64"],
    ["stx_blocks", "u64"],
    ["stx_attributes_mask", "u64"],
    ["stx_atime_sec", "i64"],
    ["stx_atime_nsec", "u32"],
    ["__reserved_atime", "i32"],
    ["stx_btime_sec", "i64"],
    ["stx_btime_nsec", "u32"],
    ["__reserved_btime", "i32"],
    ["stx_ctime_sec", "i64"],
    ["stx_ctime_nsec", "u32"],
    ["__reserved_ctime", "i32"],
    ["stx_mtime_sec", "i64"],
    ["stx_mtime_nsec", "u32"],
    ["__reserved_mtime", "i32"],
    ["stx_rdev_major", "u32"],
    ["stx_rdev_minor", "u32"],
    ["stx_dev_major", "u32"],
    ["stx_dev_minor", "u32"],
    ["stx_mnt_id", "u64"],
    ["stx_dio_mem_align", "u32"],
    ["stx_dio_offset_align", "u32"],
    ["__spare3", { bytes: 96, align: 8 }],
  ],
});

/** Offsets of the words of struct statx that say which file it is and when it last changed; the second half of nanoseconds is zero. */
export const STAMP_WORDS: readonly number[] = ([
  "stx_ino",
  "stx_size",
  "stx_ctime_sec",
  "stx_ctime_nsec",
  "stx_mtime_sec",
  "stx_mtime_nsec",
  "stx_dev_major",
] as const).map((name) => STATX.fields[name].offset);

/** Device number of mknod(2), as the kernel's new_encode_dev: 12 bits major, 20 bits minor. */
export function makedev(major: number, minor: number): number {
  if (!(major >= 0 && major < 1 << 12 && minor >= 0 && minor < 1 << 20)) {
    throw new RangeError(`no device number has major ${major} and minor ${minor}`);
  }
  return ((minor & 0xff) | (major << 8) | ((minor & ~0xff) << 12)) >>> 0;
}
