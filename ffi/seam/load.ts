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

/**
 * Names of the C library: one that every loader answers with what is loaded already, glibc's by its soname, musl's because "libc."
 * is reserved there (load_library() of ldso/dynlink.c). None may be missing: Bun then looks into the working directory.
 */
export const LIBC: readonly string[] = ["libc.so.6"];
