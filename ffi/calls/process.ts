/** Processes: making, becoming, ending, waiting. clone3(2), execve(2), waitid(2); by descriptor in pidfd.ts. */
import { AT_FDCWD, AT_FLAGS } from "../abi/fcntl.ts";
import { CLONE_ARGS, CLONE_FLAGS, CLONE_INTO_CGROUP, CLONE_PIDFD } from "../abi/sched.ts";
import { WAIT_IDTYPES, WAIT_OPTIONS } from "../abi/wait.ts";
import type { Cell, Syscall, Word } from "./call.ts";
import { cString, NULL, struct, syscall, vector } from "./record.ts";
import {
  showArray,
  showDirfd,
  showFlags,
  showName,
  showPointer,
  showSignal,
  showString,
  showStruct,
  showWord,
} from "./show.ts";

export * from "./pidfd.ts";

/**
 * `clone3(2)`: makes a process; 0 in the child, its pid in the parent. Without a stack it is a fork: the child goes on
 * at the same place with its own copy of the memory.
 *
 * `pidfd` (4 bytes) takes a descriptor of the child when `flags` has CLONE_PIDFD; `cgroup` is the descriptor of a
 * cgroup v2 directory when it has CLONE_INTO_CGROUP.
 *
 * Header  include/uapi/linux/sched.h
 * Since   Linux 5.3 (CLONE_CLEAR_SIGHAND 5.5, CLONE_INTO_CGROUP 5.7)
 * Needs   CAP_SYS_ADMIN for every namespace but a user namespace
 * Errors  EPERM   no CAP_SYS_ADMIN, or user namespaces are forbidden
 *         EINVAL  flags that exclude each other
 *         EBADF   cgroup is no cgroup v2 directory
 *         EAGAIN  RLIMIT_NPROC or pids.max
 *         ENOSPC  as many namespaces as /proc/sys/user permits
 * @see https://man7.org/linux/man-pages/man2/clone3.2.html
 */
export function clone3(
  args: { flags: bigint; exitSignal?: number; cgroup?: Word; pidfd?: Cell },
): Syscall {
  const { flags, exitSignal = 0, cgroup, pidfd } = args;
  if (pidfd === undefined && (flags & CLONE_PIDFD) !== 0n) {
    throw new RangeError("clone3: CLONE_PIDFD needs pidfd");
  }
  if ((cgroup !== undefined) !== ((flags & CLONE_INTO_CGROUP) !== 0n)) {
    throw new RangeError("clone3: CLONE_INTO_CGROUP and cgroup go together");
  }
  const cloneArgs = struct(CLONE_ARGS, {
    flags,
    exit_signal: exitSignal,
    ...(pidfd === undefined ? {} : { pidfd }),
    ...(cgroup === undefined ? {} : { cgroup }),
  });
  return syscall("clone3", {
    words: [cloneArgs, CLONE_ARGS.size],
    text: () => [
      showStruct({
        flags: showFlags(flags, CLONE_FLAGS),
        pidfd: pidfd && showPointer(pidfd),
        exit_signal: showSignal(exitSignal),
        stack: "NULL",
        stack_size: "0",
        cgroup: cgroup === undefined ? undefined : showWord(cgroup),
      }),
      String(CLONE_ARGS.size),
    ],
  });
}

/**
 * `unshare(2)`: moves the calling thread into new namespaces (CLONE_NEWPID: its next children).
 *
 * Header  include/uapi/linux/sched.h
 * Since   Linux 2.6.16
 * Needs   CAP_SYS_ADMIN for every namespace but a user namespace
 * Errors  EINVAL  CLONE_NEWUSER in a process of several threads
 *         EPERM   no CAP_SYS_ADMIN
 * @see https://man7.org/linux/man-pages/man2/unshare.2.html
 */
export function unshare(args: { flags: bigint }): Syscall {
  return syscall("unshare", {
    words: [args.flags],
    text: () => [showFlags(args.flags, CLONE_FLAGS)],
  });
}

