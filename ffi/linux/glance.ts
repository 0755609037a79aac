/**
 * Small files and links, each read by one function call and as few of the kernel's as there can be: an engine begins to compile
 * what is called some thirty times, which costs a short process more than its work (docs/benchmarks.md). What can't be read is
 * `undefined`, for whatever reason: who needs the reason reads again by ffi/linux/file.
 */
import { AT_EMPTY_PATH, AT_FDCWD, O_CLOEXEC, O_NONBLOCK, O_RDONLY } from "../abi/fcntl.ts";
import { S_IFMT, S_IFREG, STATX_BASIC_STATS } from "../abi/stat.ts";
import type { Piece } from "../memory/arena.ts";
import { kernel, numberOf } from "./libc.ts";
import type { Callable } from "../seam/host.ts";
import { createArena } from "./run.ts";

/** What is as long, or longer, is not read: it might have been cut. */
const BYTES_MAX = 262_144;
const PATH_BYTES = 4096;

interface Glancing {
  readonly syscall: Callable;
  readonly openat: number;
  readonly read: number;
  readonly close: number;
  readonly readlinkat: number;
  readonly statx: number;
  readonly path: Piece;
  readonly buffer: Piece;
}

let glancing: Glancing | undefined;
const encoder = new TextEncoder();
const decoder = new TextDecoder();

function prepareGlancing(): Glancing {
  const arena = createArena(BYTES_MAX + 2 * PATH_BYTES);
  return {
    syscall: kernel().raw,
    openat: numberOf("openat"),
    read: numberOf("read"),
    close: numberOf("close"),
    readlinkat: numberOf("readlinkat"),
    statx: numberOf("statx"),
    path: arena.allocate(PATH_BYTES),
    buffer: arena.allocate(BYTES_MAX),
  };
}

/** Puts a path where the kernel can read it; false when it can't be one. */
function place({ bytes }: Piece, path: string): boolean {
  const { read, written } = encoder.encodeInto(path, bytes);
  if (read < path.length || written >= PATH_BYTES) return false;
  bytes[written] = 0;
  return true;
}

/** The bytes of a file that one read(2) gives whole: a regular one, or one of /proc. */
export function glanceBytes(name: string): Uint8Array<ArrayBuffer> | undefined {
  return look(name)?.slice();
}

/** As `glanceBytes`, decoded as UTF-8. */
export function glance(name: string): string | undefined {
  const bytes = look(name);
  return bytes === undefined ? undefined : decoder.decode(bytes);
}

/** As `glanceBytes`, but only of a regular file: nothing is taken out of a FIFO. */
export function glanceRegular(name: string): Uint8Array<ArrayBuffer> | undefined {
  return look(name, true)?.slice();
}

/** The bytes lie in the buffer until the next look. */
function look(name: string, regular = false): Uint8Array<ArrayBuffer> | undefined {
  glancing ??= prepareGlancing();
  const { syscall, openat, read, close, path, buffer } = glancing;
  if (!place(path, name)) return undefined;
  const flags = O_RDONLY | O_CLOEXEC | O_NONBLOCK;
  const fd = Number(syscall(openat, AT_FDCWD, path.address, flags, 0, 0, 0));
  if (fd < 0) return undefined;
  const taken = !regular || ((glanceMode(fd) ?? 0) & S_IFMT) === S_IFREG;
  const count = taken ? Number(syscall(read, fd, buffer.address, BYTES_MAX, 0, 0, 0)) : -1;
  syscall(close, fd, 0, 0, 0, 0, 0);
  return count < 0 || count === BYTES_MAX ? undefined : buffer.bytes.subarray(0, count);
}

/** Targets of the links of these names in one directory, a line each; `undefined` when one can't be read. */
export function glanceLinks(directory: string, names: readonly string[]): string | undefined {
  glancing ??= prepareGlancing();
  const { syscall, readlinkat, path, buffer } = glancing;
  let length = 0;
  for (const name of names) {
    if (!place(path, `${directory}/${name}`)) return undefined;
    const to = buffer.address + length;
    const count = Number(syscall(readlinkat, AT_FDCWD, path.address, to, PATH_BYTES, 0, 0));
    if (count < 0) return undefined;
    buffer.bytes[length + count] = 0x0a;
    length += count + 1;
  }
  return decoder.decode(buffer.bytes.slice(0, length));
}

/** Type and permissions of what a descriptor is of. */
export function glanceMode(fd: number): number | undefined {
  glancing ??= prepareGlancing();
  const { syscall, statx, path, buffer } = glancing;
  path.bytes[0] = 0;
  const { address, view } = buffer;
  const result = syscall(statx, fd, path.address, AT_EMPTY_PATH, STATX_BASIC_STATS, address, 0);
  // struct statx: stx_mode 28
  return Number(result) < 0 ? undefined : view.getUint16(28, true);
}
