/**
 * Closing descriptors. Every start closes a dozen, and an engine starts the threads of its compilers when a function was called
 * some thirty times (docs/benchmarks.md): so no record is made here, and what runs records is called that much less.
 */
import type { Callable } from "../seam/host.ts";
import { kernel, numberOf } from "./libc.ts";

let raw: Callable | undefined;
let number = 0;

/** close(2). What it says is about data that was written before, never about the descriptor, which is gone in any case. */
export function closeFd(fd: number): void {
  if (raw === undefined) {
    ({ raw } = kernel());
    number = numberOf("close");
  }
  raw(number, fd, 0, 0, 0, 0, 0);
}
