/** Finds the runtime. Nothing happens on import, so that pure code above can be loaded anywhere. */
import { bunSeam } from "./bun.ts";
import { denoSeam } from "./deno.ts";
import { type Seam, SeamError } from "./host.ts";

let loaded: Seam | undefined;

/**
 * The seam of the running runtime, bound at the first call.
 *
 * @throws SeamError on a runtime that can't call the kernel (Node, a browser), or on another processor.
 */
export function loadSeam(): Seam {
  loaded ??= bindSeam();
  return loaded;
}

function bindSeam(): Seam {
  // Bun defines both names where a program wants it to look like Deno; its own decides.
  if ("Bun" in globalThis) return bunSeam();
  if ("Deno" in globalThis) return denoSeam();
  throw new SeamError(
    "containerv calls the kernel through FFI, which this runtime does not have: run it with Bun or Deno " +
      "(checking a spec and making a plan from a saved host work here)",
  );
}

/** Names of the C library: glibc's, then musl's of each processor. */
export const LIBC: readonly string[] = [
  "libc.so.6",
  "libc.musl-x86_64.so.1",
  "libc.musl-aarch64.so.1",
];
