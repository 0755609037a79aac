/** Waiting for many descriptors, each with a word of the program's own. epoll(7). */
import {
  EPOLL_EVENT,
  EPOLL_EVENT_PACKED,
  EPOLL_EVENTS,
  EPOLL_FLAGS,
  EPOLL_OPERATIONS,
} from "../abi/epoll.ts";
import { SIGSET_SIZE } from "../abi/signal.ts";
import type { SyscallArchitecture } from "../abi/syscalls.ts";
import type { Cell, Syscall, Word } from "./call.ts";
import { NULL, struct, syscall } from "./record.ts";
import { showFlags, showName, showPointer, showStruct, showWord } from "./show.ts";

/** The layout of struct epoll_event: x86_64 packs it. */
export const epollEvent = (architecture: SyscallArchitecture) =>
  architecture === "x86_64" ? EPOLL_EVENT_PACKED : EPOLL_EVENT;

/**
 * `epoll_create1(2)`: an empty set of descriptors that are waited for; the result is its descriptor.
 *
 * Header  include/uapi/linux/eventpoll.h
 * Since   Linux 2.6.27
 * Needs   nothing
 * Errors  EMFILE  too many descriptors
 * @see https://man7.org/linux/man-pages/man2/epoll_create1.2.html
 */
export function epollCreate1(args: { flags: number }): Syscall {
  return syscall("epoll_create1", {
    words: [args.flags],
    text: () => [showFlags(args.flags, EPOLL_FLAGS)],
  });
}

/**
 * `epoll_ctl(2)`: puts a descriptor into the set, changes what it is waited for, or takes it out. `data` comes back with
 * each of its events.
 *
 * Header  include/uapi/linux/eventpoll.h
 * Since   Linux 2.6
 * Needs   nothing
 * Errors  EEXIST  it is in the set already
 *         ENOENT  it is not in the set
 *         EPERM   a regular file or a directory, which are always ready
 *         ENOSPC  /proc/sys/fs/epoll/max_user_watches
 * @see https://man7.org/linux/man-pages/man2/epoll_ctl.2.html
 */
export function epollCtl(
  args: {
    epfd: Word;
    op: number;
    fd: Word;
    events?: number;
    data?: Word;
    architecture: SyscallArchitecture;
  },
): Syscall {
  const { epfd, op, fd, events, data = 0, architecture } = args;
  const event = events === undefined ? NULL : struct(epollEvent(architecture), { events, data });
  return syscall("epoll_ctl", {
    words: [epfd, op, fd, event],
    text: () => [
      showWord(epfd),
      showName(op, EPOLL_OPERATIONS),
      showWord(fd),
      events === undefined
        ? "NULL"
        : showStruct({ events: showFlags(events, EPOLL_EVENTS), data: showWord(data) }),
    ],
  });
}

/**
 * `epoll_pwait(2)`: waits until descriptors of the set are ready; `events` takes one struct epoll_event for each, the
 * result is how many. `timeoutMs` -1 waits without limit.
 *
 * Header  include/uapi/linux/eventpoll.h
 * Since   Linux 2.6.19
 * Needs   nothing
 * Errors  EINTR  a signal came
 * @see https://man7.org/linux/man-pages/man2/epoll_pwait.2.html
 */
export function epollPwait(
  args: { epfd: Word; events: Cell; maxevents: number; timeoutMs?: Word },
): Syscall {
  const { epfd, events, maxevents, timeoutMs = -1 } = args;
  return syscall("epoll_pwait", {
    words: [epfd, events, maxevents, timeoutMs, NULL, SIGSET_SIZE],
    text: () => [
      showWord(epfd),
      showPointer(events),
      String(maxevents),
      showWord(timeoutMs),
      "NULL",
      String(SIGSET_SIZE),
    ],
  });
}
