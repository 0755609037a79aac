/**
 * What statfs(2) says about the kind of a file system.
 *
 * Source: <linux/magic.h>; statfs(2).
 */
import { defineStruct } from "./struct.ts";

// f_type.
export const TMPFS_MAGIC = 0x1021994;
export const PROC_SUPER_MAGIC = 0x9fa0;
export const SYSFS_MAGIC = 0x62656572;
export const CGROUP_SUPER_MAGIC = 0x27e0eb;
export const CGROUP2_SUPER_MAGIC = 0x63677270;
export const OVERLAYFS_SUPER_MAGIC = 0x794c7630;
export const EXT4_SUPER_MAGIC = 0xef53;
export const XFS_SUPER_MAGIC = 0x58465342;
export const BTRFS_SUPER_MAGIC = 0x9123683e;
export const SQUASHFS_MAGIC = 0x73717368;
export const EROFS_SUPER_MAGIC_V1 = 0xe0f5e1e2;
export const NFS_SUPER_MAGIC = 0x6969;
export const FUSE_SUPER_MAGIC = 0x65735546;
export const RAMFS_MAGIC = 0x858458f6;
export const DEVPTS_SUPER_MAGIC = 0x1cd1;
export const NSFS_MAGIC = 0x6e736673;
export const PID_FS_MAGIC = 0x50494446;
export const BPF_FS_MAGIC = 0xcafe4a11;
export const SECURITYFS_MAGIC = 0x73636673;
export const DEBUGFS_MAGIC = 0x64626720;
export const TRACEFS_MAGIC = 0x74726163;
/** f_type by name. */
export const FILESYSTEM_MAGIC = {
  TMPFS_MAGIC,
  PROC_SUPER_MAGIC,
  SYSFS_MAGIC,
  CGROUP_SUPER_MAGIC,
  CGROUP2_SUPER_MAGIC,
  OVERLAYFS_SUPER_MAGIC,
  EXT4_SUPER_MAGIC,
  XFS_SUPER_MAGIC,
  BTRFS_SUPER_MAGIC,
  SQUASHFS_MAGIC,
  EROFS_SUPER_MAGIC_V1,
  NFS_SUPER_MAGIC,
  FUSE_SUPER_MAGIC,
  RAMFS_MAGIC,
  DEVPTS_SUPER_MAGIC,
  NSFS_MAGIC,
  PID_FS_MAGIC,
  BPF_FS_MAGIC,
  SECURITYFS_MAGIC,
  DEBUGFS_MAGIC,
  TRACEFS_MAGIC,
} as const;

/** struct statfs (the kernel's, of a 64-bit architecture) */
export const STATFS = defineStruct({
  c: "struct statfs",
  size: 120,
  fields: [
    ["f_type", "i64"],
    ["f_bsize", "i64"],
    ["f_blocks", "u64"],
    ["f_bfree", "u64"],
    ["f_bavail", "u64"],
    ["f_files", "u64"],
    ["f_ffree", "u64"],
    ["f_fsid", "u64"],
    ["f_namelen", "i64"],
    ["f_frsize", "i64"],
    ["f_flags", "i64"],
    ["f_spare", { bytes: 32, align: 8 }],
  ],
});
