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

test("every name of the C library is one that each loader has open already: none is looked for in the working directory", () => {
  assertEquals(LIBC, ["libc.so.6"]);
});
