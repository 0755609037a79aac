import { describe, test } from "node:test";
import { assertEquals } from "@std/assert";
import { showCall, type Syscall } from "../../../../ffi/calls/call.ts";
import { O_CLOEXEC, O_CREAT, O_TMPFILE, O_WRONLY } from "../../../../ffi/abi/fcntl.ts";
import { CLONE_NEWNS, CLONE_NEWPID } from "../../../../ffi/abi/sched.ts";
import {
  showBuffer,
  showFlags,
  showMode,
  showPointer,
  showSigset,
  showWord,
} from "../../../../ffi/calls/show.ts";
import { memfdCreate, openat, read, write } from "../../../../ffi/calls/fs.ts";
import { moveMount } from "../../../../ffi/calls/mount.ts";
import { clone3, exitGroup, kill } from "../../../../ffi/calls/process.ts";
import { prctl } from "../../../../ffi/calls/prctl.ts";
import { capget, capset } from "../../../../ffi/calls/capability.ts";
import { getpgid, getpid, setsid } from "../../../../ffi/calls/process.ts";
import { landlockAddPort } from "../../../../ffi/calls/landlock.ts";
import { mmap } from "../../../../ffi/calls/mman.ts";
import { pipe2 } from "../../../../ffi/calls/open.ts";
import { ppoll } from "../../../../ffi/calls/poll.ts";
import { recvmsg, socketpair } from "../../../../ffi/calls/socket.ts";
import { seccompSetModeFilter } from "../../../../ffi/calls/seccomp.ts";
import { setdomainname } from "../../../../ffi/calls/uts.ts";
import { keyctlJoinSessionKeyring } from "../../../../ffi/calls/keyctl.ts";
import { personality } from "../../../../ffi/calls/resource.ts";
import { rtSigaction } from "../../../../ffi/calls/signal.ts";

const cell = { cell: "buffer", size: 64 };
const calls: readonly (readonly [Syscall, string])[] = [
  [openat({ pathname: "/x", flags: O_CLOEXEC }), 'openat(AT_FDCWD, "/x", O_RDONLY|O_CLOEXEC)'],
  [
    openat({ dirfd: { result: "root" }, pathname: "x", flags: O_WRONLY | O_CREAT, mode: 0o600 }),
    'openat(<root>, "x", O_WRONLY|O_CREAT, 0600)',
  ],
  [
    openat({ pathname: "/", flags: O_WRONLY | O_TMPFILE, mode: 0o600 }),
    'openat(AT_FDCWD, "/", O_WRONLY|O_TMPFILE, 0600)',
  ],
  [
    moveMount({ fromDirfd: 5, fromPathname: "", toPathname: "/proc", flags: 4 }),
    'move_mount(5, "", AT_FDCWD, "/proc", MOVE_MOUNT_F_EMPTY_PATH)',
  ],
  [
    clone3({ flags: CLONE_NEWPID | CLONE_NEWNS, exitSignal: 17 }),
    "clone3({flags=CLONE_NEWNS|CLONE_NEWPID, exit_signal=SIGCHLD, stack=NULL, stack_size=0}, 88)",
  ],
  [read({ fd: 3, buf: { ...cell, offset: 8 }, count: 4 }), "read(3, &buffer+8, 4)"],
  [write({ fd: { result: "fd" }, buf: "a\n" }), 'write(<fd>, "a\\n", 2)'],
  [write({ fd: 1, buf: cell, count: 4 }), "write(1, &buffer, 4)"],
  [write({ fd: 1, buf: "abc", count: 2 }), 'write(1, "ab", 2)'],
  [kill({ pid: { result: "child" }, sig: { result: "signal" } }), "kill(<child>, <signal>)"],
  [exitGroup({ status: { result: "status" } }), "exit_group(<status>)"],
  [memfdCreate({ name: "x", flags: 0x100001 }), 'memfd_create("x", MFD_CLOEXEC|0x100000)'],
  [prctl({ option: 9999, arg2: 1 }), "prctl(9999, 1, 0, 0, 0)"],
  [prctl({ option: 24, arg2: { result: "bit" } }), "prctl(PR_CAPBSET_DROP, <bit>)"],
  [prctl({ option: 24, arg2: 50 }), "prctl(PR_CAPBSET_DROP, 50)"],
  [prctl({ option: 15, arg2: { bytes: new Uint8Array([0x61, 0]) } }), 'prctl(PR_SET_NAME, "a")'],
  [
    capset({ effective: 1n, permitted: 1n << 50n, inheritable: 0n }),
    "capset({version=_LINUX_CAPABILITY_VERSION_3, pid=0}, " +
    "{effective=1<<CAP_CHOWN, permitted=0x4000000000000, inheritable=0})",
  ],
  [capget({ datap: cell }), "capget({version=_LINUX_CAPABILITY_VERSION_3, pid=0}, &buffer)"],
  [pipe2({ pipefd: cell, flags: O_CLOEXEC }), "pipe2(&buffer, O_CLOEXEC)"],
  [ppoll({ fds: cell, nfds: 1, sigmask: 1n }), "ppoll(&buffer, 1, NULL, [HUP], 8)"],
  [
    socketpair({ domain: 1, type: 5 | 0o2000000, protocol: 0, sv: cell }),
    "socketpair(AF_UNIX, SOCK_SEQPACKET|SOCK_CLOEXEC, 0, &buffer)",
  ],
  [
    recvmsg({ sockfd: 3, buf: cell, flags: 0x40 }),
    "recvmsg(3, {msg_name=NULL, msg_namelen=0, msg_iov=[{iov_base=&buffer, iov_len=64}], " +
    "msg_iovlen=1, msg_controllen=0, msg_flags=0}, MSG_DONTWAIT)",
  ],
  [
    mmap({ length: 4096, prot: 0, flags: 2, fd: 3, offset: 8192 }),
    "mmap(NULL, 4096, PROT_NONE, MAP_PRIVATE, 3, 0x2000)",
  ],
  [
    seccompSetModeFilter({ flags: 8, filter: new Uint8Array(16) }),
    "seccomp(SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_NEW_LISTENER, {len=2, filter=…})",
  ],
  [
    landlockAddPort({ rulesetFd: 3, allowedAccess: 2n, port: 443 }),
    "landlock_add_rule(3, LANDLOCK_RULE_NET_PORT, " +
    "{allowed_access=LANDLOCK_ACCESS_NET_CONNECT_TCP, port=443}, 0)",
  ],
  [setdomainname({ name: "(none)" }), 'setdomainname("(none)", 6)'],
  [keyctlJoinSessionKeyring(), "keyctl(KEYCTL_JOIN_SESSION_KEYRING, NULL)"],
  [personality({ persona: 0x40008 }), "personality(PER_LINUX32|ADDR_NO_RANDOMIZE)"],
  [rtSigaction({ signum: 17, oldact: cell }), "rt_sigaction(SIGCHLD, NULL, &buffer, 8)"],
  [getpid(), "getpid()"],
  [setsid(), "setsid()"],
  [getpgid({ pid: 0 }), "getpgid(0)"],
];

