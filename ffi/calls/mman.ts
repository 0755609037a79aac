/** Memory. mmap(2). */
import { MAP_ANONYMOUS, MAP_FLAGS, PROT_NONE, PROTECTIONS } from "../abi/mman.ts";
import type { Syscall, Word } from "./call.ts";
import { NULL, syscall } from "./record.ts";
import { showFlags, showPointer, showWord } from "./show.ts";

const showProtection = (prot: number): string =>
  prot === PROT_NONE ? "PROT_NONE" : showFlags(prot, PROTECTIONS);

/**
 * `mmap(2)`: maps memory; the result is its address.
 *
 * Header  include/uapi/asm-generic/mman-common.h
 * Since   Linux 1.0
 * Needs   nothing
 * Errors  ENOMEM  no room, or too many mappings
 *         EPERM   PROT_WRITE shared on a file that is sealed against writing
 *         EACCES  the descriptor is not open for what prot wants
 * @see https://man7.org/linux/man-pages/man2/mmap.2.html
 */
export function mmap(
  args: { addr?: Word; length: Word; prot: number; flags: number; fd?: Word; offset?: Word },
): Syscall {
  const { addr = NULL, length, prot, flags, offset = 0 } = args;
  const fd = args.fd ?? -1;
  if (args.fd === undefined && (flags & MAP_ANONYMOUS) === 0) {
    throw new RangeError("mmap: a mapping without fd is MAP_ANONYMOUS");
  }
  return syscall("mmap", {
    words: [addr, length, prot, flags, fd, offset],
    text: () => [
      showPointer(addr),
      showWord(length),
      showProtection(prot),
      showFlags(flags, MAP_FLAGS),
      showWord(fd),
      typeof offset === "number" && offset !== 0 ? `0x${offset.toString(16)}` : showWord(offset),
    ],
  });
}

/**
 * `munmap(2)`: gives mapped memory back.
 *
 * Header  include/linux/syscalls.h
 * Since   Linux 1.0
 * Needs   nothing
 * Errors  EINVAL  addr is not on a page boundary
 * @see https://man7.org/linux/man-pages/man2/munmap.2.html
 */
export function munmap(args: { addr: Word; length: Word }): Syscall {
  const { addr, length } = args;
  return syscall("munmap", {
    words: [addr, length],
    text: () => [showPointer(addr), showWord(length)],
  });
}

/**
 * `mprotect(2)`: changes what may be done with mapped memory.
 *
 * Header  include/uapi/asm-generic/mman-common.h
 * Since   Linux 1.0
 * Needs   nothing
 * Errors  EACCES  PROT_EXEC where it is forbidden (PR_SET_MDWE, SELinux execmem)
 *         ENOMEM  a part is not mapped
 * @see https://man7.org/linux/man-pages/man2/mprotect.2.html
 */
export function mprotect(args: { addr: Word; length: Word; prot: number }): Syscall {
  const { addr, length, prot } = args;
  return syscall("mprotect", {
    words: [addr, length, prot],
    text: () => [showPointer(addr), showWord(length), showProtection(prot)],
  });
}
