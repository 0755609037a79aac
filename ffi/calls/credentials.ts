/** User and group ids of the calling thread. setresuid(2), setgroups(2). */
import type { Syscall, Word } from "./call.ts";
import { NULL, syscall, uint32s } from "./record.ts";
import { showArray, showId } from "./show.ts";

/**
 * `setresuid(2)`: real, effective and saved user id; 0xffffffff leaves one as it is.
 *
 * Leaving 0 takes the capabilities away (unless PR_SET_KEEPCAPS) and sets dumpable to /proc/sys/fs/suid_dumpable.
 *
 * Header  include/linux/syscalls.h
 * Since   Linux 2.1.44
 * Needs   CAP_SETUID for ids that the caller does not have
 * Errors  EPERM   no CAP_SETUID
 *         EINVAL  an id is not mapped in the user namespace
 * @see https://man7.org/linux/man-pages/man2/setresuid.2.html
 */
export function setresuid(args: { ruid: Word; euid: Word; suid: Word }): Syscall {
  const words = [args.ruid, args.euid, args.suid];
  return syscall("setresuid", { words, text: () => words.map(showId) });
}

/**
 * `setresgid(2)`: real, effective and saved group id; 0xffffffff leaves one as it is.
 *
 * Header  include/linux/syscalls.h
 * Since   Linux 2.1.44
 * Needs   CAP_SETGID for ids that the caller does not have
 * Errors  EPERM   no CAP_SETGID
 *         EINVAL  an id is not mapped in the user namespace
 * @see https://man7.org/linux/man-pages/man2/setresgid.2.html
 */
export function setresgid(args: { rgid: Word; egid: Word; sgid: Word }): Syscall {
  const words = [args.rgid, args.egid, args.sgid];
  return syscall("setresgid", { words, text: () => words.map(showId) });
}

/**
 * `setgroups(2)`: exactly these supplementary groups.
 *
 * Header  include/linux/syscalls.h
 * Since   Linux 1.0
 * Needs   CAP_SETGID
 * Errors  EPERM   no CAP_SETGID, or /proc/PID/setgroups says "deny"
 *         EINVAL  more than 65536, or an id that is not mapped
 * @see https://man7.org/linux/man-pages/man2/setgroups.2.html
 */
export function setgroups(args: { list: readonly number[] }): Syscall {
  const { list } = args;
  const empty = list.length === 0;
  return syscall("setgroups", {
    words: [list.length, empty ? NULL : uint32s(list)],
    text: () => [String(list.length), empty ? "NULL" : showArray(list.map(String))],
  });
}

/**
 * `setfsuid(2)`: the user id of this thread alone, for files alone. The result is the one before; it never fails. Leaving 0 takes the
 * capabilities that are about files out of the effective set, coming back to 0 puts them in again.
 *
 * Header  include/linux/syscalls.h
 * Since   Linux 1.2
 * Needs   CAP_SETUID for ids that the caller does not have
 * @see https://man7.org/linux/man-pages/man2/setfsuid.2.html
 */
export function setfsuid(args: { fsuid: Word }): Syscall {
  return syscall("setfsuid", { words: [args.fsuid], text: () => [showId(args.fsuid)] });
}

/**
 * `setfsgid(2)`: as setfsuid, for the group id.
 *
 * Header  include/linux/syscalls.h
 * Since   Linux 1.2
 * Needs   CAP_SETGID for ids that the caller does not have
 * @see https://man7.org/linux/man-pages/man2/setfsgid.2.html
 */
export function setfsgid(args: { fsgid: Word }): Syscall {
  return syscall("setfsgid", { words: [args.fsgid], text: () => [showId(args.fsgid)] });
}
