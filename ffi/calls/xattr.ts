/** Extended attributes. setxattr(2), getxattr(2). */
import type { Cell, Syscall, Word } from "./call.ts";
import { cString, syscall } from "./record.ts";
import { showBuffer, showFlags, showPointer, showString, showWord } from "./show.ts";

/**
 * `fsetxattr(2)`: sets an extended attribute of an open file.
 *
 * Header  include/uapi/linux/xattr.h
 * Since   Linux 2.6
 * Needs   to own the file for `user.`, CAP_SYS_ADMIN for `trusted.`, CAP_SETFCAP for `security.capability`
 * Errors  EPERM    the name's class is not ours to set, or `user.` on something else than a file or directory
 *         ENOTSUP  the file system keeps none of this class
 *         E2BIG    longer than the kernel takes
 * @see https://man7.org/linux/man-pages/man2/setxattr.2.html
 */
export function fsetxattr(args: { fd: Word; name: string; value: Uint8Array }): Syscall {
  const { fd, name, value } = args;
  return syscall("fsetxattr", {
    words: [fd, cString(name), { bytes: value }, value.length, 0],
    text: () => [
      showWord(fd),
      showString(name),
      showBuffer(value),
      String(value.length),
      showFlags(0, {}),
    ],
  });
}

/**
 * `fgetxattr(2)`: the value of an extended attribute of an open file into `value`; the result is its length.
 *
 * Header  include/uapi/linux/xattr.h
 * Since   Linux 2.6
 * Needs   nothing for `user.`, CAP_SYS_ADMIN for `trusted.`
 * Errors  ENODATA  the file has no such attribute
 *         ERANGE   it is longer than `size`
 * @see https://man7.org/linux/man-pages/man2/getxattr.2.html
 */
export function fgetxattr(args: { fd: Word; name: string; value: Cell; size: number }): Syscall {
  const { fd, name, value, size } = args;
  return syscall("fgetxattr", {
    words: [fd, cString(name), value, size],
    text: () => [showWord(fd), showString(name), showPointer(value), String(size)],
  });
}
