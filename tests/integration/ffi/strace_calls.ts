/**
 * Calls whose text is compared with strace's; run as a program it makes them all. They are chosen to fail or to change
 * nothing that outlives the process: bad descriptors, paths that are not there.
 */
import * as fcntlAbi from "../../../ffi/abi/fcntl.ts";
import { TIOCSCTTY } from "../../../ffi/abi/ioctl.ts";
import {
  LANDLOCK_ACCESS_FS_EXECUTE,
  LANDLOCK_ACCESS_FS_READ_FILE,
} from "../../../ffi/abi/landlock.ts";
import { MFD_ALLOW_SEALING, MFD_CLOEXEC } from "../../../ffi/abi/memfd.ts";
import { MAP_ANONYMOUS, MAP_PRIVATE, PROT_READ, PROT_WRITE } from "../../../ffi/abi/mman.ts";
import * as mountAbi from "../../../ffi/abi/mount.ts";
import { RESOLVE_IN_ROOT, RESOLVE_NO_MAGICLINKS } from "../../../ffi/abi/openat2.ts";
import { POLLIN, POLLOUT } from "../../../ffi/abi/poll.ts";
import * as prctlAbi from "../../../ffi/abi/prctl.ts";
import { RLIM_INFINITY, RLIMIT_CORE, RLIMIT_NOFILE } from "../../../ffi/abi/resource.ts";
import * as sched from "../../../ffi/abi/sched.ts";
import * as signalAbi from "../../../ffi/abi/signal.ts";
import * as socketAbi from "../../../ffi/abi/socket.ts";
import { makedev, S_IFCHR, S_IFIFO, STATX_BASIC_STATS } from "../../../ffi/abi/stat.ts";
import { CLOCK_MONOTONIC, ITIMER_VIRTUAL, TFD_CLOEXEC } from "../../../ffi/abi/timerfd.ts";
import { P_ALL, P_PID, P_PIDFD, WEXITED, WNOHANG } from "../../../ffi/abi/wait.ts";
import { IFF_RUNNING, IFF_UP } from "../../../ffi/abi/if.ts";
import type { Syscall } from "../../../ffi/calls/call.ts";
import { capset } from "../../../ffi/calls/capability.ts";
import {
  setfsgid,
  setfsuid,
  setgroups,
  setresgid,
  setresuid,
} from "../../../ffi/calls/credentials.ts";
import * as fs from "../../../ffi/calls/fs.ts";
import { ioctl, ioctlSiocsifflags } from "../../../ffi/calls/ioctl.ts";
import * as keyctl from "../../../ffi/calls/keyctl.ts";
import * as landlock from "../../../ffi/calls/landlock.ts";
import { mmap, mprotect, munmap } from "../../../ffi/calls/mman.ts";
import * as mount from "../../../ffi/calls/mount.ts";
import { ppoll } from "../../../ffi/calls/poll.ts";
import { prctl } from "../../../ffi/calls/prctl.ts";
import * as process_ from "../../../ffi/calls/process.ts";
import * as resource from "../../../ffi/calls/resource.ts";
import * as signal from "../../../ffi/calls/signal.ts";
import * as socket from "../../../ffi/calls/socket.ts";
import * as timer from "../../../ffi/calls/timer.ts";
import { sethostname } from "../../../ffi/calls/uts.ts";
import { callSync, check } from "../../../ffi/linux/run.ts";

const { O_CLOEXEC, O_CREAT, O_DIRECTORY, O_EXCL, O_NOFOLLOW, O_PATH, O_RDONLY, O_RDWR, O_WRONLY } =
  fcntlAbi;
/** No descriptor has this number. */
const BAD = 9990;
const ABSENT = "/nowhere/at all";
const buf = { cell: "buffer", size: 256 };

