import { test } from "node:test";
import { assertEquals, assertThrows } from "@std/assert";
import { SeamError } from "../../../../ffi/seam/host.ts";
import { LIBC, loadSeam } from "../../../../ffi/seam/load.ts";

const runtime = "Bun" in globalThis ? "bun" : "Deno" in globalThis ? "deno" : undefined;

test("loadSeam() binds the running runtime once, and says what is missing elsewhere", () => {
  if (runtime === undefined) {
    assertThrows(() => loadSeam(), SeamError, "run it with Bun or Deno");
    return;
  }
  const seam = loadSeam();
  assertEquals(seam.runtime, runtime);
  assertEquals(loadSeam() === seam, true);
});

test("glibc comes before musl", () => {
  assertEquals(LIBC[0], "libc.so.6");
  assertEquals(LIBC.slice(1).every((name) => name.startsWith("libc.musl-")), true);
});
