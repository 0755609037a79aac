/** Chooses the seam of the runtime that runs this. */
import { bunSeam } from "./bun.ts";
import { denoSeam } from "./deno.ts";
import type { Seam } from "./host.ts";

let seam: Seam | undefined;

/** Throws under any other runtime: what calls the kernel needs Bun or Deno, everything else runs anywhere. */
export function loadSeam(): Seam {
  if (seam !== undefined) return seam;
  if ("Bun" in globalThis) seam = bunSeam();
  else if ("Deno" in globalThis) seam = denoSeam();
  else throw new Error("calling the kernel needs Bun or Deno; plan and validate work anywhere");
  return seam;
}
