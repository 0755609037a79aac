import { spawnSync } from "node:child_process";
import { readdirSync } from "node:fs";
import process from "node:process";
import { describe, test } from "node:test";
import { fileURLToPath } from "node:url";
import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { ECHILD, EPERM } from "../../../ffi/abi/errno.ts";
import {
  F_GET_SEALS,
  F_SEAL_EXEC,
  F_SEAL_GROW,
  F_SEAL_SEAL,
  F_SEAL_SHRINK,
  F_SEAL_WRITE,
  O_CLOEXEC,
} from "../../../ffi/abi/fcntl.ts";
import { CLD_EXITED, CLD_KILLED, SIGTERM } from "../../../ffi/abi/signal.ts";
import { fchmod, fcntl, ftruncate, pipe2, write } from "../../../ffi/calls/fs.ts";
import { awaitChild } from "../../../ffi/linux/children.ts";
import { Fd } from "../../../ffi/linux/fd.ts";
import { readOnce } from "../../../ffi/linux/poll.ts";
import { callSync, check, readCell, SyscallError } from "../../../ffi/linux/run.ts";
import { imageFile, spawnFile, spawnImage } from "../../../ffi/linux/spawn.ts";
import { reapNow } from "../../../ffi/linux/wait.ts";
import { PATIENCE } from "../../support/cli.ts";
import { exits, killsItself, shows, sleeps, writes } from "./programs.ts";

const collectGarbage = (globalThis as { Bun?: { gc: (now: boolean) => void } }).Bun?.gc;
const openFds = (): readonly string[] => readdirSync("/proc/self/fd");

function makePipe(): { reader: Fd; writer: Fd } {
  const cell = { cell: "test pipe", size: 8 };
  check(pipe2({ pipefd: cell, flags: O_CLOEXEC }));
  const view = new DataView(readCell(cell).slice().buffer);
  return { reader: new Fd(view.getInt32(0, true)), writer: new Fd(view.getInt32(4, true)) };
}

const start = (image: Uint8Array): number =>
  spawnImage({ image, name: "test", argv: ["test"], fds: [] });

/** What a program writes to descriptor `to`. */
async function outputOf(image: Uint8Array, to: number): Promise<string> {
  const { reader, writer } = makePipe();
  using _reader = reader;
  const pid = spawnImage({
    image,
    name: "test",
    argv: ["shown argv", "second"],
    fds: [{ from: writer.number, to }],
  });
  writer[Symbol.dispose]();
  const text = new TextDecoder().decode(readOnce({ fd: reader.number }));
  await awaitChild(pid);
  return text;
}

describe("spawnImage()", () => {
  test("100 programs in a row end with their own status and leave no descriptor", async () => {
    await awaitChild(start(exits(0)));
    const before = openFds().length;
    for (let status = 0; status < 100; status++) {
      const exit = await awaitChild(start(exits(status)));
      assertEquals([exit.code, exit.status], [CLD_EXITED, status]);
    }
    assertEquals(openFds().length, before);
  });

  test("gives no ignored and no blocked signal on, whatever the runtime ignores", async () => {
    const status = await outputOf(shows("/proc/self/status", 1), 1);
    for (const field of ["SigBlk", "SigIgn", "SigCgt"]) {
      assertEquals(new RegExp(`^${field}:\\s+(\\w+)$`, "m").exec(status)?.[1], "0".repeat(16));
    }
  });

  test("gives exactly argv and an empty environment", async () => {
    assertEquals(await outputOf(shows("/proc/self/cmdline", 5), 5), "shown argv\0second\0");
    assertEquals(await outputOf(shows("/proc/self/environ", 5), 5), "");
  });

  test("shows a sealed memfd of the given name as its program", async () => {
    const maps = await outputOf(shows("/proc/self/maps", 1), 1);
    assert(maps.includes("/memfd:test (deleted)"), maps);
    assert(!maps.includes(process.execPath), maps);
  });

  test("moves descriptors onto each other's numbers", async () => {
    const one = makePipe();
    const two = makePipe();
    const [a, b] = [one.writer.number, two.writer.number];
    // Each is the other's target, and the program's own memfd may have either's number.
    for (const [to, reader] of [[b, one.reader], [a, two.reader]] as const) {
      const pid = spawnImage({
        image: writes(`to ${to}`, to),
        name: "test",
        argv: ["test"],
        fds: [{ from: a, to: b }, { from: b, to: a }],
      });
      assertEquals((await awaitChild(pid)).status, 0);
      assertEquals(new TextDecoder().decode(readOnce({ fd: reader.number })), `to ${to}`);
    }
    for (const { reader, writer } of [one, two]) {
      reader[Symbol.dispose]();
      writer[Symbol.dispose]();
    }
  });

  test("takes targets that a memfd would get, one after the other", async () => {
    const { reader, writer } = makePipe();
    using _reader = reader;
    using _writer = writer;
    const image = exits(3);
    const fds = Array.from({ length: 40 }, (_, index) => ({ from: writer.number, to: index + 3 }));
    const pid = spawnImage({ image, name: "test", argv: ["test"], fds });
    assertEquals((await awaitChild(pid)).status, 3);
  });

  test("programs survive garbage collections while they start", async () => {
    for (let round = 0; round < 30; round++) {
      const image = exits(round);
      const junk = Array.from({ length: 200 }, () => new Uint8Array(1000));
      const pid = start(image);
      assertEquals(junk.length, 200);
      collectGarbage?.(true);
      assertEquals((await awaitChild(pid)).status, round);
    }
  });

  test("an image that is none is ENOEXEC, as a line of strace, and leaves nothing", () => {
    const before = openFds().length;
    const error = assertThrows(() => start(new Uint8Array(100).fill(1)), SyscallError);
    assert(/^posix_spawn\("\/proc\/self\/fd\/\d+", \["test"\]\) = -1 ENOEXEC /.test(error.message));
    assertEquals(openFds().length, before);
    assertThrows(
      () => spawnImage({ image: exits(0), name: "x".repeat(250), argv: [], fds: [] }),
      SyscallError,
      "EINVAL",
    );
    assertThrows(
      () => spawnImage({ image: exits(0), name: "x", argv: [], fds: [{ from: 9990, to: 1 }] }),
      SyscallError,
      "EBADF",
    );
    assertEquals(openFds().length, before);
  });
});