/**
 * `setns(2)`: moves the calling thread into the namespace of a descriptor, or with a pidfd into several of a process.
 *
 * Header  include/uapi/linux/sched.h
 * Since   Linux 3.0 (pidfd 5.8)
 * Needs   CAP_SYS_ADMIN in the namespace that is joined
 * Errors  EINVAL  the descriptor is of another kind than nstype
 *         EUSERS  a time namespace while the memory is shared
 *         EPERM   no CAP_SYS_ADMIN there
 * @see https://man7.org/linux/man-pages/man2/setns.2.html
 */
export function setns(args: { fd: Word; nstype: bigint }): Syscall {
  const { fd, nstype } = args;
  return syscall("setns", {
    words: [fd, nstype],
    text: () => [showWord(fd), showFlags(nstype, CLONE_FLAGS)],
  });
}

/**
 * `execve(2)`: becomes another program. Comes back only on failure.
 *
 * Header  include/linux/syscalls.h
 * Since   Linux 1.0
 * Needs   execute permission
 * Errors  ENOENT   the file, or its interpreter, is not there
 *         EACCES   no execute permission, a mount with noexec, or no regular file
 *         ENOEXEC  a format that the kernel does not know
 *         E2BIG    arguments and environment are too long
 *         EAGAIN   the user is over RLIMIT_NPROC since setuid
 * @see https://man7.org/linux/man-pages/man2/execve.2.html
 */
export function execve(
  args: { pathname: string; argv: Texts; envp: Texts },
): Syscall {
  const { pathname, argv, envp } = args;
  return syscall("execve", {
    words: [cString(pathname), texts(argv), texts(envp)],
    text: () => [showString(pathname), showTexts(argv), showTexts(envp)],
  });
}

/** Texts, or the address of such a list that ends in a null pointer. */
type Texts = readonly string[] | Word;

const isList = (list: Texts): list is readonly string[] => Array.isArray(list);
const texts = (list: Texts): Word =>
  isList(list) ? vector(list.map((text) => cString(text)), { terminated: true }) : list;
const showTexts = (list: Texts): string =>
  isList(list) ? showArray(list.map(showString)) : showPointer(list);

/**
 * `execveat(2)`: execve of a file below a directory descriptor, or with AT_EMPTY_PATH of a descriptor itself.
 *
 * Header  include/uapi/linux/fcntl.h
 * Since   Linux 3.19
 * Needs   execute permission
 * Errors  ENOENT  a script, and the descriptor is close-on-exec
 *         as execve
 * @see https://man7.org/linux/man-pages/man2/execveat.2.html
 */
export function execveat(
  args: {
    dirfd?: Word;
    pathname: string;
    argv: readonly string[];
    envp: readonly string[];
    flags?: number;
  },
): Syscall {
  const { dirfd = AT_FDCWD, pathname, argv, envp, flags = 0 } = args;
  return syscall("execveat", {
    words: [dirfd, cString(pathname), texts(argv), texts(envp), flags],
    text: () => [
      showDirfd(dirfd),
      showString(pathname),
      showTexts(argv),
      showTexts(envp),
      showFlags(flags, AT_FLAGS),
    ],
  });
}

/**
 * `exit_group(2)`: ends the process; the low 8 bits of `status` are what a parent sees.
 *
 * Header  include/linux/syscalls.h
 * Since   Linux 2.5.35
 * Needs   nothing
 * Errors  none; does not come back
 * @see https://man7.org/linux/man-pages/man2/exit_group.2.html
 */
export function exitGroup(args: { status: Word }): Syscall {
  return syscall("exit_group", { words: [args.status], text: () => [showWord(args.status)] });
}

/**
 * `waitid(2)`: waits for a change of a child, into `infop` (siginfo_t, 128 bytes) and `rusage` (144 bytes).
 *
 * With WNOHANG and nothing to tell the result is 0 and si_pid stays as it was: set it to 0 before.
 *
 * Header  include/uapi/linux/wait.h
 * Since   Linux 2.6.9 (P_PIDFD 5.4)
 * Needs   to be its parent
 * Errors  ECHILD  no such child
 *         EINTR   a signal came
 *         EAGAIN  P_PIDFD with a non-blocking pidfd and nothing to tell
 * @see https://man7.org/linux/man-pages/man2/waitid.2.html
 */