const FILES: readonly Syscall[] = [
  fs.openat({ pathname: ABSENT, flags: O_RDONLY | O_CLOEXEC }),
  fs.openat({ dirfd: BAD, pathname: 'a\tb"c\\d\x01\x7fé2\u00013', flags: O_PATH | O_DIRECTORY }),
  fs.openat({ pathname: ABSENT, flags: O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, mode: 0o644 }),
  fs.openat({ pathname: ABSENT, flags: O_RDWR | fcntlAbi.O_TMPFILE | O_CLOEXEC, mode: 0o600 }),
  fs.openat({ pathname: ABSENT, flags: fcntlAbi.O_APPEND | fcntlAbi.O_SYNC | fcntlAbi.O_NONBLOCK }),
  fs.openat2({ pathname: ABSENT, flags: O_PATH | O_CLOEXEC }),
  fs.openat2({
    dirfd: BAD,
    pathname: "etc",
    flags: O_PATH | O_CLOEXEC,
    resolve: RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS,
  }),
  fs.openat2({ dirfd: BAD, pathname: "new", flags: O_WRONLY | O_CREAT, mode: 0o640 }),
  fs.close({ fd: BAD }),
  fs.closeRange({ first: 9000, last: 0xffffffff }),
  fs.closeRange({ first: 9000, last: 9990, flags: fcntlAbi.CLOSE_RANGE_CLOEXEC }),
  fs.dup3({ oldfd: BAD, newfd: 9991, flags: O_CLOEXEC }),
  fs.dup3({ oldfd: BAD, newfd: 9992 }),
  fs.fcntl({ fd: BAD, cmd: fcntlAbi.F_GETFD }),
  fs.fcntl({ fd: BAD, cmd: fcntlAbi.F_SETFD, arg: fcntlAbi.FD_CLOEXEC }),
  fs.fcntl({ fd: BAD, cmd: fcntlAbi.F_DUPFD_CLOEXEC, arg: 10 }),
  fs.fcntl({
    fd: BAD,
    cmd: fcntlAbi.F_ADD_SEALS,
    arg: fcntlAbi.F_SEAL_SEAL | fcntlAbi.F_SEAL_SHRINK | fcntlAbi.F_SEAL_WRITE,
  }),
  fs.fcntl({ fd: BAD, cmd: fcntlAbi.F_GET_SEALS }),
  fs.memfdCreate({ name: "strace text", flags: MFD_CLOEXEC | MFD_ALLOW_SEALING }),
  fs.read({ fd: BAD, buf, count: 256 }),
  fs.pread64({ fd: BAD, buf, count: 256, offset: 4096 }),
  fs.write({ fd: BAD, buf: "64\n" }),
  fs.write({ fd: BAD, buf: new Uint8Array([0, 1, 0x31, 255]) }),
  fs.lseek({ fd: BAD, offset: -1, whence: fcntlAbi.SEEK_END }),
  fs.sendfile({ outFd: BAD, inFd: BAD, count: 0x7ffff000 }),
  fs.ftruncate({ fd: BAD, length: 4096 }),
  fs.fsync({ fd: BAD }),
  fs.flock({ fd: BAD, operation: fcntlAbi.LOCK_EX | fcntlAbi.LOCK_NB }),
  fs.getdents64({ fd: BAD, dirp: buf, count: 256 }),
  fs.mkdirat({ pathname: ABSENT, mode: 0o755 }),
  fs.unlinkat({ pathname: ABSENT }),
  fs.unlinkat({ dirfd: BAD, pathname: "x", flags: fcntlAbi.AT_REMOVEDIR }),
  fs.symlinkat({ target: "to", newdirfd: BAD, linkpath: "from" }),
  fs.linkat({ oldpath: ABSENT, newdirfd: BAD, newpath: "b", flags: fcntlAbi.AT_SYMLINK_FOLLOW }),
  fs.renameat2({ oldpath: ABSENT, newpath: "/b", flags: fcntlAbi.RENAME_NOREPLACE }),
  fs.renameat2({ oldpath: ABSENT, newpath: "/b" }),
  fs.mknodat({ pathname: ABSENT, mode: S_IFCHR | 0o666, dev: makedev(1, 3) }),
  fs.mknodat({ pathname: ABSENT, mode: S_IFCHR | 0o600, dev: makedev(259, 70000) }),
  fs.mknodat({ pathname: ABSENT, mode: S_IFIFO | 0o600, dev: 0 }),
  fs.fchmodat({ pathname: ABSENT, mode: 0o4755 }),
  fs.fchmod({ fd: BAD, mode: 0 }),
  fs.fchownat({
    dirfd: BAD,
    pathname: "a",
    owner: 0,
    group: 0xffffffff,
    flags: fcntlAbi.AT_SYMLINK_NOFOLLOW,
  }),
  fs.fchown({ fd: BAD, owner: 1000, group: 1000 }),
  fs.chdir({ path: ABSENT }),
  fs.fchdir({ fd: BAD }),
  fs.getcwd({ buf, size: 1 }),
  fs.umask({ mask: 0o27 }),
  fs.umask({ mask: 0 }),
  fs.readlinkat({ pathname: ABSENT, buf, bufsiz: 256 }),
  fs.statx({ pathname: ABSENT, mask: STATX_BASIC_STATS, statxbuf: buf }),
  fs.statx({ dirfd: BAD, pathname: "", flags: 0x1000, mask: STATX_BASIC_STATS, statxbuf: buf }),
  fs.fstatfs({ fd: BAD, buf }),
  fs.statfs({ path: ABSENT, buf }),
];

