import { describe, test } from "node:test";
import { assert, assertEquals, assertThrows } from "@std/assert";
import {
  CAPABILITIES,
  type Capability,
  capabilityMask,
  capabilityNames,
} from "../../../../ffi/abi/capability.ts";
import { errnoMessage, errnoName, errnoNumber, errors } from "../../../../ffi/abi/errno.ts";
import * as fcntl from "../../../../ffi/abi/fcntl.ts";
import * as bpf from "../../../../ffi/abi/bpf.ts";
import * as capability from "../../../../ffi/abi/capability.ts";
import * as epoll from "../../../../ffi/abi/epoll.ts";
import * as if_ from "../../../../ffi/abi/if.ts";
import * as landlock from "../../../../ffi/abi/landlock.ts";
import * as magic from "../../../../ffi/abi/magic.ts";
import * as mount from "../../../../ffi/abi/mount.ts";
import * as openat2 from "../../../../ffi/abi/openat2.ts";
import * as poll from "../../../../ffi/abi/poll.ts";
import * as resource from "../../../../ffi/abi/resource.ts";
import * as seccomp from "../../../../ffi/abi/seccomp.ts";
import * as signal from "../../../../ffi/abi/signal.ts";
import * as socket from "../../../../ffi/abi/socket.ts";
import * as stat from "../../../../ffi/abi/stat.ts";
import * as timerfd from "../../../../ffi/abi/timerfd.ts";
import * as wait from "../../../../ffi/abi/wait.ts";
import * as sched from "../../../../ffi/abi/sched.ts";
import { SIGINFO, signalBit, signalName, SIGNALS } from "../../../../ffi/abi/signal.ts";

import { makedev, STATX } from "../../../../ffi/abi/stat.ts";
import { allSyscalls, syscallNames, syscallNumber } from "../../../../ffi/abi/syscalls.ts";
import { SOCKADDR_UN } from "../../../../ffi/abi/socket.ts";

describe("syscallNumber()", () => {
  const known: readonly (readonly [string, number, number])[] = [
    ["read", 0, 63],
    ["openat", 257, 56],
    ["execve", 59, 221],
    ["exit_group", 231, 94],
    ["clone3", 435, 435],
    ["mount_setattr", 442, 442],
    ["file_setattr", 469, 469],
  ];
  for (const [name, x86, aarch64] of known) {
    test(`knows ${name}`, () => {
      assertEquals(syscallNumber(name, "x86_64"), x86);
      assertEquals(syscallNumber(name, "aarch64"), aarch64);
    });
  }

  for (const name of ["", "openatt", "open at", "constructor", "\nread", "read 0", ".*"]) {
    test(`refuses ${JSON.stringify(name)}`, () => {
      assertThrows(() => syscallNumber(name, "x86_64"), RangeError, "no system call is named");
    });
  }

  test("says which architecture lacks a call", () => {
    assertEquals(syscallNumber("fork", "x86_64"), 57);
    assertThrows(
      () => syscallNumber("fork", "aarch64"),
      RangeError,
      'aarch64 has no system call "fork"',
    );
  });

  for (const architecture of ["x86_64", "aarch64"] as const) {
    test(`gives every call of ${architecture} a number of its own`, () => {
      const names = syscallNames(architecture);
      for (const [number, name] of names) assertEquals(syscallNumber(name, architecture), number);
      const lacking = allSyscalls().filter((name) => {
        try {
          syscallNumber(name, architecture);
          return false;
        } catch {
          return true;
        }
      });
      assertEquals(names.size + lacking.length, allSyscalls().length);
    });
  }
});

describe("errno", () => {
  test("number, name and message belong together", () => {
    assertEquals([errnoName(22), errnoMessage(22)], ["EINVAL", "Invalid argument"]);
    assertEquals([errnoName(2), errnoMessage(2)], ["ENOENT", "No such file or directory"]);
    assertEquals([errnoName(4000), errnoMessage(4000)], ["errno 4000", "Unknown error 4000"]);
  });

  test("every name finds its number again", () => {
    for (const [number, [name]] of errors()) {
      assertEquals(errnoNumber(name), number);
    }
    assertEquals(errnoNumber("EWOULDBLOCK"), 11);
    assertEquals(errnoNumber("ENOTSUP"), 95);
    assertEquals(errnoNumber("EDEADLOCK"), 35);
    assertEquals(errnoNumber("ENOSUCH"), undefined);
  });
});

