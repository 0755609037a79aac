/** Landlock rules: what a process takes away from itself. landlock(7). */
import {
  LANDLOCK_ACCESS_FS,
  LANDLOCK_ACCESS_NET,
  LANDLOCK_CREATE_RULESET_FLAGS,
  LANDLOCK_CREATE_RULESET_VERSION,
  LANDLOCK_NET_PORT_ATTR,
  LANDLOCK_PATH_BENEATH_ATTR,
  LANDLOCK_RESTRICT_SELF_FLAGS,
  LANDLOCK_RULE_NET_PORT,
  LANDLOCK_RULE_PATH_BENEATH,
  LANDLOCK_RULESET_ATTR,
  LANDLOCK_SCOPES,
} from "../abi/landlock.ts";
import type { Syscall, Word } from "./call.ts";
import { NULL, struct, syscall } from "./record.ts";
import { showFlags, showStruct, showWord } from "./show.ts";

/**
 * `landlock_create_ruleset(2)`: a ruleset for these rights; the result is its descriptor. What older ABIs do not know
 * must be 0: only as many bytes are given as are needed.
 *
 * Header  include/uapi/linux/landlock.h
 * Since   Linux 5.13 (ports 6.7, scopes 6.12)
 * Needs   nothing
 * Errors  EOPNOTSUPP  Landlock is compiled in but switched off
 *         ENOMSG      no right at all
 *         EINVAL      a right that this ABI does not know
 *         E2BIG       a member that this ABI does not know
 * @see https://man7.org/linux/man-pages/man2/landlock_create_ruleset.2.html
 */
export function landlockCreateRuleset(
  args: { handledAccessFs?: bigint; handledAccessNet?: bigint; scoped?: bigint },
): Syscall {
  const { handledAccessFs = 0n, handledAccessNet = 0n, scoped = 0n } = args;
  const attr = struct(LANDLOCK_RULESET_ATTR, {
    handled_access_fs: handledAccessFs,
    handled_access_net: handledAccessNet,
    scoped,
  });
  const size = scoped !== 0n ? 24 : handledAccessNet !== 0n ? 16 : 8;
  return syscall("landlock_create_ruleset", {
    words: [{ bytes: attr.bytes.subarray(0, size) }, size, 0],
    text: () => [
      showStruct({
        handled_access_fs: showFlags(handledAccessFs, LANDLOCK_ACCESS_FS),
        handled_access_net: size < 16
          ? undefined
          : showFlags(handledAccessNet, LANDLOCK_ACCESS_NET),
        scoped: size < 24 ? undefined : showFlags(scoped, LANDLOCK_SCOPES),
      }),
      String(size),
      "0",
    ],
  });
}

/**
 * `landlock_create_ruleset(2)` with LANDLOCK_CREATE_RULESET_VERSION: the result is the newest ABI of the kernel.
 *
 * Header  include/uapi/linux/landlock.h
 * Since   Linux 5.13
 * Needs   nothing
 * Errors  EOPNOTSUPP  switched off at boot
 *         ENOSYS      not compiled in
 * @see https://man7.org/linux/man-pages/man2/landlock_create_ruleset.2.html
 */
export function landlockAbi(): Syscall {
  return syscall("landlock_create_ruleset", {
    words: [NULL, 0, LANDLOCK_CREATE_RULESET_VERSION],
    text: () => [
      "NULL",
      "0",
      showFlags(LANDLOCK_CREATE_RULESET_VERSION, LANDLOCK_CREATE_RULESET_FLAGS),
    ],
  });
}

/**
 * `landlock_add_rule(2)` with LANDLOCK_RULE_PATH_BENEATH: permits rights on a file or below a directory.
 *
 * Header  include/uapi/linux/landlock.h
 * Since   Linux 5.13
 * Needs   nothing
 * Errors  EINVAL  a right that the ruleset does not handle, or one for directories on a file
 *         EBADFD  parentFd is not of a file system that can be ruled (proc links)
 * @see https://man7.org/linux/man-pages/man2/landlock_add_rule.2.html
 */
export function landlockAddPath(
  args: { rulesetFd: Word; allowedAccess: bigint; parentFd: Word },
): Syscall {
  const { rulesetFd, allowedAccess, parentFd } = args;
  return syscall("landlock_add_rule", {
    words: [
      rulesetFd,
      LANDLOCK_RULE_PATH_BENEATH,
      struct(LANDLOCK_PATH_BENEATH_ATTR, { allowed_access: allowedAccess, parent_fd: parentFd }),
      0,
    ],
    text: () => [
      showWord(rulesetFd),
      "LANDLOCK_RULE_PATH_BENEATH",
      showStruct({
        allowed_access: showFlags(allowedAccess, LANDLOCK_ACCESS_FS),
        parent_fd: showWord(parentFd),
      }),
      "0",
    ],
  });
}

/**
 * `landlock_add_rule(2)` with LANDLOCK_RULE_NET_PORT: permits rights on one TCP port.
 *
 * Header  include/uapi/linux/landlock.h
 * Since   Linux 6.7
 * Needs   nothing
 * Errors  EINVAL        a right that the ruleset does not handle, or a port above 65535
 *         EAFNOSUPPORT  the kernel has no TCP
 * @see https://man7.org/linux/man-pages/man2/landlock_add_rule.2.html
 */
export function landlockAddPort(
  args: { rulesetFd: Word; allowedAccess: bigint; port: number },
): Syscall {
  const { rulesetFd, allowedAccess, port } = args;
  return syscall("landlock_add_rule", {
    words: [
      rulesetFd,
      LANDLOCK_RULE_NET_PORT,
      struct(LANDLOCK_NET_PORT_ATTR, { allowed_access: allowedAccess, port }),
      0,
    ],
    text: () => [
      showWord(rulesetFd),
      "LANDLOCK_RULE_NET_PORT",
      showStruct({
        allowed_access: showFlags(allowedAccess, LANDLOCK_ACCESS_NET),
        port: String(port),
      }),
      "0",
    ],
  });
}

/**
 * `landlock_restrict_self(2)`: puts the calling thread under the ruleset, for ever.
 *
 * Header  include/uapi/linux/landlock.h
 * Since   Linux 5.13 (flags 6.15)
 * Needs   no_new_privs, or CAP_SYS_ADMIN in its user namespace
 * Errors  EPERM  neither of them
 *         E2BIG  16 rulesets lie on each other already
 * @see https://man7.org/linux/man-pages/man2/landlock_restrict_self.2.html
 */
export function landlockRestrictSelf(args: { rulesetFd: Word; flags?: number }): Syscall {
  const { rulesetFd, flags = 0 } = args;
  return syscall("landlock_restrict_self", {
    words: [rulesetFd, flags],
    text: () => [showWord(rulesetFd), showFlags(flags, LANDLOCK_RESTRICT_SELF_FLAGS)],
  });
}