const M = mountAbi;
const MOUNTS: readonly Syscall[] = [
  mount.mount({ target: ABSENT, mountflags: M.MS_REC | M.MS_PRIVATE }),
  mount.mount({ source: "/etc", target: ABSENT, mountflags: M.MS_BIND | M.MS_REC }),
  mount.mount({
    source: "tmpfs",
    target: ABSENT,
    filesystemtype: "tmpfs",
    mountflags: M.MS_NOSUID | M.MS_NODEV | M.MS_NOEXEC | M.MS_RDONLY,
    data: "size=1m",
  }),
  mount.umount2({ target: ABSENT, flags: M.MNT_DETACH }),
  mount.umount2({ target: ABSENT, flags: 0 }),
  mount.openTree({
    dirfd: BAD,
    pathname: "x",
    flags: M.OPEN_TREE_CLONE | M.OPEN_TREE_CLOEXEC | fcntlAbi.AT_RECURSIVE,
  }),
  mount.moveMount({
    fromDirfd: BAD,
    fromPathname: "",
    toPathname: "/proc",
    flags: M.MOVE_MOUNT_F_EMPTY_PATH,
  }),
  mount.moveMount({
    fromDirfd: BAD,
    fromPathname: "",
    toDirfd: 9991,
    toPathname: "",
    flags: M.MOVE_MOUNT_F_EMPTY_PATH | M.MOVE_MOUNT_T_EMPTY_PATH,
  }),
  mount.mountSetattr({
    dirfd: BAD,
    pathname: "",
    flags: fcntlAbi.AT_EMPTY_PATH | fcntlAbi.AT_RECURSIVE,
    attrSet: M.MOUNT_ATTR_RDONLY | M.MOUNT_ATTR_NOSUID | M.MOUNT_ATTR_NODEV,
  }),
  mount.mountSetattr({
    dirfd: BAD,
    pathname: "a",
    flags: 0,
    attrClr: M.MOUNT_ATTR_NOEXEC,
    propagation: M.MS_SLAVE,
    usernsFd: 9993,
  }),
  mount.pivotRoot({ newRoot: ABSENT, putOld: "." }),
  mount.chroot({ path: ABSENT }),
  mount.fsopen({ fsname: "nosuchfs", flags: M.FSOPEN_CLOEXEC }),
  mount.fspick({ dirfd: BAD, pathname: "a", flags: M.FSPICK_CLOEXEC | M.FSPICK_NO_AUTOMOUNT }),
  mount.fsconfigSetFlag({ fd: BAD, key: "ro" }),
  mount.fsconfigSetString({ fd: BAD, key: "size", value: "12Q" }),
  mount.fsconfigSetFd({ fd: BAD, key: "lowerdir+", value: 9991 }),
  mount.fsconfigCreate({ fd: BAD }),
  mount.fsconfigReconfigure({ fd: BAD }),
  mount.fsmount({
    fd: BAD,
    flags: M.FSMOUNT_CLOEXEC,
    attrFlags: M.MOUNT_ATTR_NOSUID | M.MOUNT_ATTR_NODEV | M.MOUNT_ATTR_NOEXEC,
  }),
  mount.fsmount({ fd: BAD, flags: 0, attrFlags: 0 }),
];

