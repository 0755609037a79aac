/** System-call filters. seccomp(2). */
import { SECCOMP_FILTER_FLAGS, SECCOMP_SET_MODE_FILTER, SOCK_FPROG } from "../abi/seccomp.ts";
import type { Syscall } from "./call.ts";
import { struct, syscall } from "./record.ts";
import { showFlags } from "./show.ts";

/** Bytes of one struct sock_filter: u16 code, u8 jt, u8 jf, u32 k. */
const SOCK_FILTER_SIZE = 8;

/**
 * `seccomp(2)` with SECCOMP_SET_MODE_FILTER: adds a filter to the calling thread, for ever. `filter` is a classic BPF
 * program, 8 bytes an instruction. With SECCOMP_FILTER_FLAG_NEW_LISTENER the result is the listener's descriptor.
 *
 * Header  include/uapi/linux/seccomp.h
 * Since   Linux 3.17
 * Needs   no_new_privs, or CAP_SYS_ADMIN in its user namespace
 * Errors  EACCES  neither of them
 *         EINVAL  no valid program, longer than 4096 instructions, or an unknown flag
 *         EBUSY   a second listener
 * @see https://man7.org/linux/man-pages/man2/seccomp.2.html
 */
export function seccompSetModeFilter(args: { flags: number; filter: Uint8Array }): Syscall {
  const { flags, filter } = args;
  const length = filter.length / SOCK_FILTER_SIZE;
  if (!Number.isInteger(length) || length < 1 || length > 4096) {
    throw new RangeError(
      `a filter has 1 to 4096 instructions of 8 bytes, not ${filter.length} bytes`,
    );
  }
  return syscall("seccomp", {
    words: [
      SECCOMP_SET_MODE_FILTER,
      flags,
      struct(SOCK_FPROG, { len: length, filter: { bytes: filter } }),
    ],
    text: () => [
      "SECCOMP_SET_MODE_FILTER",
      showFlags(flags, SECCOMP_FILTER_FLAGS),
      `{len=${length}, filter=…}`,
    ],
  });
}
