import { describe, test } from "node:test";
import { assert, assertEquals, assertThrows } from "@std/assert";
import { CLONE_INTO_CGROUP, CLONE_NEWPID, CLONE_PIDFD } from "../../../../ffi/abi/sched.ts";
import { RESOLVE_IN_ROOT } from "../../../../ffi/abi/openat2.ts";
import { O_CLOEXEC, O_DIRECTORY, O_NOFOLLOW, O_PATH } from "../../../../ffi/abi/fcntl.ts";
import { F_SETFL, O_DIRECT } from "../../../../ffi/abi/fcntl.ts";
import { forArchitecture } from "../../../../ffi/calls/architecture.ts";
import type { Bytes, Syscall, Word } from "../../../../ffi/calls/call.ts";
import { capset } from "../../../../ffi/calls/capability.ts";
import { setgroups } from "../../../../ffi/calls/credentials.ts";
import { fcntl, openat, openat2, write } from "../../../../ffi/calls/fs.ts";
import { ioctlSiocsifflags } from "../../../../ffi/calls/ioctl.ts";
import { landlockAddPath, landlockCreateRuleset } from "../../../../ffi/calls/landlock.ts";
import { mmap } from "../../../../ffi/calls/mman.ts";
import { fsconfigSetFd, mountSetattr } from "../../../../ffi/calls/mount.ts";
import { pollCell, pollField, ppoll } from "../../../../ffi/calls/poll.ts";
import { clone3, execve } from "../../../../ffi/calls/process.ts";
import { prlimit64, schedSetaffinity } from "../../../../ffi/calls/resource.ts";
import { rtSigprocmask } from "../../../../ffi/calls/signal.ts";
import { rightsSpace, sendmsg, unixAddress } from "../../../../ffi/calls/socket.ts";
import { setitimer } from "../../../../ffi/calls/timer.ts";
import { seccompSetModeFilter } from "../../../../ffi/calls/seccomp.ts";
import { sethostname } from "../../../../ffi/calls/uts.ts";

function bytesOf(word: Word | undefined): Bytes {
  assert(typeof word === "object" && "bytes" in word, "the word is no constant memory");
  return word;
}

