/** Mounts, attached, cloned and changed; the file systems to be mounted are made in fsopen.ts. mount(2), open_tree(2). */
import { AT_FDCWD, AT_FLAGS } from "../abi/fcntl.ts";
import {
  MOUNT_ATTR,
  MOUNT_ATTRIBUTES,
  MOUNT_FLAGS,
  MOVE_MOUNT_FLAGS,
  OPEN_TREE_CLOEXEC,
  OPEN_TREE_CLONE,
  UMOUNT_FLAGS,
} from "../abi/mount.ts";
import type { Syscall, Word } from "./call.ts";
import { cString, struct, syscall } from "./record.ts";
import { showDirfd, showFlags, showString, showStruct, showWord } from "./show.ts";

export * from "./fsopen.ts";

/**
 * `mount(2)`: the old way: mounts, binds, remounts, moves, or changes propagation, as `mountflags` says.
 *
 * Used for what the new API can't do on every kernel: propagation of the whole tree, and long overlay options.
 *
 * Header  include/uapi/linux/mount.h
 * Since   Linux 1.0
 * Needs   CAP_SYS_ADMIN over the mount namespace
 * Errors  EINVAL  an option or a combination that the kernel or file system does not take; target is no mount point
 *         EPERM   no CAP_SYS_ADMIN, or locked in a less privileged namespace
 *         EBUSY   remount read-only while files are open for writing
 * @see https://man7.org/linux/man-pages/man2/mount.2.html
 */
export function mount(
  args: {
    source?: string;
    target: string;
    filesystemtype?: string;
    mountflags: number | bigint;
    data?: string;
  },
): Syscall {
  const { source, target, filesystemtype, mountflags, data } = args;
  return syscall("mount", {
    words: [
      cString(source),
      cString(target),
      cString(filesystemtype),
      mountflags,
      cString(data),
    ],
    text: () => [
      showString(source),
      showString(target),
      showString(filesystemtype),
      showFlags(mountflags, MOUNT_FLAGS),
      showString(data),
    ],
  });
}

/**
 * `umount2(2)`: takes a mount away; MNT_DETACH at once, although it is busy.
 *
 * Header  include/linux/fs.h
 * Since   Linux 2.1.116
 * Needs   CAP_SYS_ADMIN over the mount namespace
 * Errors  EBUSY   files are open and MNT_DETACH was not given
 *         EINVAL  no mount point, or locked in a less privileged namespace
 * @see https://man7.org/linux/man-pages/man2/umount.2.html
 */
export function umount2(args: { target: string; flags: number }): Syscall {
  const { target, flags } = args;
  return syscall("umount2", {
    words: [cString(target), flags],
    text: () => [showString(target), showFlags(flags, UMOUNT_FLAGS)],
  });
}

/**
 * `open_tree(2)`: a descriptor for the mount at a path, or with OPEN_TREE_CLONE for a detached copy of it.
 *
 * A detached copy disappears with its descriptor, so a runner that dies leaves nothing behind.
 *
 * Header  include/uapi/linux/mount.h
 * Since   Linux 5.2
 * Needs   CAP_SYS_ADMIN over the mount namespace for OPEN_TREE_CLONE
 * Errors  EINVAL  the mount can't be cloned (unbindable; locked children without AT_RECURSIVE)
 *         ENOENT  the path is not there
 * @see https://man7.org/linux/man-pages/man2/open_tree.2.html
 */
export function openTree(args: { dirfd?: Word; pathname: string; flags: number }): Syscall {
  const { dirfd = AT_FDCWD, pathname, flags } = args;
  return syscall("open_tree", {
    words: [dirfd, cString(pathname), flags],
    text: () => [
      showDirfd(dirfd),
      showString(pathname),
      showFlags(flags, { OPEN_TREE_CLONE, OPEN_TREE_CLOEXEC, ...AT_FLAGS }),
    ],
  });
}

/**
 * `move_mount(2)`: attaches a detached mount at a path, or moves one.
 *
 * Used instead of mount(2) because both ends can be descriptors: no path of the container is looked up twice.
 *
 * Header  include/uapi/linux/mount.h
 * Since   Linux 5.2 (MOVE_MOUNT_BENEATH 6.5)
 * Needs   CAP_SYS_ADMIN over the mount namespace
 * Errors  EINVAL   the source is no mount, or the target is on a tree that is still detached (before 6.15)
 *         ENOTDIR  one end is a directory, the other is not
 * @see https://man7.org/linux/man-pages/man2/move_mount.2.html
 */