export function waitid(
  args: { idtype: number; id: Word; infop?: Cell; options: number; rusage?: Cell },
): Syscall {
  const { idtype, id, infop = NULL, options, rusage = NULL } = args;
  return syscall("waitid", {
    words: [idtype, id, infop, options, rusage],
    text: () => [
      showName(idtype, WAIT_IDTYPES),
      showWord(id),
      showPointer(infop),
      showFlags(options, WAIT_OPTIONS),
      showPointer(rusage),
    ],
  });
}

/**
 * `kill(2)`: a signal for a process, its group (negative) or all (-1); 0 only asks whether it is there.
 *
 * Header  include/linux/syscalls.h
 * Since   Linux 1.0
 * Needs   the same user, or CAP_KILL
 * Errors  ESRCH  no such process
 *         EPERM  not permitted for any of them
 * @see https://man7.org/linux/man-pages/man2/kill.2.html
 */
export function kill(args: { pid: Word; sig: Word }): Syscall {
  const { pid, sig } = args;
  return syscall("kill", { words: [pid, sig], text: () => [showWord(pid), showSignal(sig)] });
}

const withoutArguments = (name: string): Syscall => syscall(name, { words: [], text: () => [] });

/**
 * `getpid(2)`: the process's id in its own namespace; also a call that does nothing.
 *
 * Header  include/linux/syscalls.h
 * Since   Linux 1.0
 * Needs   nothing
 * Errors  none
 * @see https://man7.org/linux/man-pages/man2/getpid.2.html
 */
export const getpid = (): Syscall => withoutArguments("getpid");

/**
 * `getppid(2)`: the parent's id; 0 when it is outside the namespace.
 *
 * Header  include/linux/syscalls.h
 * Since   Linux 1.0
 * Needs   nothing
 * Errors  none
 * @see https://man7.org/linux/man-pages/man2/getppid.2.html
 */
export const getppid = (): Syscall => withoutArguments("getppid");

/**
 * `gettid(2)`: the thread's id.
 *
 * Header  include/linux/syscalls.h
 * Since   Linux 2.4.11
 * Needs   nothing
 * Errors  none
 * @see https://man7.org/linux/man-pages/man2/gettid.2.html
 */
export const gettid = (): Syscall => withoutArguments("gettid");

/**
 * `setsid(2)`: a new session without a terminal; the result is its id.
 *
 * Header  include/linux/syscalls.h
 * Since   Linux 2.0
 * Needs   nothing
 * Errors  EPERM  the process leads a group already
 * @see https://man7.org/linux/man-pages/man2/setsid.2.html
 */
export const setsid = (): Syscall => withoutArguments("setsid");

/**
 * `setpgid(2)`: puts a process (0: the caller) into a group (0: its own).
 *
 * Header  include/linux/syscalls.h
 * Since   Linux 1.0
 * Needs   the caller or its child before execve, in the same session
 * Errors  EPERM   a session leader, or another session
 *         EACCES  the child has executed already
 * @see https://man7.org/linux/man-pages/man2/setpgid.2.html
 */
export function setpgid(args: { pid: Word; pgid: Word }): Syscall {
  const { pid, pgid } = args;
  return syscall("setpgid", { words: [pid, pgid], text: () => [showWord(pid), showWord(pgid)] });
}

/**
 * `getpgid(2)`: the group of a process (0: of the caller).
 *
 * Header  include/linux/syscalls.h
 * Since   Linux 1.0
 * Needs   nothing
 * Errors  ESRCH  no such process
 * @see https://man7.org/linux/man-pages/man2/getpgid.2.html
 */
export function getpgid(args: { pid: Word }): Syscall {
  return syscall("getpgid", { words: [args.pid], text: () => [showWord(args.pid)] });
}