const hex = (bytes: Uint8Array): string =>
  [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("").replace(
    /(.{16})(?=.)/g,
    "$1 ",
  );

const golden: readonly (readonly [string, Syscall, number, string])[] = [
  [
    "clone_args has 88 bytes with flags above 32 bits",
    clone3({ flags: CLONE_NEWPID | CLONE_INTO_CGROUP, exitSignal: 17, cgroup: 5 }),
    0,
    "0000002002000000 0000000000000000 0000000000000000 0000000000000000 1100000000000000 " +
    "0000000000000000 0000000000000000 0000000000000000 0000000000000000 0000000000000000 " +
    "0500000000000000",
  ],
  [
    "open_how",
    openat2({ pathname: "a", flags: O_PATH | O_CLOEXEC, resolve: RESOLVE_IN_ROOT }),
    2,
    "0000280000000000 0000000000000000 1000000000000000",
  ],
  [
    "mount_attr",
    mountSetattr({ pathname: "", flags: 0, attrSet: 0x100001, attrClr: 8, usernsFd: 9 }),
    3,
    "0100100000000000 0800000000000000 0000000000000000 0900000000000000",
  ],
  [
    "capabilities split at bit 32, three sets low then high",
    capset({ effective: 1n << 40n, permitted: (1n << 40n) | 1n, inheritable: 2n }),
    1,
    "0000000001000000 0200000000010000 0001000000000000",
  ],
  ["groups", setgroups({ list: [1, 4294967295] }), 1, "01000000ffffffff"],
  ["a whole signal mask", rtSigprocmask({ how: 2, set: -1n }), 1, "ffffffffffffffff"],
  [
    "rlimit64 without loss",
    prlimit64({ resource: 7, soft: 1, hard: 0xffffffffffffffffn }),
    2,
    "0100000000000000 ffffffffffffffff",
  ],
  [
    "itimerval",
    setitimer({ which: 0, value: { sec: 1, usec: 2 } }),
    1,
    "0000000000000000 0000000000000000 0100000000000000 0200000000000000",
  ],
  [
    "ifreq",
    ioctlSiocsifflags({ fd: 3, name: "lo", flags: 0x41 }),
    2,
    "6c6f000000000000 0000000000000000 4100000000000000 0000000000000000 0000000000000000",
  ],
  ["CPUs", schedSetaffinity({ cpus: [0, 9, 64] }), 2, "0102000000000000 0100000000000000"],
  [
    "a ruleset of the first ABI is 8 bytes",
    landlockCreateRuleset({ handledAccessFs: 5n }),
    0,
    "0500000000000000",
  ],
  [
    "a path rule is packed",
    landlockAddPath({ rulesetFd: 3, allowedAccess: 4n, parentFd: 7 }),
    2,
    "0400000000000000 07000000",
  ],
];

describe("the bytes that a call points at", () => {
  for (const [name, call, index, want] of golden) {
    test(name, () => assertEquals(hex(bytesOf(call.words[index]).bytes), want));
  }
});

describe("what is known only at run time", () => {
  test("becomes a patch in clone_args", () => {
    const pidfd = { cell: "pidfd", size: 4 };
    const cgroup = { result: "group" };
    const call = clone3({ flags: CLONE_PIDFD | CLONE_INTO_CGROUP, pidfd, cgroup });
    assertEquals(bytesOf(call.words[0]).patches, [
      { offset: 8, width: 8, word: pidfd },
      { offset: 80, width: 8, word: cgroup },
    ]);
  });

  test("becomes a 4-byte patch in a packed struct, a pollfd and a control message", () => {
    const fd = { result: "fd" };
    const rule = landlockAddPath({ rulesetFd: 3, allowedAccess: 1n, parentFd: fd });
    assertEquals(bytesOf(rule.words[2]).patches, [{ offset: 8, width: 4, word: fd }]);
    const poll = ppoll({ fds: [{ fd: 3, events: 1 }, { fd, events: 4 }] });
    assertEquals(bytesOf(poll.words[0]).patches, [{ offset: 8, width: 4, word: fd }]);
    assertEquals(hex(bytesOf(poll.words[0]).bytes), "0300000001000000 0000000004000000");
    const header = bytesOf(sendmsg({ sockfd: 4, buf: new Uint8Array(1), fds: [0, fd] }).words[1]);
    const control = bytesOf(header.patches?.find(({ offset }) => offset === 32)?.word);
    assertEquals(control.patches, [{ offset: 20, width: 4, word: fd }]);
    assertEquals(control.bytes.length, rightsSpace(2));
  });

  test("stands in the words themselves where the call takes a number", () => {
    const fd = { result: "layer" };
    assertEquals(fsconfigSetFd({ fd: 3, key: "lowerdir+", value: fd }).words[4], fd);
  });

  test("argv is a terminated vector of addresses", () => {
    const vector = bytesOf(execve({ pathname: "/p", argv: ["p", "é"], envp: [] }).words[1]);
    assertEquals(vector.bytes, new Uint8Array(24));
    assertEquals(vector.patches?.map(({ offset, width }) => [offset, width]), [[0, 8], [8, 8]]);
    assertEquals(vector.patches?.map(({ word }) => hex(bytesOf(word).bytes)), ["7000", "c3a900"]);
    const empty = bytesOf(execve({ pathname: "/p", argv: ["p"], envp: [] }).words[2]);
    assertEquals([hex(empty.bytes), empty.patches], ["0000000000000000", []]);
  });
});

describe("poll cells", () => {
  const cell = pollCell("polled", 3);
  test("name the members of an entry", () => {
    assertEquals(cell, { cell: "polled", size: 24 });
    assertEquals(pollField(cell, { index: 2, field: "revents" }), {
      address: { cell: "polled", size: 24, offset: 22 },
      width: 2,
    });
    assertEquals(pollField(cell, { index: 0, field: "fd" }).width, 4);
    assertThrows(() => pollField(cell, { index: 3, field: "fd" }), RangeError, "no entry 3");
  });
  test("are counted when nfds is not given", () => assertEquals(ppoll({ fds: cell }).words[1], 3));
});

describe("write()", () => {
  test("counts bytes, not characters, and writes no NUL", () => {
    const call = write({ fd: 1, buf: "é\n" });
    assertEquals([hex(bytesOf(call.words[1]).bytes), call.words[2]], ["c3a90a", 3]);
  });
  test("takes what is left of a cell from its offset", () => {
    assertEquals(write({ fd: 1, buf: { cell: "c", size: 10, offset: 4 } }).words[2], 6);
  });
});

describe("what the kernel would misread is refused", () => {
  const cases: readonly (readonly [string, () => Syscall | Bytes])[] = [
    ["a NUL in a path", () => openat({ pathname: "/a\0/etc/shadow", flags: 0 })],
    ["a NUL in argv", () => execve({ pathname: "/p", argv: ["a\0b"], envp: [] })],
    ["a NUL in a host name", () => sethostname({ name: "a\0" })],
    [
      "an interface name of 16 bytes",
      () => ioctlSiocsifflags({ fd: 3, name: "i".repeat(16), flags: 0 }),
    ],
    ["CLONE_PIDFD without a place", () => clone3({ flags: CLONE_PIDFD })],
    ["CLONE_INTO_CGROUP without a group", () => clone3({ flags: CLONE_INTO_CGROUP })],
    ["a group without CLONE_INTO_CGROUP", () => clone3({ flags: 0n, cgroup: 3 })],
    [
      "a capability set of 65 bits",
      () => capset({ effective: 1n << 64n, permitted: 0n, inheritable: 0n }),
    ],
    ["a group id of 33 bits", () => setgroups({ list: [2 ** 32] })],
    ["a soft limit alone", () => prlimit64({ resource: 7, soft: 1 })],
    ["a limit of 65 bits", () => prlimit64({ resource: 7, soft: 0, hard: 1n << 64n })],
    ["a mapping of nothing", () => mmap({ length: 1, prot: 1, flags: 2 })],
    [
      "half a filter instruction",
      () => seccompSetModeFilter({ flags: 0, filter: new Uint8Array(4) }),
    ],
    ["no filter at all", () => seccompSetModeFilter({ flags: 0, filter: new Uint8Array(0) })],
    ["a socket path of 108 bytes", () => unixAddress("/".repeat(108))],
    ["CPU 8192", () => schedSetaffinity({ cpus: [8192] })],
  ];
  for (const [name, make] of cases) {
    test(name, () => {
      assertThrows(make, RangeError);
    });
  }
});

describe("unixAddress()", () => {
  test("a path ends with its NUL, an abstract name with its length", () => {
    assertEquals(hex(unixAddress("/a").bytes), "01002f6100");
    assertEquals(hex(unixAddress("@ab").bytes), "0100006162");
    assertEquals(unixAddress("/".repeat(107)).bytes.length, 110);
  });
});

describe("forArchitecture()", () => {
  const flags = O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
  const want = 0o40000 | 0o100000 | O_CLOEXEC;

  test("leaves x86_64 the very record", () => {
    const call = openat({ pathname: "a", flags });
    assertEquals(forArchitecture(call, "x86_64") === call, true);
  });
  test("translates openat and keeps its text", () => {
    const call = forArchitecture(openat({ pathname: "a", flags }), "aarch64");
    assertEquals(call.words[2], want);
    assertEquals(call.text[2], "O_RDONLY|O_NOFOLLOW|O_CLOEXEC|O_DIRECTORY");
  });
  test("translates the flags inside open_how and leaves the original alone", () => {
    const original = openat2({ pathname: "a", flags, resolve: 0x10 });
    const view = (call: Syscall) => new DataView(bytesOf(call.words[2]).bytes.slice().buffer);
    const translated = view(forArchitecture(original, "aarch64"));
    assertEquals(translated.getBigUint64(0, true), BigInt(want));
    assertEquals(translated.getBigUint64(16, true), 0x10n);
    assertEquals(view(original).getBigUint64(0, true), BigInt(flags));
  });
  test("translates F_SETFL and no other command of fcntl", () => {
    const set = fcntl({ fd: 1, cmd: F_SETFL, arg: O_DIRECT });
    assertEquals(forArchitecture(set, "aarch64").words[2], 0o200000);
    const other = fcntl({ fd: 1, cmd: 0, arg: O_DIRECT });
    assertEquals(forArchitecture(other, "aarch64").words[2], O_DIRECT);
  });
});
