/** Settings of the calling thread or process. prctl(2). */
import { CAPABILITIES } from "../abi/capability.ts";
import {
  CAP_AMBIENT_OPERATIONS,
  PR_CAP_AMBIENT,
  PR_CAPBSET_DROP,
  PR_CAPBSET_READ,
  PR_GET_DUMPABLE,
  PR_GET_KEEPCAPS,
  PR_GET_NO_NEW_PRIVS,
  PR_GET_SECUREBITS,
  PR_SET_CHILD_SUBREAPER,
  PR_SET_DUMPABLE,
  PR_SET_KEEPCAPS,
  PR_SET_NAME,
  PR_SET_PDEATHSIG,
  PR_SET_SECUREBITS,
  PRCTL_OPTIONS,
  SECUREBITS,
} from "../abi/prctl.ts";
import type { Syscall, Word } from "./call.ts";
import { isBytes, syscall } from "./record.ts";
import { showBuffer, showFlags, showName, showPointer, showSignal, showWord } from "./show.ts";

/**
 * `prctl(2)`: sets or asks one thing, as `option` says.
 *
 * Options that change the whole memory (PR_SET_MDWE, PR_SET_THP_DISABLE, PR_SET_DUMPABLE) belong in the stage only.
 *
 * Header  include/uapi/linux/prctl.h
 * Since   Linux 2.1.57; each option has its own
 * Needs   CAP_SETPCAP for PR_CAPBSET_DROP and PR_SET_SECUREBITS; else nothing
 * Errors  EINVAL  an option or argument that this kernel does not know, or arguments that must be 0 are not
 *         EPERM   no CAP_SETPCAP, or PR_CAP_AMBIENT_RAISE of what is not permitted and inheritable
 * @see https://man7.org/linux/man-pages/man2/prctl.2.html
 */
export function prctl(
  args: { option: number; arg2?: Word; arg3?: Word; arg4?: Word; arg5?: Word },
): Syscall {
  const { option, arg2 = 0, arg3 = 0, arg4 = 0, arg5 = 0 } = args;
  return syscall("prctl", {
    words: [option, arg2, arg3, arg4, arg5],
    text:
      () => [showName(option, PRCTL_OPTIONS), ...showArguments([arg2, arg3, arg4, arg5], option)],
  });
}

const showCapability = (word: Word): string => {
  const name = typeof word === "number" ? showName(word, CAPABILITIES) : showWord(word);
  return /^[A-Z]/.test(name) ? `CAP_${name}` : name;
};

const showDumpable = (word: Word): string =>
  word === 0 ? "SUID_DUMP_DISABLE" : word === 1 ? "SUID_DUMP_USER" : showWord(word);

/** How many arguments each option has, and what they are. */
function showArguments(words: readonly [Word, Word, Word, Word], option: number): string[] {
  const [first, second] = words;
  switch (option) {
    case PR_CAPBSET_DROP:
    case PR_CAPBSET_READ:
      return [showCapability(first)];
    case PR_SET_PDEATHSIG:
      return [showSignal(first)];
    case PR_SET_DUMPABLE:
      return [showDumpable(first)];
    case PR_SET_KEEPCAPS:
    case PR_SET_CHILD_SUBREAPER:
      return [showWord(first)];
    case PR_SET_SECUREBITS:
      return [typeof first === "number" ? showFlags(first, SECUREBITS) : showWord(first)];
    case PR_SET_NAME:
      return [isBytes(first) ? showBuffer(first.bytes.subarray(0, -1)) : showPointer(first)];
    case PR_GET_DUMPABLE:
    case PR_GET_KEEPCAPS:
    case PR_GET_SECUREBITS:
      return [];
    case PR_GET_NO_NEW_PRIVS:
      return words.map(showWord);
    case PR_CAP_AMBIENT:
      return [
        typeof first === "number" ? showName(first, CAP_AMBIENT_OPERATIONS) : showWord(first),
        first === CAP_AMBIENT_OPERATIONS.PR_CAP_AMBIENT_CLEAR_ALL
          ? showWord(second)
          : showCapability(second),
        ...words.slice(2).map(showWord),
      ];
    default:
      return words.map(showWord);
  }
}
