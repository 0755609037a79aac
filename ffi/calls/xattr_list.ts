/** Names of extended attributes. listxattr(2). */
import type { Cell, Syscall, Word } from "./call.ts";
import { syscall } from "./record.ts";
import { showPointer, showWord } from "./show.ts";

/**
 * `flistxattr(2)`: the names of an open file's extended attributes into `list`, each with a NUL behind it; the result is how many
 * bytes they are.
 *
 * Header  include/uapi/linux/xattr.h
 * Since   Linux 2.6
 * Needs   CAP_SYS_ADMIN for names of the class `trusted.` to be among them
 * Errors  ERANGE   they are longer than `size`
 *         ENOTSUP  the file system keeps none
 * @see https://man7.org/linux/man-pages/man2/listxattr.2.html
 */
export function flistxattr(args: { fd: Word; list: Cell; size: number }): Syscall {
  const { fd, list, size } = args;
  return syscall("flistxattr", {
    words: [fd, list, size],
    text: () => [showWord(fd), showPointer(list), String(size)],
  });
}
