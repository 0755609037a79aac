/** What only a processor and a kernel can show. */
import { assert, assertEquals } from "@std/assert";
import { describe, test } from "node:test";
import { syscallNumber } from "../../../ffi/abi/syscalls.ts";
import type { Word } from "../../../ffi/calls/call.ts";
import { encode } from "../../../ffi/stage/encode.ts";
import { decode } from "../../../ffi/stage/decode.ts";
import type { Architecture, Instruction } from "../../../ffi/stage/language.ts";
import * as layout from "../../../ffi/stage/layout.ts";
import {
  add,
  ARCHITECTURES,
  branch,
  call,
  cell,
  exit,
  imageOf,
  jump,
  label,
  report,
  result,
  set,
  store,
  text,
  toWords,
} from "../../unit/stage/support.ts";
import { cannotRun, runReal } from "./run_image.ts";

const AT_FDCWD = -100;
const SIGCHLD = 17;

/** Runs a program; it is to end with status 0. Returns what it wrote. */
function run(instructions: readonly Instruction[], architecture: Architecture): Uint8Array {
  const real = runReal(imageOf(instructions, architecture), architecture);
  assertEquals([real.status, real.signal], [0, null], new TextDecoder().decode(real.output));
  return real.output;
}

function open(path: string, into: string): Instruction {
  return call("openat", [AT_FDCWD, text(`${path}\0`), 0, 0], { into, onError: "failed" });
}

/** How a program of these tests ends: 0, or the errno of the call that failed. */
const ENDING = [exit(0), label("failed"), exit(result("error.errno"))];

/** A fork: clone3, or clone where the emulator has no clone3. */
function fork(architecture: Architecture, into: string): Instruction {
  if (architecture === "aarch64") return call("clone", [SIGCHLD, 0, 0, 0, 0], { into });
  const cloneArgs = new Uint8Array(64);
  new DataView(cloneArgs.buffer).setUint32(32, SIGCHLD, true); // exit_signal
  return call("clone3", [{ bytes: cloneArgs }, 64], { into, onError: "failed" });
}

function testLoads(architecture: Architecture): void {
  test("loads extend with zero and with the sign", () => {
    const bytes = { bytes: Uint8Array.of(0x80, 0xff, 0x7f, 0x81, 0x01, 0x02, 0x03, 0x84) };
    const load = (width: 1 | 2 | 4 | 8, signed: boolean, offset: Word): Instruction => (
      { kind: "load", into: `${width}${signed}${offset}`, address: bytes, offset, width, signed }
    );
    const cases: [1 | 2 | 4 | 8, boolean, number, bigint][] = [
      [1, false, 0, 0x80n],
      [1, true, 0, -0x80n],
      [1, true, 2, 0x7fn],
      [2, false, 0, 0xff80n],
      [2, true, 0, -0x80n],
      [2, true, 1, 0x7fffn],
      [4, false, 0, 0x817fff80n],
      [4, true, 0, 0x817fff80n - (1n << 32n)],
      [4, true, 3, 0x03020181n],
      [8, false, 0, BigInt.asIntN(64, 0x84030201_817fff80n)],
      [8, true, 0, BigInt.asIntN(64, 0x84030201_817fff80n)],
    ];
    const loads = cases.map(([width, signed, offset]) => load(width, signed, offset));
    const names = cases.map(([width, signed, offset]) => `${width}${signed}${offset}`);
    const output = run([...loads, ...report(names), ...ENDING], architecture);
    assertEquals(toWords(output), cases.map(([, , , want]) => want));
  });
}

function testNumbers(architecture: Architecture): void {
  test("add wraps, less is signed, stores overlap", () => {
    const memory = (offset: number) => cell("memory", 16, offset);
    const output = run([
      set("least", -0x8000000000000000n),
      set("greatest", 0x7fffffffffffffffn),
      add("wrapped", result("greatest"), 1),
      add("below", result("least"), -1),
      set("less", 1),
      branch("less", [result("least"), result("greatest")], "signed"),
      set("less", 0),
      label("signed"),
      set("not less", 0),
      branch("less", [result("greatest"), result("greatest")], "wrong"),
      branch("less", [0, -1], "wrong"),
      set("not less", 1),
      label("wrong"),
      store(memory(0), 0x1111111111111111n, 8),
      store(memory(3), 0xaabbccdd, 4),
      store(memory(2), 0x12345, 2),
      store(memory(7), 0x1ff, 1),
      { kind: "load", into: "memory", address: memory(0), width: 8 },
      ...report(["wrapped", "below", "less", "not less", "memory"]),
      ...ENDING,
    ], architecture);
    const memoryWord = BigInt.asIntN(64, 0xffaabbcc_23451111n);
    assertEquals(toWords(output), [-(1n << 63n), (1n << 63n) - 1n, 1n, 1n, memoryWord]);
  });
}

