/** The machine's names, as the UTS namespace holds them. sethostname(2). */
import { cstr } from "../abi/text.ts";
import type { Syscall } from "./call.ts";
import { syscall } from "./record.ts";
import { showString } from "./show.ts";

function setName(call: string, name: string): Syscall {
  // The kernel takes a length, but the name must not hold a NUL either: uname(2) would cut it.
  const bytes = cstr(name);
  const length = bytes.length - 1;
  return syscall(call, {
    words: [{ bytes }, length],
    text: () => [showString(name), String(length)],
  });
}

/**
 * `sethostname(2)`: the host's name, at most 64 bytes.
 *
 * Header  include/uapi/linux/utsname.h
 * Since   Linux 1.0
 * Needs   CAP_SYS_ADMIN over the UTS namespace
 * Errors  EINVAL  longer than 64 bytes
 *         EPERM   no CAP_SYS_ADMIN
 * @see https://man7.org/linux/man-pages/man2/sethostname.2.html
 */
export function sethostname(args: { name: string }): Syscall {
  return setName("sethostname", args.name);
}

/**
 * `setdomainname(2)`: the NIS domain name, at most 64 bytes.
 *
 * Header  include/uapi/linux/utsname.h
 * Since   Linux 1.0
 * Needs   CAP_SYS_ADMIN over the UTS namespace
 * Errors  EINVAL  longer than 64 bytes
 *         EPERM   no CAP_SYS_ADMIN
 * @see https://man7.org/linux/man-pages/man2/setdomainname.2.html
 */
export function setdomainname(args: { name: string }): Syscall {
  return setName("setdomainname", args.name);
}
