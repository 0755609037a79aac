/** The few functions of the C library that are used, opened once, and the raw call with the kernel's convention. */
import { syscallNumber } from "../abi/syscalls.ts";
import type { Callable, Seam } from "../seam/host.ts";
import { LIBC, loadSeam } from "../seam/load.ts";

// Each symbol that is opened costs a cold start some 10 µs, the first a third of a millisecond: two are enough to run calls.
const CALL_SYMBOLS = {
  syscall: { words: 7, returns: "i64" },
  __errno_location: { words: 0, returns: "i64" },
} as const;

/** The kernel, as far as one call of libc reaches it. */
export interface Kernel {
  readonly seam: Seam;
  /** syscall(2) of libc itself: the number and six words, −1 for every error. */
  readonly raw: Callable;
  /** Six words, the kernel's own result: −4095…−1 are errors. */
  readonly call: (number: number, words: readonly (number | bigint)[]) => number | bigint;
}

let opened: Kernel | undefined;

/** Opens libc at the first use; throws SeamError where that can't be. */
export function kernel(): Kernel {
  opened ??= openKernel();
  return opened;
}

function openKernel(): Kernel {
  const seam = loadSeam();
  const libc = seam.open(LIBC, CALL_SYMBOLS);
  // errno belongs to the thread, and JavaScript stays on the thread that loaded this module: its place never moves.
  // It is read at once after the call, whose result -1 allocates nothing, so no other call of libc comes between.
  const errno = new Int32Array(seam.view(libc.__errno_location(), 4));
  const { syscall } = libc;
  return {
    seam,
    raw: syscall,
    call(number, words) {
      const result = syscall(
        number,
        words[0] ?? 0,
        words[1] ?? 0,
        words[2] ?? 0,
        words[3] ?? 0,
        words[4] ?? 0,
        words[5] ?? 0,
      );
      return result === -1 ? -(errno[0] ?? 0) : result;
    },
  };
}

/** Number of a call on this machine. */
export function numberOf(name: string): number {
  const known = numbers.get(name);
  if (known !== undefined) return known;
  const { architecture } = (opened ?? kernel()).seam;
  const number = syscallNumber(name, architecture);
  numbers.set(name, number);
  return number;
}

/** Of the calls that were made before: who calls often looks here first. */
export const numbers = new Map<string, number>();