function testWords(architecture: Architecture): void {
  test("−4095 is an error, −4096 is a result", () => {
    // lseek on /proc/self/mem answers with the offset itself, also with negative ones.
    const output = run([
      open("/proc/self/mem", "mem"),
      call("lseek", [result("mem"), -4096, 0], { into: "result", onError: "failed" }),
      call("lseek", [result("mem"), -4095, 0], { into: "error", onError: "expected" }),
      exit(1),
      label("expected"),
      ...report(["result", "error", "error.record", "error.errno"]),
      ...ENDING,
    ], architecture);
    assertEquals(toWords(output), [-4096n, -4095n, 2n, 4095n]);
  });

  test("all six words can be results, and all six count", () => {
    const MAP_PRIVATE = 2;
    const MAP_FIXED_NOREPLACE = 0x100000;
    const address = 0x50000000;
    const output = run([
      open("/proc/self/exe", "w4"),
      set("w0", address),
      set("w1", 4096),
      set("w2", 1),
      set("w3", MAP_PRIVATE | MAP_FIXED_NOREPLACE),
      set("w5", layout.DATA_OFFSET),
      call("mmap", [0, 1, 2, 3, 4, 5].map((i) => result(`w${i}`)), {
        into: "address",
        onError: "failed",
      }),
      { kind: "load", into: "magic", address: result("address"), offset: 24, width: 8 },
      ...report(["address", "magic"]),
      ...ENDING,
    ], architecture);
    const magic = (BigInt(layout.MAGIC_HIGH) << 32n) | BigInt(layout.MAGIC_LOW);
    // qemu runs the image as its own argument: /proc/self/exe is emulated to be it.
    assertEquals(toWords(output), [BigInt(address), magic]);
  });
}

function testClone(architecture: Architecture): void {
  test("a clone goes on at the next record with memory of its own", () => {
    const memory = cell("memory", 8);
    const output = run([
      store(memory, 7),
      set("kept", 41),
      fork(architecture, "pid"),
      branch("less", [result("pid"), 0], "failed"),
      branch("less", [0, result("pid")], "parent"),
      store(memory, 8),
      add("kept", result("kept"), 1),
      { kind: "load", into: "seen", address: memory, width: 8 },
      ...report(["pid", "kept", "seen"]),
      exit(3),
      label("parent"),
      call("wait4", [result("pid"), cell("status", 4), 0, 0], {
        into: "waited",
        onError: "failed",
      }),
      { kind: "load", into: "seen", address: memory, width: 8 },
      { kind: "load", into: "status", address: cell("status", 4), width: 4 },
      branch("equal", [result("pid"), result("waited")], "right"),
      exit(1),
      label("right"),
      set("pid", 1),
      ...report(["pid", "kept", "seen", "status"], "report of the parent"),
      ...ENDING,
    ], architecture);
    assertEquals(toWords(output), [0n, 42n, 8n, 1n, 41n, 7n, 3n << 8n]);
  });
}

function testBytes(architecture: Architecture): void {
  test("patches put results into structs just before the call", () => {
    const POLLIN = 1;
    const fds = cell("fds", 8);
    const pollfds = {
      bytes: new Uint8Array(16),
      patches: [
        { offset: 0, width: 4, word: result("read end") },
        { offset: 4, width: 4, word: POLLIN },
        { offset: 8, width: 4, word: -1 },
      ],
    } as const;
    // An empty list of patches: bytes that can be written. Linux does not mind a constant here, qemu does.
    const timeout = { bytes: new Uint8Array(16), patches: [] };
    const output = run([
      call("pipe2", [fds, 0], { onError: "failed" }),
      { kind: "load", into: "read end", address: fds, width: 4 },
      { kind: "load", into: "write end", address: fds, offset: 4, width: 4, signed: true },
      call("ppoll", [pollfds, 2, timeout, 0, 8], {
        into: "before",
        onError: "failed",
      }),
      call("write", [result("write end"), text("x"), 1], { onError: "failed" }),
      call("ppoll", [pollfds, 2, timeout, 0, 8], {
        into: "after",
        onError: "failed",
      }),
      { kind: "load", into: "events", address: pollfds, offset: 4, width: 4 },
      ...report(["before", "after", "events"]),
      ...ENDING,
    ], architecture);
    assertEquals(toWords(output), [0n, 1n, BigInt(POLLIN | (POLLIN << 16))]);
  });

  test("argument vectors: addresses in bytes", () => {
    const argv = {
      bytes: new Uint8Array(32),
      patches: [
        { offset: 0, width: 8, word: text("sh\0") },
        { offset: 8, width: 8, word: text("-c\0") },
        { offset: 16, width: 8, word: text('printf %s "$WORD"; exit 9\0') },
      ],
    } as const;
    const envp = {
      bytes: new Uint8Array(16),
      patches: [{ offset: 0, width: 8, word: text("WORD=it works\0") }],
    } as const;
    const image = imageOf([call("execve", [text("/bin/sh\0"), argv, envp])], architecture);
    const real = runReal(image, architecture);
    assertEquals(real.status, 9);
    assertEquals(new TextDecoder().decode(real.output), "it works");
  });
}

