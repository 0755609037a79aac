/** The C library: the few of its functions that are called, opened once. */
import type { Callable } from "../seam/host.ts";
import { loadSeam } from "../seam/load.ts";

/** Number of words that each takes. `syscall` is variadic; registers make that the same here. */
const ARITY = {
  syscall: 7,
  __errno_location: 0,
  posix_spawn: 6,
  posix_spawn_file_actions_init: 1,
  posix_spawn_file_actions_adddup2: 3,
  posix_spawn_file_actions_destroy: 1,
  posix_spawnattr_init: 1,
  posix_spawnattr_setflags: 2,
  posix_spawnattr_setsigdefault: 2,
  posix_spawnattr_setsigmask: 2,
} as const;

export type Libc = Readonly<Record<keyof typeof ARITY, Callable>> & {
  /** The calling thread's errno: JavaScript has one thread here, so the address stays. */
  readonly errno: () => number;
};

/** glibc's name, then musl's. */
const NAMES = [
  "libc.so.6",
  "libc.musl-x86_64.so.1",
  "libc.musl-aarch64.so.1",
];

let libc: Libc | undefined;

/** Throws when no C library could be opened. */
export function openLibc(): Libc {
  if (libc !== undefined) return libc;
  const seam = loadSeam();
  const failures: unknown[] = [];
  for (const name of NAMES) {
    try {
      const functions = seam.open(name, ARITY);
      const errno = new Int32Array(seam.view(functions.__errno_location(), 4));
      libc = { ...functions, errno: () => errno[0] ?? 0 };
      return libc;
    } catch (error) {
      failures.push(error);
    }
  }
  throw new AggregateError(failures, `no C library could be opened: ${NAMES.join(", ")}`);
}