const S = signalAbi;
const PROCESSES: readonly Syscall[] = [
  // CLONE_NEWNS and CLONE_FS exclude each other: no process is made.
  process_.clone3({ flags: sched.CLONE_NEWNS | sched.CLONE_FS, exitSignal: S.SIGCHLD }),
  process_.clone3({
    flags: sched.CLONE_NEWNS | sched.CLONE_FS | sched.CLONE_PIDFD | sched.CLONE_INTO_CGROUP,
    exitSignal: S.SIGCHLD,
    pidfd: buf,
    cgroup: BAD,
  }),
  process_.unshare({ flags: sched.CLONE_THREAD }),
  process_.setns({ fd: BAD, nstype: sched.CLONE_NEWNET }),
  process_.setns({ fd: BAD, nstype: 0n }),
  process_.execve({ pathname: ABSENT, argv: ["prog", "a b"], envp: ["A=1", "B="] }),
  process_.execveat({ dirfd: BAD, pathname: "p", argv: ["p"], envp: [], flags: 0x1000 }),
  process_.waitid({ idtype: P_PIDFD, id: BAD, infop: buf, options: WEXITED }),
  process_.waitid({ idtype: P_PID, id: 4194303, options: WEXITED | WNOHANG }),
  process_.waitid({ idtype: P_ALL, id: 0, options: WEXITED | WNOHANG, rusage: buf }),
  process_.kill({ pid: 4194303, sig: S.SIGTERM }),
  process_.kill({ pid: 4194303, sig: 0 }),
  process_.kill({ pid: 4194303, sig: 32 }),
  process_.kill({ pid: 4194303, sig: 40 }),
  process_.pidfdOpen({ pid: 4194303 }),
  process_.pidfdOpen({ pid: 4194303, flags: process_.PIDFD_NONBLOCK }),
  process_.pidfdSendSignal({ pidfd: BAD, sig: S.SIGKILL }),
  process_.pidfdGetfd({ pidfd: BAD, targetfd: 3 }),
  process_.getpid(),
  process_.getppid(),
  process_.gettid(),
  process_.setpgid({ pid: 4194303, pgid: 0 }),
  process_.getpgid({ pid: 4194303 }),
  resource.prlimit64({ resource: RLIMIT_CORE, soft: 0, hard: RLIM_INFINITY }),
  resource.prlimit64({ pid: 4194303, resource: RLIMIT_NOFILE, soft: 1024, hard: 1048576 }),
  resource.prlimit64({ pid: 4194303, resource: RLIMIT_NOFILE, oldLimit: buf }),
  resource.schedSetaffinity({ pid: 4194303, cpus: [0, 1, 5] }),
  resource.setpriority({ which: 0, who: 4194303, prio: -5 }),
  resource.ioprioSet({ which: 1, who: 4194303, class: 2, level: 4 }),
  keyctl.keyctlJoinSessionKeyring(),
  resource.personality({ persona: 0xffffffff }),
  resource.personality({ persona: 0 }),
];

const SIGNALS: readonly Syscall[] = [
  signal.rtSigprocmask({ how: S.SIG_BLOCK, set: 0n }),
  signal.rtSigprocmask({ how: S.SIG_BLOCK, set: S.signalBit(S.SIGCHLD) | S.signalBit(S.SIGTERM) }),
  signal.rtSigprocmask({ how: S.SIG_BLOCK, set: S.signalBit(34) | S.signalBit(64) }),
  signal.rtSigprocmask({ how: S.SIG_SETMASK, set: 0xffffffffffffffffn }),
  signal.rtSigprocmask({ how: S.SIG_SETMASK, set: ~S.signalBit(S.SIGINT) }),
  signal.rtSigprocmask({ how: S.SIG_SETMASK, set: 0n }),
  signal.rtSigtimedwait({
    set: S.signalBit(S.SIGUSR2),
    info: buf,
    timeout: { sec: 0, nsec: 1000 },
  }),
  signal.rtSigaction({ signum: S.SIGKILL, handler: S.SIG_DFL }),
  timer.setitimer({ which: ITIMER_VIRTUAL, value: { sec: 0, usec: 0 } }),
  timer.timerfdCreate({ clockid: CLOCK_MONOTONIC, flags: TFD_CLOEXEC }),
  timer.timerfdSettime({ fd: BAD, value: { sec: 1, nsec: 500 } }),
  timer.nanosleep({ req: { sec: 0, nsec: 1000 } }),
  timer.clockNanosleep({ clockid: CLOCK_MONOTONIC, request: { sec: 0, nsec: 2000 } }),
  ppoll({ timeout: { sec: 0, nsec: 0 } }),
  ppoll({
    fds: [{ fd: BAD, events: POLLIN }, { fd: -1, events: POLLIN | POLLOUT }],
    timeout: { sec: 0, nsec: 0 },
    sigmask: 0n,
  }),
];

