/** Starts a program image from a sealed memfd by posix_spawn(3): no task of ours ever shares the runner's memory. */
import { EAGAIN, EINVAL, errnoMessage, errnoName } from "../abi/errno.ts";
import {
  F_ADD_SEALS,
  F_DUPFD_CLOEXEC,
  F_SEAL_EXEC,
  F_SEAL_GROW,
  F_SEAL_SEAL,
  F_SEAL_SHRINK,
  F_SEAL_WRITE,
} from "../abi/fcntl.ts";
import { MFD_ALLOW_SEALING, MFD_CLOEXEC, MFD_EXEC } from "../abi/memfd.ts";
import { cstr } from "../abi/text.ts";
import { write } from "../calls/io.ts";
import { close, fcntl, memfdCreate } from "../calls/open.ts";
import { mark, openArena, place, release, reserve } from "../memory/arena.ts";
import { openLibc } from "../memory/libc.ts";
import { callSync, check } from "./run.ts";

export interface SpawnOptions {
  readonly image: Uint8Array;
  /** Shown in /proc/PID/maps. */
  readonly name: string;
  readonly argv: readonly string[];
  /** Descriptors of ours and the numbers that they have in the program; all others are close-on-exec or its own to close. */
  readonly fds: readonly { readonly from: number; readonly to: number }[];
}

// <spawn.h>
const POSIX_SPAWN_SETSIGDEF = 0x04;
const POSIX_SPAWN_SETSIGMASK = 0x08;
/** glibc: posix_spawn_file_actions_t 80, posix_spawnattr_t 336, sigset_t 128 bytes; musl's are smaller. */
const OPAQUE_BYTES = 512;

/** The first descriptor that can't be the target of another one. */
const LIFTED_FD = 16;

/** A failure of posix_spawn(3), which gives its errno as its result. */
export class SpawnError extends Error {
  readonly errno: number;

  constructor(errno: number, path: string) {
    const text = `posix_spawn("${path}") = ${errno} ${errnoName(errno)} (${errnoMessage(errno)})`;
    super(text);
    this.name = "SpawnError";
    this.errno = errno;
  }
}

/**
 * Starts the image and gives its process id. The new process has default dispositions for all signals, an empty mask, an
 * empty environment. Throws SyscallError or SpawnError; nothing is left then.
 */
export function spawnImage(options: SpawnOptions): number {
  const memfd = makeImage(options);
  const lifted: number[] = [];
  try {
    // dup2 in a row would overwrite a descriptor that a later one needs.
    const fds = options.fds.map(({ from, to }) => {
      if (from === to || from >= LIFTED_FD) return { from, to };
      const copy = check(fcntl({ fd: from, cmd: F_DUPFD_CLOEXEC, arg: LIFTED_FD }));
      lifted.push(copy);
      return { from: copy, to };
    });
    return posixSpawn(`/proc/self/fd/${memfd}`, options.argv, fds);
  } finally {
    for (const fd of lifted) callSync(close({ fd }));
    callSync(close({ fd: memfd }));
  }
}

/** A memfd that holds the image and can't be changed any more, not even by one who can open it (CVE-2019-5736). */
function makeImage({ image, name }: SpawnOptions): number {
  const flags = MFD_CLOEXEC | MFD_ALLOW_SEALING;
  let fd = Number(callSync(memfdCreate({ name, flags: flags | MFD_EXEC })));
  // MFD_EXEC is of Linux 6.3; before it every memfd is executable.
  if (fd === -EINVAL) fd = check(memfdCreate({ name, flags }));
  else if (fd < 0) check(memfdCreate({ name, flags: flags | MFD_EXEC }));
  const written = check(write({ fd, buf: image }));
  if (written !== image.length) throw new Error(`wrote ${written} of ${image.length} bytes`);
  const seals = F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE;
  const sealed = Number(callSync(fcntl({ fd, cmd: F_ADD_SEALS, arg: seals | F_SEAL_EXEC })));
  if (sealed === -EINVAL) check(fcntl({ fd, cmd: F_ADD_SEALS, arg: seals }));
  else if (sealed < 0) check(fcntl({ fd, cmd: F_ADD_SEALS, arg: seals | F_SEAL_EXEC }));
  return fd;
}

/** How often a machine that is out of processes for a moment is asked again. */
const SPAWN_TRIES = 3;

function posixSpawn(
  path: string,
  argv: readonly string[],
  fds: SpawnOptions["fds"],
): number {
  const libc = openLibc();
  const { address, view, bytes } = openArena();
  const before = mark();
  try {
    const pid = reserve(8);
    const actions = reserve(OPAQUE_BYTES);
    const attributes = reserve(OPAQUE_BYTES);
    const signals = reserve(128);
    const none = reserve(128);
    const vector = reserve((argv.length + 1) * 8);
    argv.forEach((text, index) => {
      const at = BigInt(address + place(cstr(text)));
      view.setBigUint64(vector + index * 8, at, true);
    });
    must(libc.posix_spawn_file_actions_init(address + actions), path);
    for (const { from, to } of fds) {
      must(libc.posix_spawn_file_actions_adddup2(address + actions, from, to), path);
    }
    // Signal 32 and 33 belong to the C library; it leaves them out itself.
    bytes.fill(0xff, signals, signals + 8);
    must(libc.posix_spawnattr_init(address + attributes), path);
    const flags = POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK;
    must(libc.posix_spawnattr_setflags(address + attributes, flags), path);
    must(libc.posix_spawnattr_setsigdefault(address + attributes, address + signals), path);
    must(libc.posix_spawnattr_setsigmask(address + attributes, address + none), path);
    const program = address + place(cstr(path));
    const environment = reserve(8);
    let result = 0;
    for (let tries = 0; tries < SPAWN_TRIES; tries++) {
      const words = [pid, program - address, actions, attributes, vector, environment] as const;
      const [a, b, c, d, e, f] = words.map((offset) => address + offset) as [
        number,
        number,
        number,
        number,
        number,
        number,
      ];
      result = toErrno(libc.posix_spawn(a, b, c, d, e, f));
      if (result !== EAGAIN) break;
    }
    libc.posix_spawn_file_actions_destroy(address + actions);
    if (result !== 0) throw new SpawnError(result, path);
    return view.getInt32(pid, true);
  } finally {
    release(before);
  }
}

/** The functions return int; as a 64-bit word its upper half is undefined. */
const toErrno = (word: number | bigint): number => Number(BigInt.asIntN(32, BigInt(word)));

function must(word: number | bigint, path: string): void {
  const errno = toErrno(word);
  if (errno !== 0) throw new SpawnError(errno, path);
}