describe("imageFile()", () => {
  test("can't be changed any more, and says whether its x bits can", () => {
    const { fd, execSealed } = imageFile({ image: exits(0), name: "sealed" });
    using file = fd;
    const seals = check(fcntl({ fd: file.number, cmd: F_GET_SEALS }));
    const wanted = F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE;
    assertEquals(seals & wanted, wanted);
    assertEquals((seals & F_SEAL_EXEC) !== 0, execSealed);
    assertEquals(callSync(write({ fd: file.number, buf: "x" })), -EPERM);
    assertEquals(callSync(ftruncate({ fd: file.number, length: 0 })), -EPERM);
    if (execSealed) assertEquals(callSync(fchmod({ fd: file.number, mode: 0 })), -EPERM);
  });

  test("starts many times", async () => {
    const { fd } = imageFile({ image: exits(4), name: "many" });
    using file = fd;
    for (let i = 0; i < 5; i++) {
      const pid = spawnFile({ fd: file.number, argv: ["many"], fds: [] });
      assertEquals((await awaitChild(pid)).status, 4);
    }
  });
});

describe("awaitChild()", () => {
  test("tells of a signal, and of what was used", async () => {
    const exit = await awaitChild(start(killsItself(SIGTERM)));
    assertEquals([exit.code, exit.status], [CLD_KILLED, SIGTERM]);
    assert(exit.rusage.maxRssKib >= 0 && exit.rusage.userMicroseconds >= 0);
  });

  test("50 at a time, whose signals coalesce", async () => {
    const children = Array.from(
      { length: 50 },
      (_, index) => ({ index, pid: start(exits(index)) }),
    );
    const ends = await Promise.all(children.map(({ pid }) => awaitChild(pid)));
    assertEquals(ends.map(({ status }) => status), children.map(({ index }) => index));
  });

  test("waits without polling for one that takes its time, and shares the answer", async () => {
    const before = performance.now();
    const pid = start(sleeps(150));
    assertEquals(reapNow({ pid }), undefined);
    const [one, two] = await Promise.all([awaitChild(pid), awaitChild(pid)]);
    assert(performance.now() - before >= 149);
    assertEquals([one.pid, two.pid], [pid, pid]);
  });

  test("a child that is none is ECHILD", async () => {
    const error = await assertRejects(() => awaitChild(4194303), SyscallError);
    assertEquals(error.errno, ECHILD);
    const pid = start(exits(0));
    await awaitChild(pid);
    await assertRejects(() => awaitChild(pid), SyscallError, "ECHILD");
  });
});

describe("a process of its own", () => {
  const fixture = fileURLToPath(new URL("./await_children.ts", import.meta.url));
  const isBun = "Bun" in globalThis;
  const command = [process.execPath, ...(isBun ? [] : ["run", "-A", "--no-check"]), fixture];
  const run = (shell: string) =>
    spawnSync("/bin/sh", ["-c", shell, "sh", ...command], {
      encoding: "utf8",
      timeout: 30_000 * PATIENCE,
    });

  test("lives as long as a child is awaited, and no longer", () => {
    const before = performance.now();
    const ran = run('exec "$@"');
    assertEquals([ran.stdout, ran.status], ["ended 0\n", 0], ran.stderr);
    assert(performance.now() - before < 10_000 * PATIENCE);
  });

  test("that was started with signals ignored starts children without", () => {
    const ran = run("trap '' CHLD PIPE HUP XFSZ; exec \"$@\"");
    assertEquals([ran.stdout, ran.status], ["ended 0\n", 0], ran.stderr);
  });
});