const A = socketAbi;
const SOCKETS: readonly Syscall[] = [
  socket.socket({ domain: A.AF_INET, type: A.SOCK_DGRAM | A.SOCK_CLOEXEC, protocol: 0 }),
  socket.socket({ domain: A.AF_NETLINK, type: A.SOCK_RAW | A.SOCK_CLOEXEC, protocol: 0 }),
  socket.socket({ domain: A.AF_UNIX, type: A.SOCK_SEQPACKET | A.SOCK_NONBLOCK, protocol: 0 }),
  socket.connect({ sockfd: BAD, addr: socket.unixAddress("/run/x.sock") }),
  socket.bind({ sockfd: BAD, addr: socket.unixAddress("@abstract") }),
  socket.listen({ sockfd: BAD, backlog: 5 }),
  socket.sendto({ sockfd: BAD, buf: new Uint8Array([1, 65, 66]), flags: A.MSG_NOSIGNAL }),
  socket.recvfrom({ sockfd: BAD, buf, flags: A.MSG_DONTWAIT }),
  socket.sendmsg({ sockfd: BAD, buf: new Uint8Array([65]), fds: [0, 1] }),
  socket.sendmsg({ sockfd: BAD, buf: new Uint8Array([65, 0]), flags: A.MSG_NOSIGNAL }),
  ioctlSiocsifflags({ fd: BAD, name: "lo", flags: IFF_UP | IFF_RUNNING }),
  ioctl({ fd: BAD, request: TIOCSCTTY, arg: 0 }),
];

const P = prctlAbi;
/** What the process itself loses by them no later call needs. */
const SELF: readonly Syscall[] = [
  mmap({
    length: 4096,
    prot: PROT_READ | PROT_WRITE,
    flags: MAP_PRIVATE | MAP_ANONYMOUS,
  }),
  mprotect({ addr: 0x1000, length: 4096, prot: PROT_READ }),
  munmap({ addr: 0x1001, length: 4096 }),
  landlock.landlockCreateRuleset({
    handledAccessFs: LANDLOCK_ACCESS_FS_EXECUTE | LANDLOCK_ACCESS_FS_READ_FILE,
  }),
  landlock.landlockAbi(),
  landlock.landlockAddPath({
    rulesetFd: BAD,
    allowedAccess: LANDLOCK_ACCESS_FS_READ_FILE,
    parentFd: 9991,
  }),
  landlock.landlockRestrictSelf({ rulesetFd: BAD }),
  prctl({ option: P.PR_SET_PDEATHSIG, arg2: 0 }),
  prctl({ option: P.PR_SET_PDEATHSIG, arg2: S.SIGKILL }),
  prctl({ option: P.PR_GET_DUMPABLE }),
  prctl({ option: P.PR_SET_DUMPABLE, arg2: 1 }),
  prctl({ option: P.PR_SET_KEEPCAPS, arg2: 1 }),
  prctl({ option: P.PR_CAPBSET_READ, arg2: 21 }),
  prctl({ option: P.PR_CAPBSET_READ, arg2: 40 }),
  prctl({ option: P.PR_CAP_AMBIENT, arg2: P.PR_CAP_AMBIENT_IS_SET, arg3: 10 }),
  prctl({ option: P.PR_CAP_AMBIENT, arg2: P.PR_CAP_AMBIENT_CLEAR_ALL }),
  prctl({ option: P.PR_SET_CHILD_SUBREAPER, arg2: 0 }),
  prctl({ option: P.PR_GET_NO_NEW_PRIVS }),
  prctl({ option: P.PR_SET_NO_NEW_PRIVS, arg2: 1 }),
  prctl({ option: P.PR_GET_SECUREBITS }),
  prctl({ option: P.PR_SET_SECUREBITS, arg2: P.SECBIT_KEEP_CAPS }),
  setresuid({ ruid: 0xffffffff, euid: 0xffffffff, suid: 0xffffffff }),
  setresgid({ rgid: 0xffffffff, egid: 0, sgid: 0xffffffff }),
  setgroups({ list: [4, 1000] }),
  setgroups({ list: [] }),
  setfsuid({ fsuid: 0xffffffff }),
  setfsgid({ fsgid: 0xffffffff }),
  capset({ effective: 0n, permitted: (1n << 40n) | 1n, inheritable: 0n }),
  capset({ effective: 0n, permitted: 0n, inheritable: 0n }),
];

const HOSTNAME = sethostname({ name: "box" });

export const CALLS: readonly Syscall[] = [
  ...FILES,
  ...MOUNTS,
  ...PROCESSES,
  ...SIGNALS,
  ...SOCKETS,
  HOSTNAME,
  ...SELF,
];

if (import.meta.main) {
  for (const call of CALLS) {
    // The name is changed in a namespace of our own, or refused; never the machine's.
    if (call === HOSTNAME) check(process_.unshare({ flags: sched.CLONE_NEWUTS }));
    callSync(call);
  }
}