function testEnds(architecture: Architecture): void {
  const number = (name: string) => syscallNumber(name, architecture);

  test("an execve that fails ends in the trap, and a trap that fails in SIGILL", () => {
    const program = { instructions: [call("execve", [text("/nonexistent/program\0"), 0, 0])] };
    const { image, records } = encode(program, architecture);
    assertEquals(runReal(image, architecture).status, layout.TRAP_STATUS);
    const view = new DataView(image.buffer);
    const first = view.getUint32(layout.DATA_OFFSET + layout.HEADER_RECORDS_ADDRESS, true);
    const trap = first - layout.DATA_BASE + (records.length - 1) * layout.RECORD_SIZE;
    assertEquals(decode(image).records.at(-1)?.number, number("exit_group"));
    view.setUint32(trap + layout.RECORD_NUMBER, number("getpid"), true);
    assertEquals(runReal(image, architecture).signal, "SIGILL");
    for (const kind of [7, 255]) {
      view.setUint8(trap, kind);
      assertEquals(runReal(image, architecture).signal, "SIGILL", `kind ${kind}`);
    }
  });
}

function testMemory(architecture: Architecture): void {
  test("a store into constants dies", () => {
    const image = imageOf([store(text("constant"), 1), exit(0)], architecture);
    assertEquals(runReal(image, architecture).signal, "SIGSEGV");
  });

  test("large cells are zero and can be written to their ends", () => {
    const size = 3_000_000;
    const memory = (offset: number) => cell("large", size, offset);
    const output = run([
      { kind: "load", into: "zero", address: memory(size - 8), width: 8 },
      store(memory(size - 8), -2),
      { kind: "load", into: "last", address: memory(size - 8), width: 8 },
      jump("report"),
      label("report"),
      ...report(["zero", "last"]),
      ...ENDING,
    ], architecture);
    assertEquals(toWords(output), [0n, -2n]);
  });
}

for (const architecture of ARCHITECTURES) {
  describe(`the stage on ${architecture}`, { skip: cannotRun(architecture) }, () => {
    testLoads(architecture);
    testNumbers(architecture);
    testWords(architecture);
    testClone(architecture);
    testBytes(architecture);
    testEnds(architecture);
    testMemory(architecture);
  });
}

describe("the stage's memory", { skip: cannotRun("x86_64") }, () => {
  test("code alone is executable, and nothing is both written and executed", () => {
    const buffer = cell("buffer", 4096);
    const output = run([
      open("/proc/self/maps", "maps"),
      call("read", [result("maps"), buffer, 4096], { into: "count", onError: "failed" }),
      call("write", [1, buffer, result("count")], { onError: "failed" }),
      ...ENDING,
    ], "x86_64");
    const maps = new TextDecoder().decode(output).trim().split("\n")
      .map((line) => line.split(/\s+/));
    const permissions = (address: number) =>
      maps.find(([range]) => range?.startsWith(`${address.toString(16)}-`))?.[1];
    assertEquals(permissions(layout.CODE_BASE), "r-xp");
    assertEquals(permissions(layout.DATA_BASE + layout.DATA_OFFSET), "r--p");
    const executable = maps.filter(([, mode]) => mode?.includes("x")).map((line) => line.at(-1));
    const kernels = executable.filter((name) => /^\[(vdso|vsyscall|uprobes)\]$/.test(name ?? ""));
    assertEquals(executable.length - kernels.length, 1, executable.join(" "));
    assertEquals(maps.filter(([, mode]) => mode?.includes("wx")), []);
    assert(maps.some((line) => line.at(-1) === "[stack]" && line[1] === "rw-p"));
  });
});
