/** Keys that the kernel keeps for processes. keyctl(2). */
import { KEYCTL_JOIN_SESSION_KEYRING } from "../abi/keyctl.ts";
import type { Syscall } from "./call.ts";
import { NULL, syscall } from "./record.ts";

/**
 * `keyctl(2)`, KEYCTL_JOIN_SESSION_KEYRING: a new session keyring without a name, in place of the one that was inherited; the result
 * is its number.
 *
 * Header  include/uapi/linux/keyctl.h
 * Since   Linux 2.6.10
 * Needs   nothing
 * Errors  ENOSYS  a kernel without keyrings
 *         EDQUOT  the user has as many keys as /proc/sys/kernel/keys/maxkeys permits
 * @see https://man7.org/linux/man-pages/man2/keyctl.2.html
 */
export function keyctlJoinSessionKeyring(): Syscall {
  return syscall("keyctl", {
    words: [KEYCTL_JOIN_SESSION_KEYRING, NULL],
    text: () => ["KEYCTL_JOIN_SESSION_KEYRING", "NULL"],
  });
}