export function moveMount(
  args: {
    fromDirfd: Word;
    fromPathname: string;
    toDirfd?: Word;
    toPathname: string;
    flags: number;
  },
): Syscall {
  const { fromDirfd, fromPathname, toDirfd = AT_FDCWD, toPathname, flags } = args;
  return syscall("move_mount", {
    words: [fromDirfd, cString(fromPathname), toDirfd, cString(toPathname), flags],
    text: () => [
      showDirfd(fromDirfd),
      showString(fromPathname),
      showDirfd(toDirfd),
      showString(toPathname),
      showFlags(flags, MOVE_MOUNT_FLAGS),
    ],
  });
}

/**
 * `mount_setattr(2)`: changes attributes and propagation of a mount, with AT_RECURSIVE of all below, or of none of them.
 *
 * Header  include/uapi/linux/mount.h
 * Since   Linux 5.12 (MOUNT_ATTR_IDMAP needs the file system's support)
 * Needs   CAP_SYS_ADMIN over the mount namespace; MOUNT_ATTR_IDMAP also over the file system's user namespace
 * Errors  EINVAL  no mount point, or an id-mapped mount that is not detached
 *         EPERM   an attribute is locked in a less privileged namespace
 * @see https://man7.org/linux/man-pages/man2/mount_setattr.2.html
 */
export function mountSetattr(
  args: {
    dirfd?: Word;
    pathname: string;
    flags: number;
    attrSet?: number | bigint;
    attrClr?: number | bigint;
    propagation?: number | bigint;
    usernsFd?: Word;
  },
): Syscall {
  const { dirfd = AT_FDCWD, pathname, flags } = args;
  const { attrSet = 0, attrClr = 0, propagation = 0, usernsFd = 0 } = args;
  const attr = struct(MOUNT_ATTR, {
    attr_set: attrSet,
    attr_clr: attrClr,
    propagation,
    userns_fd: usernsFd,
  });
  return syscall("mount_setattr", {
    words: [dirfd, cString(pathname), flags, attr, MOUNT_ATTR.size],
    text: () => [
      showDirfd(dirfd),
      showString(pathname),
      showFlags(flags, AT_FLAGS),
      showStruct({
        attr_set: showFlags(attrSet, MOUNT_ATTRIBUTES),
        attr_clr: showFlags(attrClr, MOUNT_ATTRIBUTES),
        propagation: showFlags(propagation, MOUNT_FLAGS),
        userns_fd: showWord(usernsFd),
      }),
      String(MOUNT_ATTR.size),
    ],
  });
}

/**
 * `pivot_root(2)`: makes `newRoot` the root and puts the old one at `putOld`. (".", ".") stacks the two.
 *
 * Header  include/linux/syscalls.h
 * Since   Linux 2.3.41
 * Needs   CAP_SYS_ADMIN over the mount namespace
 * Errors  EINVAL  newRoot is no mount point, or a mount involved is shared, or the current root is the initramfs
 *         EBUSY   newRoot or putOld is on the current root's mount
 * @see https://man7.org/linux/man-pages/man2/pivot_root.2.html
 */
export function pivotRoot(args: { newRoot: string; putOld: string }): Syscall {
  const { newRoot, putOld } = args;
  return syscall("pivot_root", {
    words: [cString(newRoot), cString(putOld)],
    text: () => [showString(newRoot), showString(putOld)],
  });
}

/**
 * `chroot(2)`: changes the root directory only; no barrier against root. pivot_root is what isolates.
 *
 * Header  include/linux/syscalls.h
 * Since   Linux 1.0
 * Needs   CAP_SYS_CHROOT
 * Errors  EPERM  no CAP_SYS_CHROOT
 * @see https://man7.org/linux/man-pages/man2/chroot.2.html
 */
export function chroot(args: { path: string }): Syscall {
  return syscall("chroot", { words: [cString(args.path)], text: () => [showString(args.path)] });
}