describe("a call as strace prints it", () => {
  for (const [call, want] of calls) test(want, () => assertEquals(showCall(call), want));
});

test("a record's text is made once", () => {
  const call = openat({ pathname: "/x", flags: 0 });
  assertEquals(call.text === call.text, true);
  assertEquals({ ...call }.text, ["AT_FDCWD", '"/x"', "O_RDONLY"]);
});

describe("pieces", () => {
  test("bytes that are not printable are octal, as short as can be", () => {
    const bytes = [0, 0x31, 0, 0x38, 1, 0x0a, 0x22, 0x5c, 0xff, 0x7e, 0x7f];
    assertEquals(showBuffer(new Uint8Array(bytes)), '"\\0001\\08\\1\\n\\"\\\\\\377~\\177"');
  });
  test("flags take what they name away, so that none is named twice", () => {
    const names = { BOTH: 3, ONE: 1, TWO: 2, NONE: 0 };
    assertEquals(showFlags(3, names), "BOTH");
    assertEquals(showFlags(2, names), "TWO");
    assertEquals(showFlags(0, names), "0");
    assertEquals(showFlags(1n << 40n, names), "0x10000000000");
    assertEquals(showFlags(-1, {}), "0xffffffff");
  });
  test("sets of signals are inverted from two thirds on", () => {
    assertEquals(showSigset(0n), "[]");
    assertEquals(showSigset(0xffffffffffffffffn), "~[]");
    assertEquals(showSigset(0xffffffffffffffffn ^ (1n << 14n)), "~[TERM]");
    assertEquals(showSigset(0x180000000n), "[RTMIN RT_1]");
  });
  test("modes, pointers and words", () => {
    assertEquals([showMode(0), showMode(0o4755)], ["000", "04755"]);
    assertEquals([showPointer(0), showPointer(4096), showPointer(0n)], ["NULL", "0x1000", "NULL"]);
    assertEquals(showWord({ bytes: new Uint8Array([0x61]) }), '"a"');
    assertEquals(showWord(-1), "-1");
  });
});
