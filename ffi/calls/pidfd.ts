/** Processes by descriptor: no pid can be reused under it. pidfd_open(2). */
import { O_NONBLOCK } from "../abi/fcntl.ts";
import type { Syscall, Word } from "./call.ts";
import { NULL, syscall } from "./record.ts";
import { showFlags, showSignal, showWord } from "./show.ts";

/** Makes waitid(2) on the descriptor answer EAGAIN instead of waiting; Linux 5.10. */
export const PIDFD_NONBLOCK = O_NONBLOCK;

/**
 * `pidfd_open(2)`: a descriptor of a process (close-on-exec); readable once the process has ended.
 *
 * Header  include/uapi/linux/pidfd.h
 * Since   Linux 5.3
 * Needs   nothing
 * Errors  ESRCH   no such process
 *         EINVAL  pid is a thread other than the first
 * @see https://man7.org/linux/man-pages/man2/pidfd_open.2.html
 */
export function pidfdOpen(args: { pid: Word; flags?: number }): Syscall {
  const { pid, flags = 0 } = args;
  return syscall("pidfd_open", {
    words: [pid, flags],
    text: () => [showWord(pid), showFlags(flags, { PIDFD_NONBLOCK })],
  });
}

/**
 * `pidfd_send_signal(2)`: a signal for exactly the process of a descriptor.
 *
 * Header  include/linux/syscalls.h
 * Since   Linux 5.1
 * Needs   the same user, or CAP_KILL
 * Errors  ESRCH   it has ended and was waited for
 *         EPERM   not permitted
 * @see https://man7.org/linux/man-pages/man2/pidfd_send_signal.2.html
 */
export function pidfdSendSignal(args: { pidfd: Word; sig: Word; flags?: number }): Syscall {
  const { pidfd, sig, flags = 0 } = args;
  return syscall("pidfd_send_signal", {
    words: [pidfd, sig, NULL, flags],
    text: () => [showWord(pidfd), showSignal(sig), "NULL", showFlags(flags, {})],
  });
}

/**
 * `pidfd_getfd(2)`: a copy of another process's descriptor (close-on-exec).
 *
 * Header  include/linux/syscalls.h
 * Since   Linux 5.6
 * Needs   PTRACE_MODE_ATTACH_REALCREDS over the process: while it is dumpable
 * Errors  EPERM  not permitted
 *         EBADF  it has no such descriptor
 * @see https://man7.org/linux/man-pages/man2/pidfd_getfd.2.html
 */
export function pidfdGetfd(args: { pidfd: Word; targetfd: Word; flags?: number }): Syscall {
  const { pidfd, targetfd, flags = 0 } = args;
  return syscall("pidfd_getfd", {
    words: [pidfd, targetfd, flags],
    text: () => [showWord(pidfd), showWord(targetfd), showFlags(flags, {})],
  });
}
