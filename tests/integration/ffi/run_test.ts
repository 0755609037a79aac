import { readdirSync } from "node:fs";
import process from "node:process";
import { describe, test } from "node:test";
import { assert, assertEquals, assertThrows } from "@std/assert";
import { EAGAIN, EBADF, ENOENT } from "../../../ffi/abi/errno.ts";
import {
  F_GETFD,
  F_GETFL,
  O_CLOEXEC,
  O_DIRECTORY,
  O_NONBLOCK,
  O_PATH,
  O_RDONLY,
} from "../../../ffi/abi/fcntl.ts";
import { AF_UNIX, SOCK_CLOEXEC, SOCK_SEQPACKET } from "../../../ffi/abi/socket.ts";
import { POLLHUP, POLLIN, POLLNVAL } from "../../../ffi/abi/poll.ts";
import {
  close,
  fcntl,
  openat,
  openat2,
  pipe2,
  pread64,
  read,
  write,
} from "../../../ffi/calls/fs.ts";
import { getpid, kill } from "../../../ffi/calls/process.ts";
import { ppoll } from "../../../ffi/calls/poll.ts";
import { recvmsg, rightsSpace, sendmsg, socketpair } from "../../../ffi/calls/socket.ts";
import { Fd } from "../../../ffi/linux/fd.ts";
import { readOnce, waitForFd } from "../../../ffi/linux/poll.ts";
import { callSync, check, readCell, SyscallError, writeCell } from "../../../ffi/linux/run.ts";
import { kernel, numberOf } from "../../../ffi/linux/libc.ts";
import { listenToSignals } from "../../../ffi/linux/signals.ts";

const collectGarbage = (globalThis as { Bun?: { gc: (now: boolean) => void } }).Bun?.gc;
const openFds = (): number => readdirSync("/proc/self/fd").length;

function makePipe(): { reader: Fd; writer: Fd } {
  const cell = { cell: "test pipe", size: 8 };
  check(pipe2({ pipefd: cell, flags: O_CLOEXEC }));
  const view = new DataView(readCell(cell).slice().buffer);
  return { reader: new Fd(view.getInt32(0, true)), writer: new Fd(view.getInt32(4, true)) };
}

describe("callSync()", () => {
  test("gives the kernel's result", () => assertEquals(callSync(getpid()), process.pid));

  test("gives −errno, right 10,000 times although errors take turns", () => {
    const bad = close({ fd: 9990 });
    const absent = openat({ pathname: "/nowhere/at all", flags: O_RDONLY });
    const gone = kill({ pid: 4194303, sig: 0 });
    for (let i = 0; i < 10_000; i++) {
      assertEquals(callSync(bad), -EBADF);
      assertEquals(callSync(absent), -ENOENT);
      assertEquals(callSync(gone), -3);
      if (i % 2500 === 0) collectGarbage?.(true);
    }
  });

  test("walks a path again that the kernel would not walk beside a rename, but not for ever", () => {
    const libc = kernel() as { call: ReturnType<typeof kernel>["call"] };
    const { call } = libc;
    const walk = openat2({ pathname: "/proc/self/..", flags: O_PATH });
    let disturbed = 0;
    libc.call = (number, given) =>
      number === numberOf("openat2") && disturbed-- > 0 ? -EAGAIN : call(number, given);
    try {
      disturbed = 3;
      new Fd(check(walk))[Symbol.dispose]();
      assertEquals(disturbed, -1);
      disturbed = Infinity;
      assertEquals(callSync(walk), -EAGAIN);
    } finally {
      libc.call = call;
    }
  });

  test("fills results into words and into bytes just before the call", () => {
    const { reader, writer } = makePipe();
    using _reader = reader;
    using _writer = writer;
    const results = new Map([["to", writer.number], ["from", reader.number]]);
    assertEquals(callSync(write({ fd: { result: "to" }, buf: "hello" }), results), 5);
    const poll = ppoll({ fds: [{ fd: { result: "from" }, events: POLLIN }] });
    assertEquals(callSync(poll, results), 1);
    const buf = { cell: "test buffer", size: 16 };
    assertEquals(callSync(read({ fd: { result: "from" }, buf, count: 16 }), results), 5);
    assertEquals(new TextDecoder().decode(readCell(buf).slice(0, 5)), "hello");
    assertThrows(() => callSync(close({ fd: { result: "none" } })), RangeError, '"none"');
  });

  test("cells of one name and size are one memory, zeroed at first", () => {
    const cell = { cell: "test cell", size: 8 };
    assertEquals(readCell(cell), new Uint8Array(8));
    writeCell({ ...cell, offset: 6 }, new Uint8Array([1, 2]));
    assertEquals([...readCell(cell)], [0, 0, 0, 0, 0, 0, 1, 2]);
    assertEquals(readCell({ cell: "test cell", size: 16 }), new Uint8Array(16));
    assertThrows(() => writeCell({ ...cell, offset: 7 }, new Uint8Array(2)), RangeError);
  });

  test("writes a mebibyte through the arena", () => {
    using file = Fd.open(openat({ pathname: "/dev/null", flags: 1 | O_CLOEXEC }));
    assertEquals(callSync(write({ fd: file.number, buf: new Uint8Array(1 << 20) })), 1 << 20);
  });

  test("bytes reach the kernel unchanged while garbage is collected", () => {
    const { reader, writer } = makePipe();
    using _reader = reader;
    using _writer = writer;
    const buf = { cell: "test buffer", size: 64 };
    for (let i = 0; i < 2000; i++) {
      const text = `round ${i} ${"x".repeat(i % 40)}`;
      check(write({ fd: writer.number, buf: text }));
      if (i % 500 === 0) collectGarbage?.(true);
      const length = check(read({ fd: reader.number, buf, count: 64 }));
      assertEquals(new TextDecoder().decode(readCell(buf).slice(0, length)), text);
    }
  });
});

