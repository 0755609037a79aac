/**
 * Starts a stage: image → sealed memfd → posix_spawn(3).
 *
 * libc's posix_spawn shares the runner's memory with the child only until execve, with every signal blocked and on a stack
 * of its own, and in no namespace or group of a container: nothing of the runner is ever visible there.
 */
import { EINVAL } from "../abi/errno.ts";
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
import { KERNEL_SIGACTION, SIG_DFL, SIG_IGN, SIGCHLD } from "../abi/signal.ts";
import { cstr } from "../abi/text.ts";
import { write } from "../calls/io.ts";
import { fcntl, memfdCreate } from "../calls/open.ts";
import { rtSigaction } from "../calls/signal.ts";
import type { Callable } from "../seam/host.ts";
import { LIBC } from "../seam/load.ts";
import { showArray, showString } from "../calls/show.ts";
import { shellOf } from "../stage/shell.ts";
import { closeFd } from "./close.ts";
import { Fd } from "./fd.ts";
import { kernel } from "./libc.ts";
import { callSync, check, createArena, failed, readCell, SyscallError } from "./run.ts";

/** A program in memory that nobody can change any more. */
export interface ImageFile {
  readonly fd: Fd;
  /** The kernel holds the x bits too (F_SEAL_EXEC, Linux 6.3); else a container may chmod its own stage to 0. */
  readonly execSealed: boolean;
}

const SEALS = F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE;

/**
 * Writes `image` to a new memfd (close-on-exec) and seals it. `name` is what /proc/PID/exe shows.
 *
 * @throws SyscallError: EACCES where vm.memfd_noexec is 2; ENOMEM, EMFILE.
 */
export function imageFile(args: { image: Uint8Array; name: string }): ImageFile {
  const { image, name } = args;
  const fd = createImage(name);
  try {
    for (let written = 0; written < image.length;) {
      const rest = written === 0 ? image : image.subarray(written);
      written += check(write({ fd: fd.number, buf: rest }));
    }
    const sealed = callSync(fcntl({ fd: fd.number, cmd: F_ADD_SEALS, arg: SEALS | F_SEAL_EXEC }));
    // Before 6.3 the unknown seal is refused, and with it all others.
    if (sealed === -EINVAL) check(fcntl({ fd: fd.number, cmd: F_ADD_SEALS, arg: SEALS }));
    else if (failed(sealed)) {
      const call = fcntl({ fd: fd.number, cmd: F_ADD_SEALS, arg: SEALS | F_SEAL_EXEC });
      throw new SyscallError(call, -Number(sealed));
    }
    return { fd, execSealed: sealed !== -EINVAL };
  } catch (error) {
    fd[Symbol.dispose]();
    throw error;
  }
}

function createImage(name: string): Fd {
  const flags = MFD_CLOEXEC | MFD_ALLOW_SEALING;
  const call = memfdCreate({ name, flags: flags | MFD_EXEC });
  const result = callSync(call);
  // Before 6.3 there is no MFD_EXEC: every memfd could be executed.
  if (result === -EINVAL) return Fd.open(memfdCreate({ name, flags }));
  if (failed(result)) throw new SyscallError(call, -Number(result));
  return new Fd(Number(result));
}

const SPAWN_SYMBOLS = {
  posix_spawn: { words: 6, returns: "i32" },
  posix_spawn_file_actions_init: { words: 1, returns: "i32" },
  posix_spawn_file_actions_adddup2: { words: 3, returns: "i32" },
  posix_spawn_file_actions_destroy: { words: 1, returns: "i32" },
  posix_spawnattr_init: { words: 1, returns: "i32" },
  posix_spawnattr_setflags: { words: 2, returns: "i32" },
  posix_spawnattr_setsigdefault: { words: 2, returns: "i32" },
  posix_spawnattr_setsigmask: { words: 2, returns: "i32" },
} as const;

type Spawner = { readonly [Name in keyof typeof SPAWN_SYMBOLS]: Callable };

