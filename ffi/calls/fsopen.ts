/** File systems made step by step: context, parameters, superblock, mount. fsopen(2), fsconfig(2), fsmount(2). */
import { AT_FDCWD } from "../abi/fcntl.ts";
import {
  FSCONFIG_CMD_CREATE,
  FSCONFIG_CMD_RECONFIGURE,
  FSCONFIG_COMMANDS,
  FSCONFIG_SET_FD,
  FSCONFIG_SET_FLAG,
  FSCONFIG_SET_STRING,
  FSMOUNT_CLOEXEC,
  FSOPEN_CLOEXEC,
  FSPICK_FLAGS,
  MOUNT_ATTRIBUTES,
} from "../abi/mount.ts";
import type { Syscall, Word } from "./call.ts";
import { cString, NULL, syscall } from "./record.ts";
import { showDirfd, showFlags, showName, showString, showWord } from "./show.ts";

/**
 * `fsopen(2)`: a context for a new file system of type `fsname`; the result is its descriptor.
 *
 * After a failure of a later step, read(2) on it gives the reason in words.
 *
 * Header  include/uapi/linux/mount.h
 * Since   Linux 5.2
 * Needs   CAP_SYS_ADMIN over the mount namespace
 * Errors  ENODEV  the kernel has no such file system
 *         EPERM   no CAP_SYS_ADMIN, or the type can't be mounted in a user namespace
 * @see https://man7.org/linux/man-pages/man2/fsopen.2.html
 */
export function fsopen(args: { fsname: string; flags: number }): Syscall {
  const { fsname, flags } = args;
  return syscall("fsopen", {
    words: [cString(fsname), flags],
    text: () => [showString(fsname), showFlags(flags, { FSOPEN_CLOEXEC })],
  });
}

/**
 * `fspick(2)`: a context that reconfigures the file system mounted at a path; the result is its descriptor.
 *
 * Header  include/uapi/linux/mount.h
 * Since   Linux 5.2
 * Needs   CAP_SYS_ADMIN over the mount namespace
 * Errors  EINVAL  the path is no mount point
 * @see https://man7.org/linux/man-pages/man2/fspick.2.html
 */
export function fspick(args: { dirfd?: Word; pathname: string; flags: number }): Syscall {
  const { dirfd = AT_FDCWD, pathname, flags } = args;
  return syscall("fspick", {
    words: [dirfd, cString(pathname), flags],
    text: () => [showDirfd(dirfd), showString(pathname), showFlags(flags, FSPICK_FLAGS)],
  });
}

interface Step {
  readonly fd: Word;
  readonly cmd: number;
  readonly key?: string;
  readonly value?: string;
  readonly aux?: Word;
}

function fsconfig(step: Step): Syscall {
  const { fd, cmd, key, value, aux = 0 } = step;
  return syscall("fsconfig", {
    words: [
      fd,
      cmd,
      cString(key),
      value === undefined ? NULL : cString(value),
      aux,
    ],
    text: () => [
      showWord(fd),
      showName(cmd, FSCONFIG_COMMANDS),
      showString(key),
      showString(value),
      showWord(aux),
    ],
  });
}

/**
 * `fsconfig(2)` with FSCONFIG_SET_FLAG: a parameter without a value, as `ro`.
 *
 * Header  include/uapi/linux/mount.h
 * Since   Linux 5.2
 * Needs   a context made by the same credentials
 * Errors  EINVAL  the file system has no such flag; the context's log says so
 * @see https://man7.org/linux/man-pages/man2/fsconfig.2.html
 */
export function fsconfigSetFlag(args: { fd: Word; key: string }): Syscall {
  return fsconfig({ ...args, cmd: FSCONFIG_SET_FLAG });
}

/**
 * `fsconfig(2)` with FSCONFIG_SET_STRING: a parameter with text of at most 255 bytes, as `size`.
 *
 * Header  include/uapi/linux/mount.h
 * Since   Linux 5.2
 * Needs   a context made by the same credentials
 * Errors  EINVAL  no such parameter, or a value that it does not take; the context's log says which
 * @see https://man7.org/linux/man-pages/man2/fsconfig.2.html
 */
export function fsconfigSetString(args: { fd: Word; key: string; value: string }): Syscall {
  return fsconfig({ ...args, cmd: FSCONFIG_SET_STRING });
}

/**
 * `fsconfig(2)` with FSCONFIG_SET_FD: a parameter that is an open file, as `lowerdir+` of an overlay.
 *
 * Header  include/uapi/linux/mount.h
 * Since   Linux 5.2 (overlay layers 6.13 or later)
 * Needs   a context made by the same credentials
 * Errors  EOPNOTSUPP  the parameter takes no descriptor on this kernel
 *         EBADF       not open, or opened with O_PATH where that is refused
 * @see https://man7.org/linux/man-pages/man2/fsconfig.2.html
 */
export function fsconfigSetFd(args: { fd: Word; key: string; value: Word }): Syscall {
  return fsconfig({ fd: args.fd, cmd: FSCONFIG_SET_FD, key: args.key, aux: args.value });
}

/**
 * `fsconfig(2)` with FSCONFIG_CMD_CREATE: makes the superblock from what was set.
 *
 * Header  include/uapi/linux/mount.h
 * Since   Linux 5.2
 * Needs   CAP_SYS_ADMIN in the user namespace that will own the file system
 * Errors  EINVAL  parameters that do not go together
 *         ELOOP   overlay layers that overlap
 *         EPERM   the file system can't be made in this user namespace
 * @see https://man7.org/linux/man-pages/man2/fsconfig.2.html
 */
export function fsconfigCreate(args: { fd: Word }): Syscall {
  return fsconfig({ ...args, cmd: FSCONFIG_CMD_CREATE });
}

/**
 * `fsconfig(2)` with FSCONFIG_CMD_RECONFIGURE: applies what was set to a context made by fspick.
 *
 * Header  include/uapi/linux/mount.h
 * Since   Linux 5.2
 * Needs   CAP_SYS_ADMIN in the user namespace that owns the file system
 * Errors  EINVAL  a parameter that can't be changed any more
 * @see https://man7.org/linux/man-pages/man2/fsconfig.2.html
 */
export function fsconfigReconfigure(args: { fd: Word }): Syscall {
  return fsconfig({ ...args, cmd: FSCONFIG_CMD_RECONFIGURE });
}

/**
 * `fsmount(2)`: a detached mount of the context's file system; the result is its descriptor.
 *
 * Header  include/uapi/linux/mount.h
 * Since   Linux 5.2
 * Needs   CAP_SYS_ADMIN over the mount namespace
 * Errors  EINVAL  the superblock is not made yet
 *         EPERM   proc or sysfs in a user namespace where a whole one is not visible any more
 * @see https://man7.org/linux/man-pages/man2/fsmount.2.html
 */
export function fsmount(
  args: { fd: Word; flags: number; attrFlags: number | bigint },
): Syscall {
  const { fd, flags, attrFlags } = args;
  return syscall("fsmount", {
    words: [fd, flags, attrFlags],
    text: () => [
      showWord(fd),
      showFlags(flags, { FSMOUNT_CLOEXEC }),
      showFlags(attrFlags, MOUNT_ATTRIBUTES),
    ],
  });
}