describe("check()", () => {
  test("throws strace's line, with values for the names of results", () => {
    const results = new Map([["root", 9990]]);
    const call = openat({ dirfd: { result: "root" }, pathname: "etc", flags: O_DIRECTORY });
    const error = assertThrows(() => check(call, results), SyscallError);
    assertEquals(
      error.message,
      'openat(9990, "etc", O_RDONLY|O_DIRECTORY) = -1 EBADF (Bad file descriptor)',
    );
    assertEquals([error.errno, error.errnoName], [EBADF, "EBADF"]);
  });
});

describe("Fd", () => {
  test("closes once, at the end of its block", () => {
    let number: number;
    {
      using fd = Fd.open(openat({ pathname: "/", flags: O_DIRECTORY | O_CLOEXEC }));
      number = fd.number;
      assert(Number(callSync(fcntl({ fd: number, cmd: F_GETFD }))) >= 0);
    }
    assertEquals(callSync(fcntl({ fd: number, cmd: F_GETFD })), -EBADF);
  });

  test("hands its number over", () => {
    const fd = Fd.open(openat({ pathname: "/", flags: O_DIRECTORY | O_CLOEXEC }));
    const number = fd.release();
    fd[Symbol.dispose]();
    assertThrows(() => fd.number, RangeError, "closed");
    assertEquals(callSync(close({ fd: number })), 0);
    for (const none of [-1, 1.5, NaN]) assertThrows(() => new Fd(none), RangeError);
  });

  test("none is left after 1,000 rounds", () => {
    const before = openFds();
    for (let i = 0; i < 1000; i++) {
      using fd = Fd.open(openat({ pathname: "/etc/passwd", flags: O_CLOEXEC }));
      const buf = { cell: "test buffer", size: 64 };
      check(pread64({ fd: fd.number, buf, count: 64, offset: 0 }));
    }
    assertEquals(openFds(), before);
  });
});

describe("waitForFd() and readOnce()", () => {
  test("see nothing, then bytes, then the end", () => {
    const { reader, writer } = makePipe();
    using _reader = reader;
    const before = performance.now();
    assertEquals(waitForFd({ fd: reader.number, timeoutMs: 20 }), 0);
    assert(performance.now() - before >= 19);
    check(write({ fd: writer.number, buf: "ab" }));
    assertEquals(waitForFd({ fd: reader.number, timeoutMs: 1000 }), POLLIN);
    assertEquals([...readOnce({ fd: reader.number })], [0x61, 0x62]);
    writer[Symbol.dispose]();
    assertEquals(waitForFd({ fd: reader.number, timeoutMs: 1000 }), POLLHUP);
    assertEquals(readOnce({ fd: reader.number }).length, 0);
    assertEquals(waitForFd({ fd: 9990, timeoutMs: 1000 }), POLLNVAL);
  });
});

test("sendmsg() hands a descriptor over a socket", () => {
  const sv = { cell: "test sockets", size: 8 };
  check(socketpair({ domain: AF_UNIX, type: SOCK_SEQPACKET | SOCK_CLOEXEC, protocol: 0, sv }));
  const pair = new DataView(readCell(sv).slice().buffer);
  using left = new Fd(pair.getInt32(0, true));
  using right = new Fd(pair.getInt32(4, true));
  using file = Fd.open(openat({ pathname: "/dev/null", flags: O_NONBLOCK | O_CLOEXEC }));
  const results = new Map([["file", file.number]]);
  const message = new Uint8Array([7]);
  check(sendmsg({ sockfd: left.number, buf: message, fds: [{ result: "file" }] }), results);
  const buf = { cell: "test message", size: 8 };
  const control = { cell: "test control", size: rightsSpace(1) };
  assertEquals(check(recvmsg({ sockfd: right.number, buf, control, flags: 0x40000000 })), 1);
  assertEquals(readCell(buf)[0], 7);
  using copy = new Fd(new DataView(readCell(control).slice().buffer).getInt32(16, true));
  assert(copy.number !== file.number);
  const flags = check(fcntl({ fd: copy.number, cmd: F_GETFL }));
  assertEquals(flags & O_NONBLOCK, O_NONBLOCK);
});

test("listenToSignals() tells the number of each signal, until it is stopped", async () => {
  const seen: number[] = [];
  let wake = (): void => {};
  const stop = listenToSignals(["SIGUSR1", "SIGWINCH"], (signal) => {
    seen.push(signal);
    wake();
  });
  for (const sig of [10, 28]) {
    const woken = new Promise<void>((resolve) => wake = resolve);
    check(kill({ pid: process.pid, sig }));
    const timer = setTimeout(() => wake(), 5000);
    await woken;
    clearTimeout(timer);
  }
  stop();
  assertEquals(seen, [10, 28]);
  // SIGWINCH without a listener is ignored by default: nothing more arrives.
  check(kill({ pid: process.pid, sig: 28 }));
  await new Promise((resolve) => setTimeout(resolve, 50));
  assertEquals(seen.length, 2);
  assertThrows(() => listenToSignals(["SIGKILL"], () => {}), RangeError);
});