// <spawn.h>, the same in glibc and musl.
const POSIX_SPAWN_SETSIGDEF = 0x04;
const POSIX_SPAWN_SETSIGMASK = 0x08;
/** Room for what libc keeps opaque: posix_spawnattr_t has 336 bytes, posix_spawn_file_actions_t 80, sigset_t 128. */
const ATTRIBUTE_BYTES = 512;
const ACTIONS_BYTES = 256;
const SIGSET_BYTES = 128;

interface Spawning {
  readonly libc: Spawner;
  /** Attributes that never change, made once: all dispositions default, no signal blocked. */
  readonly attributes: number;
}

let spawning: Spawning | undefined;
const memory = createArena();
const attributeMemory = createArena();

function prepareSpawning(): Spawning {
  const libc = kernel().seam.open(LIBC, SPAWN_SYMBOLS);
  const attributes = attributeMemory.allocate(ATTRIBUTE_BYTES, 16).address;
  const everySignal = attributeMemory.place(new Uint8Array(SIGSET_BYTES).fill(0xff), 16).address;
  const noSignal = attributeMemory.allocate(SIGSET_BYTES, 16).address;
  libc.posix_spawnattr_init(attributes);
  libc.posix_spawnattr_setflags(attributes, POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK);
  libc.posix_spawnattr_setsigdefault(attributes, everySignal);
  libc.posix_spawnattr_setsigmask(attributes, noSignal);
  keepChildren();
  return { libc, attributes };
}

/**
 * Where SIGCHLD is ignored (a parent's `trap '' CHLD` is inherited) the kernel reaps children by itself and their status
 * is lost: then it gets its default back.
 */
function keepChildren(): void {
  const oldact = { cell: "SIGCHLD disposition", size: KERNEL_SIGACTION.size };
  check(rtSigaction({ signum: SIGCHLD, oldact }));
  // sa_handler comes first; SIG_IGN is 1, and no function begins there.
  const bytes = readCell(oldact);
  const handler = new DataView(bytes.buffer, bytes.byteOffset, 8).getBigUint64(0, true);
  if (handler === BigInt(SIG_IGN)) {
    check(rtSigaction({ signum: SIGCHLD, handler: SIG_DFL }));
  }
}

/** A descriptor of the runner and the number that the child shall have it under. */
export interface FdMove {
  readonly from: number;
  readonly to: number;
}

/**
 * Starts `image` as a child; the result is its pid, which stays its own until it is waited for.
 *
 * What the child has: exactly `argv`, an empty environment, the runner's working directory and umask, every signal at its
 * default and none blocked, `fds` under their numbers without close-on-exec. What else the runner had open is closed if it
 * was close-on-exec (all that this project opens is); what others left open without it (Deno's inherited descriptors) is
 * still there, so the stage's first record closes the rest with close_range(2).
 *
 * @throws SyscallError: EACCES where a memfd can't be executed (vm.memfd_noexec=2), EAGAIN (RLIMIT_NPROC, pids.max), ENOMEM,
 *   ENOENT (no /proc). Nothing is left then.
 */
export function spawnImage(
  args: {
    image: Uint8Array;
    name: string;
    argv: readonly string[];
    fds: readonly FdMove[];
  },
): number {
  const file = imageFile(args);
  using fd = file.fd;
  return spawnFile({ fd: fd.number, argv: args.argv, fds: args.fds });
}

/** The two files of a plan that loads itself: what is executed, and what its first record maps. */
export interface PlanFiles {
  readonly shell: Fd;
  readonly plan: Fd;
}

/** Throws as `imageFile`; then nothing is open. */
export function planFiles(args: { image: Uint8Array; name: string }): PlanFiles {
  const plan = imageFile(args).fd;
  try {
    return { plan, shell: imageFile({ image: shellOf(args.image), name: args.name }).fd };
  } catch (error) {
    plan[Symbol.dispose]();
    throw error;
  }
}

/**
 * As `spawnImage`, for a plan that loads itself: what is executed is its shell, and the plan goes along as the descriptor
 * `planFd`, which its first record maps and which it closes then.
 */
