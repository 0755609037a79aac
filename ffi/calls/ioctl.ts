/** Requests that belong to one kind of descriptor. ioctl(2). */
import { IFNAMSIZ, IFREQ_FLAGS, INTERFACE_FLAGS } from "../abi/if.ts";
import { IOCTLS, SIOCSIFFLAGS } from "../abi/ioctl.ts";
import { cstr } from "../abi/text.ts";
import type { Syscall, Word } from "./call.ts";
import { struct, syscall } from "./record.ts";
import { showFlags, showName, showPointer, showString, showStruct, showWord } from "./show.ts";

/**
 * `ioctl(2)`: a request with one argument, a number or an address.
 *
 * Header  include/uapi/asm-generic/ioctl.h
 * Since   Linux 1.0
 * Needs   what the request needs
 * Errors  ENOTTY  the descriptor's kind does not know the request
 * @see https://man7.org/linux/man-pages/man2/ioctl.2.html
 */
export function ioctl(args: { fd: Word; request: number; arg: Word }): Syscall {
  const { fd, request, arg } = args;
  return syscall("ioctl", {
    words: [fd, request, arg],
    text: () => [
      showWord(fd),
      showName(request, IOCTLS),
      typeof arg === "object" ? showPointer(arg) : showWord(arg),
    ],
  });
}

/**
 * `ioctl(2)` with SIOCSIFFLAGS: the flags of a network interface. Enough to bring `lo` up without netlink.
 *
 * Header  include/uapi/linux/sockios.h
 * Since   Linux 1.0
 * Needs   CAP_NET_ADMIN over the network namespace; any socket in it
 * Errors  ENODEV  no such interface
 *         EPERM   no CAP_NET_ADMIN
 * @see https://man7.org/linux/man-pages/man7/netdevice.7.html
 */
export function ioctlSiocsifflags(args: { fd: Word; name: string; flags: number }): Syscall {
  const { fd, name, flags } = args;
  const ifrName = cstr(name);
  if (ifrName.length > IFNAMSIZ) {
    throw new RangeError(`a network interface's name has at most ${IFNAMSIZ - 1} bytes: ${name}`);
  }
  return syscall("ioctl", {
    words: [fd, SIOCSIFFLAGS, struct(IFREQ_FLAGS, { ifr_name: ifrName, ifr_flags: flags })],
    text: () => [
      showWord(fd),
      "SIOCSIFFLAGS",
      showStruct({ ifr_name: showString(name), ifr_flags: showFlags(flags, INTERFACE_FLAGS) }),
    ],
  });
}