describe("open flags of aarch64", () => {
  test("move the four bits that differ and no other", () => {
    const { O_DIRECT, O_DIRECTORY, O_LARGEFILE, O_NOFOLLOW, openFlagsOfAarch64 } = fcntl;
    assertEquals(openFlagsOfAarch64(O_DIRECTORY), 0o40000);
    assertEquals(openFlagsOfAarch64(O_NOFOLLOW), 0o100000);
    assertEquals(openFlagsOfAarch64(O_DIRECT), 0o200000);
    assertEquals(openFlagsOfAarch64(O_LARGEFILE), 0o400000);
    assertEquals(openFlagsOfAarch64(fcntl.O_TMPFILE), 0o20040000);
    const same = fcntl.O_CLOEXEC | fcntl.O_CREAT | fcntl.O_RDWR | fcntl.O_PATH;
    assertEquals(openFlagsOfAarch64(same | O_NOFOLLOW), same | 0o100000);
  });
});

describe("capabilities", () => {
  test("bit 40 is CHECKPOINT_RESTORE, above what JavaScript can shift", () => {
    assertEquals(capabilityMask(["CHECKPOINT_RESTORE"]), 1n << 40n);
    assertEquals(capabilityMask(["CHOWN", "SYS_ADMIN"]), (1n << 21n) | 1n);
    assertEquals(capabilityMask([]), 0n);
  });

  test("a mask of all names gives all names back, in order", () => {
    const all = Object.keys(CAPABILITIES) as Capability[];
    assertEquals(all.length, 41);
    assertEquals(capabilityMask(all), (1n << 41n) - 1n);
    assertEquals(capabilityNames((1n << 41n) - 1n), all);
    assertEquals(capabilityNames(1n << 63n), []);
  });
});

describe("flags of clone", () => {
  test("are 64 bits wide and do not overlap", () => {
    assertEquals(sched.CLONE_INTO_CGROUP, 1n << 33n);
    assertEquals(sched.CLONE_CLEAR_SIGHAND, 1n << 32n);
    let seen = 0n;
    for (const bit of Object.values(sched.CLONE_FLAGS)) {
      assertEquals(seen & bit, 0n);
      seen |= bit;
    }
    assertEquals(Object.keys(sched.NAMESPACE_FLAGS).length, 8);
  });
});

describe("signals", () => {
  test("a signal's bit is its number less one", () => {
    assertEquals(signalBit(1), 1n);
    assertEquals(signalBit(64), 1n << 63n);
    for (const number of [0, 65, -1, 1.5]) assertThrows(() => signalBit(number), RangeError);
  });

  test("names are strace's", () => {
    for (const [name, number] of Object.entries(SIGNALS)) assertEquals(signalName(number), name);
    assertEquals([32, 33, 64].map(signalName), ["SIGRTMIN", "SIGRT_1", "SIGRT_32"]);
    assertEquals([0, 99].map(signalName), ["0", "99"]);
  });
});

describe("makedev()", () => {
  test("packs as the kernel does", () => {
    assertEquals(makedev(1, 3), 0x103);
    assertEquals(makedev(259, 70000), 0x11110370);
    assertEquals(makedev(4095, 1048575), 0xffffffff);
  });
  test("refuses what does not fit", () => {
    for (const [major, minor] of [[4096, 0], [0, 1 << 20], [-1, 0], [0, -1]] as const) {
      assertThrows(() => makedev(major, minor), RangeError);
    }
  });
});

const MODULES = [
  bpf,
  capability,
  epoll,
  if_,
  landlock,
  magic,
  mount,
  openat2,
  poll,
  resource,
  sched,
  seccomp,
  signal,
  socket,
  stat,
  timerfd,
  wait,
];

test("every struct of ffi/abi adds up to its declared size", () => {
  let structs = 0;
  for (const module of MODULES) {
    for (const value of Object.values(module) as unknown[]) {
      if (typeof value !== "object" || value === null || !("c" in value)) continue;
      assert(Object.keys((value as unknown as { fields: object }).fields).length > 0);
      structs++;
    }
  }
  assertEquals(structs, 35);
});

test("offsets that others count on", () => {
  assertEquals(SIGINFO.fields.si_status.offset, 24);
  assertEquals(STATX.fields.stx_mode.offset, 28);
  assertEquals(SOCKADDR_UN.fields.sun_path.offset, 2);
});