export function spawnPlan(
  args: {
    image: Uint8Array;
    name: string;
    argv: readonly string[];
    fds: readonly FdMove[];
    planFd: number;
  },
): number {
  const { argv, fds, planFd } = args;
  const files = planFiles(args);
  using plan = files.plan;
  using shell = files.shell;
  return spawnFile({
    fd: shell.number,
    argv,
    fds: [...fds, { from: plan.number, to: planFd }],
  });
}

/** As `spawnImage`, for a program that is open already (an `ImageFile` can be started many times). */
export function spawnFile(
  args: {
    fd: number;
    argv: readonly string[];
    fds: readonly FdMove[];
    /** NAME=value; none when absent. */
    environment?: readonly string[];
  },
): number {
  spawning ??= prepareSpawning();
  let above = 3;
  for (const { to } of args.fds) if (to >= above) above = to + 1;
  const copies: number[] = [];
  // One dup2 after the other must not overwrite what a later one, or the path of the program, still needs.
  const outOfTheWay = (number: number): number => {
    const copy = check(fcntl({ fd: number, cmd: F_DUPFD_CLOEXEC, arg: above }));
    copies.push(copy);
    return copy;
  };
  try {
    let program = args.fd;
    for (const { to } of args.fds) if (to === args.fd) program = outOfTheWay(args.fd);
    const moves = ordered(args.fds, outOfTheWay);
    const { argv, environment = [] } = args;
    return spawn(spawning, { path: `/proc/self/fd/${program}`, argv, moves, environment });
  } finally {
    for (const copy of copies) closeFd(copy);
    memory.reset();
  }
}

/** The moves in an order in which none overwrites what a later one needs; a circle is broken by a copy. */
function ordered(moves: readonly FdMove[], copy: (fd: number) => number): readonly FdMove[] {
  const done: FdMove[] = [];
  const left = [...moves];
  while (left.length > 0) {
    let next = 0;
    while (next < left.length && isNeeded(left[next]?.to, left, next)) next++;
    if (next === left.length) {
      const { from, to } = left[0] as FdMove;
      left[0] = { from: copy(from), to };
      continue;
    }
    done.push(left[next] as FdMove);
    left.splice(next, 1);
  }
  return done;
}

function isNeeded(fd: number | undefined, moves: readonly FdMove[], except: number): boolean {
  for (let index = 0; index < moves.length; index++) {
    if (index !== except && moves[index]?.from === fd) return true;
  }
  return false;
}

interface SpawnArguments {
  readonly path: string;
  readonly argv: readonly string[];
  readonly moves: readonly FdMove[];
  readonly environment: readonly string[];
}

function spawn({ libc, attributes }: Spawning, args: SpawnArguments): number {
  const actions = memory.allocate(ACTIONS_BYTES, 16).address;
  checkSpawn(libc.posix_spawn_file_actions_init(actions), args);
  try {
    for (const { from, to } of args.moves) {
      checkSpawn(libc.posix_spawn_file_actions_adddup2(actions, from, to), args);
    }
    const pid = memory.allocate(4, 8);
    const path = memory.place(cstr(args.path)).address;
    const argv = placeTexts(args.argv);
    const envp = placeTexts(args.environment);
    checkSpawn(libc.posix_spawn(pid.address, path, actions, attributes, argv, envp), args);
    return pid.view.getInt32(0, true);
  } finally {
    libc.posix_spawn_file_actions_destroy(actions);
  }
}

function placeTexts(texts: readonly string[]): number {
  const addresses: number[] = [];
  for (const text of texts) addresses.push(memory.place(cstr(text)).address);
  return placePointers(addresses);
}

function placePointers(addresses: readonly number[]): number {
  const list = memory.allocate((addresses.length + 1) * 8);
  for (let index = 0; index < addresses.length; index++) {
    list.view.setBigUint64(index * 8, BigInt(addresses[index] ?? 0), true);
  }
  return list.address;
}

/** The posix_spawn family returns its errno. */
function checkSpawn(result: number | bigint, args: SpawnArguments): void {
  const errno = Number(result);
  if (errno === 0) return;
  const text = `posix_spawn(${showString(args.path)}, ${showArray(args.argv.map(showString))})`;
  throw new SyscallError(text, errno);
}
