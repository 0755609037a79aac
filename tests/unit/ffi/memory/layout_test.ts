import { test } from "node:test";
import { assertEquals, assertThrows } from "@std/assert";
import { RUSAGE } from "../../../../ffi/abi/wait.ts";
import { SIGINFO } from "../../../../ffi/abi/signal.ts";
import { readStruct } from "../../../../ffi/memory/layout.ts";
import { readCString } from "../../../../ffi/memory/text.ts";

test("readStruct() reads every integer from a base, and no run of bytes", () => {
  const bytes = new Uint8Array(8 + SIGINFO.size);
  const view = new DataView(bytes.buffer);
  view.setInt32(8, 17, true);
  view.setInt32(8 + 8, -6, true);
  view.setUint32(8 + 20, 4294967295, true);
  const info = readStruct(SIGINFO, bytes, { base: 8 });
  assertEquals(info.si_signo, 17);
  assertEquals(info.si_code, -6);
  assertEquals(info.si_uid, 4294967295);
  assertEquals("__pad2" in info, false);
});

test("readStruct() reads a subarray at its own place", () => {
  const memory = new Uint8Array(200);
  new DataView(memory.buffer).setBigInt64(24 + 32, 12345n, true);
  assertEquals(readStruct(RUSAGE, memory.subarray(24)).ru_maxrss, 12345n);
});

test("readStruct() refuses bytes that end before the struct", () => {
  assertThrows(() => readStruct(SIGINFO, new Uint8Array(127)), RangeError, "are no siginfo_t");
  assertThrows(() => readStruct(SIGINFO, new Uint8Array(130), { base: 3 }), RangeError);
});

test("readCString() ends at the first NUL, or at the end", () => {
  assertEquals(readCString(new Uint8Array([0x61, 0xc3, 0xa9, 0, 0x62])), "aé");
  assertEquals(readCString(new Uint8Array([0x61, 0x62])), "ab");
  assertEquals(readCString(new Uint8Array([0])), "");
  assertEquals(readCString(new Uint8Array([0xff, 0])), "\ufffd");
});
