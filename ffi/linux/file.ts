/**
 * Small files read and written with the runner's own calls. `node:fs` would cost a start about a millisecond to load
 * (docs/benchmarks.md), and cannot open relative to a descriptor.
 */
import { EBADF, EEXIST, EINTR, EINVAL, ENOENT, ENOTDIR } from "../abi/errno.ts";
import {
  AT_EMPTY_PATH,
  AT_FDCWD,
  AT_SYMLINK_NOFOLLOW,
  O_CLOEXEC,
  O_CREAT,
  O_DIRECTORY,
  O_EXCL,
  O_NOFOLLOW,
  O_NONBLOCK,
  O_PATH,
  O_RDONLY,
  O_WRONLY,
} from "../abi/fcntl.ts";
import { RESOLVE_IN_ROOT, RESOLVE_NO_MAGICLINKS } from "../abi/openat2.ts";
import { S_IFDIR, S_IFLNK, S_IFMT, S_IFREG, STAMP_WORDS, STATX_BASIC_STATS } from "../abi/stat.ts";
import type { Word } from "../calls/call.ts";
import { lseek, read, write } from "../calls/io.ts";
import { openat, openat2, readlinkat } from "../calls/open.ts";
import { mkdirat, renameat2, unlinkat } from "../calls/path.ts";
import { statx } from "../calls/stat.ts";
import { joinBytes } from "../memory/bytes.ts";
import { closeFd } from "./close.ts";
import { glanceMode } from "./glance.ts";
import { callSync, check, readCell, SyscallError } from "./run.ts";

/** Larger than an image of a stage: what is read at each start is read at once. */
const CHUNK = { cell: "file chunk", size: 262_144 } as const;
const STATX = { cell: "statx", size: 256 } as const;
const SEEK_SET = 0;
const LINK = { cell: "link", size: 4096 } as const;

const decoder = new TextDecoder();

const isAbsent = (result: number): boolean => result === -ENOENT || result === -ENOTDIR;

/** Effective user id of this process. */
export function getuid(): number {
  return process.geteuid?.() ?? -1;
}

export interface ReadOptions {
  /** No more than this is read. */
  readonly bytes?: number;
  /** Where the reading begins. */
  readonly begin?: number;
  /** Anything but a regular file is refused: a FIFO would hang, a device never end. */
  readonly regular?: boolean;
  /** One read(2) gives it all: a file of /proc, or one whose length is checked afterwards. At most 256 KiB. */
  readonly once?: boolean;
}

/** The bytes of a file; `undefined` when it is not there. Throws SyscallError and NotRegularError. */
export function readBytes(path: string, options: ReadOptions = {}): Uint8Array | undefined {
  // O_NONBLOCK: opening a FIFO would wait for its other end.
  const call = openat({ pathname: path, flags: O_RDONLY | O_CLOEXEC | O_NONBLOCK });
  const fd = Number(callSync(call));
  if (isAbsent(fd)) return undefined;
  if (fd < 0) throw new SyscallError(call, -fd);
  try {
    const { begin = 0, bytes: max = Infinity } = options;
    if (begin > 0) check(lseek({ fd, offset: begin, whence: SEEK_SET }));
    if (options.once === true) return readOnce(fd);
    if (options.regular !== true) return readAll(fd, max);
    // What it grows by meanwhile is left out: so its end need not be asked for by a read of its own.
    return readAll(fd, Math.min(max, regularSize(fd, path)));
  } finally {
    closeFd(fd);
  }
}

/** As `readBytes`, decoded as UTF-8. */
export function readFile(path: string, options: ReadOptions = {}): string | undefined {
  const bytes = readBytes(path, options);
  return bytes === undefined ? undefined : decoder.decode(bytes);
}

function readOnce(fd: number): Uint8Array {
  const call = read({ fd, buf: CHUNK, count: CHUNK.size });
  const count = Number(callSync(call));
  if (count < 0) throw new SyscallError(call, -count);
  return readCell(CHUNK).slice(0, count);
}

/** Standard input to its end, or to `max` bytes. */
export function readInput(max: number): Uint8Array {
  return readAll(0, max);
}

/** An open file from `offset` to its end. Throws SyscallError. */
export function readFrom(fd: number, offset: number, max = Infinity): Uint8Array {
  check(lseek({ fd, offset, whence: SEEK_SET }));
  return readAll(fd, max);
}

function readAll(fd: number, max: number): Uint8Array {
  const chunks: Uint8Array[] = [];
  let length = 0;
  while (length < max) {
    const call = read({ fd, buf: CHUNK, count: Math.min(CHUNK.size, max - length) });
    const count = Number(callSync(call));
    if (count === -EINTR) continue;
    if (count < 0) throw new SyscallError(call, -count);
    if (count === 0) break;
    chunks.push(readCell(CHUNK).slice(0, count));
    length += count;
  }
  return joinBytes(chunks);
}

export interface Status {
  /** Type and permissions. */
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
}

/** What statx(2) says; `undefined` when nothing is there. struct statx: stx_uid 20, stx_gid 24, stx_mode 28. */
export function status(dirfd: Word, pathname: string, flags: number): Status | undefined {
  const call = statx({ dirfd, pathname, flags, mask: STATX_BASIC_STATS, statxbuf: STATX });
  const result = Number(callSync(call));
  if (isAbsent(result)) return undefined;
  if (result < 0) throw new SyscallError(call, -result);
  const cell = readCell(STATX);
  const view = new DataView(cell.buffer, cell.byteOffset, cell.byteLength);
  return {
    uid: view.getUint32(20, true),
    gid: view.getUint32(24, true),
    mode: view.getUint16(28, true),
  };
}

/** A directory, FIFO, device or socket where a file was wanted. */
export class NotRegularError extends Error {
  constructor(path: string) {
    super(`${path} is not a regular file`);
  }
}

function regularSize(fd: number, path: string): number {
  const mode = status(fd, "", AT_EMPTY_PATH)?.mode ?? 0;
  if ((mode & S_IFMT) !== S_IFREG) throw new NotRegularError(path);
  // struct statx: stx_size 40, u64
  const cell = readCell(STATX);
  const view = new DataView(cell.buffer, cell.byteOffset, cell.byteLength);
  return view.getUint32(40, true) + view.getUint32(44, true) * 2 ** 32;
}

/** True when the descriptor is of a directory, opened in whatever way; a closed one is none. Throws SyscallError. */
export function isDirectory(fd: number): boolean {
  const mode = glanceMode(fd) ?? modeOf(fd);
  return (mode & S_IFMT) === S_IFDIR;
}

/** 0 of a closed descriptor. Throws SyscallError. */
function modeOf(fd: number): number {
  try {
    return status(fd, "", AT_EMPTY_PATH)?.mode ?? 0;
  } catch (error) {
    if (error instanceof SyscallError && error.errno === EBADF) return 0;
    throw error;
  }
}

/** When the directory or file last changed: seconds and nanoseconds, as text; `undefined` when it is not there. */
export function modificationTime(dirfd: Word, pathname: string): string | undefined {
  if (status(dirfd, pathname, 0) === undefined) return undefined;
  const cell = readCell(STATX);
  const view = new DataView(cell.buffer, cell.byteOffset, cell.byteLength);
  // struct statx: stx_mtime 112 (tv_sec in 64 bits, then tv_nsec)
  const seconds = `${view.getUint32(116, true)}:${view.getUint32(112, true)}`;
  return `${seconds}.${view.getUint32(120, true)}`;
}

/** Which file it is and when it last changed: the `STAMP_WORDS`, one behind the other; `undefined` when it is not there. */
export function fileStamp(pathname: string): Uint8Array | undefined {
  if (status(AT_FDCWD, pathname, 0) === undefined) return undefined;
  const cell = readCell(STATX);
  const stamp = new Uint8Array(STAMP_WORDS.length * 8);
  STAMP_WORDS.forEach((at, index) => stamp.set(cell.subarray(at, at + 8), index * 8));
  return stamp;
}

/** Which file it is, whatever its name: device and inode; `undefined` when it is not there. Throws SyscallError. */
export function fileIdentity(file: string | number): string | undefined {
  const found = typeof file === "number"
    ? status(file, "", AT_EMPTY_PATH)
    : status(AT_FDCWD, file, AT_SYMLINK_NOFOLLOW);
  if (found === undefined) return undefined;
  const view = statxView();
  // struct statx: stx_ino 32, stx_dev_major 136, stx_dev_minor 140
  return `${view.getUint32(136, true)}:${view.getUint32(140, true)}:${view.getBigUint64(32, true)}`;
}

/** Its length in bytes; `undefined` when it is not there. Throws SyscallError. */
export function fileSize(path: string): number | undefined {
  if (status(AT_FDCWD, path, AT_SYMLINK_NOFOLLOW) === undefined) return undefined;
  // struct statx: stx_size 40
  return Number(statxView().getBigUint64(40, true));
}

function statxView(): DataView {
  const cell = readCell(STATX);
  return new DataView(cell.buffer, cell.byteOffset, cell.byteLength);
}

/** What a file is known by, and when it was last changed. */
export interface FileVersion {
  /** Device, inode, size, times of the last change of data and of the inode: another file, or other data, give another text. */
  readonly text: string;
  readonly size: number;
  readonly isFile: boolean;
  /** Milliseconds since 1970. */
  readonly changedMs: number;
  /** When its data was last changed, or what was set as that. */
  readonly modified: { readonly sec: number; readonly nsec: number };
}

/** Of an open file, or of a path (symbolic links followed); `undefined` when it is not there. */
export function fileVersion(at: { readonly fd: number } | string): FileVersion | undefined {
  const found = typeof at === "string" ? status(AT_FDCWD, at, 0) : status(at.fd, "", AT_EMPTY_PATH);
  if (found === undefined) return undefined;
  const view = statxView();
  const u32 = (offset: number): number => view.getUint32(offset, true);
  const u64 = (offset: number): bigint => view.getBigUint64(offset, true);
  // struct statx: stx_ino 32, stx_size 40, stx_ctime 96, stx_mtime 112, stx_dev_major 136, stx_dev_minor 140
  const times = [96, 112].map((offset) => `${u64(offset)}.${u32(offset + 8)}`);
  return {
    text: [u32(136), u32(140), u64(32), u64(40), ...times].join("-"),
    size: Number(u64(40)),
    isFile: (found.mode & S_IFMT) === S_IFREG,
    changedMs: Number(u64(96)) * 1000 + u32(104) / 1e6,
    modified: { sec: Number(u64(112)), nsec: u32(120) },
  };
}

export type EntryKind = "file" | "directory" | "symlink" | "other";

const KINDS: Readonly<Record<number, EntryKind>> = {
  [S_IFREG]: "file",
  [S_IFDIR]: "directory",
  [S_IFLNK]: "symlink",
};

/** What is at `path`, symbolic links not followed; `undefined` when nothing is. */
export function entryKind(path: string): EntryKind | undefined {
  const found = status(AT_FDCWD, path, AT_SYMLINK_NOFOLLOW);
  return found === undefined ? undefined : KINDS[found.mode & S_IFMT] ?? "other";
}

/** Target of a symbolic link; `undefined` when there is no link. */
export function readLink(path: string): string | undefined {
  const call = readlinkat({ pathname: path, buf: LINK, bufsiz: LINK.size });
  const length = Number(callSync(call));
  if (isAbsent(length) || length === -EINVAL) return undefined;
  if (length < 0) throw new SyscallError(call, -length);
  return decoder.decode(readCell(LINK).slice(0, length));
}

/**
 * A regular file below `root`, whatever links lie on the way: none leads out. `undefined` when it is not there, false when what is
 * there is no regular file, can't be opened, or is longer than `max` bytes.
 */
export function readFileInRoot(
  root: string,
  path: string,
  max: number,
): string | undefined | false {
  const bytes = readBytesInRoot(root, path, max);
  if (bytes === undefined || bytes === false) return bytes;
  return bytes.length > max ? false : decoder.decode(bytes);
}

/** As `readFileInRoot`; of a longer file the first `max` + 1 bytes. */
export function readBytesInRoot(
  root: string,
  path: string,
  max: number,
): Uint8Array | undefined | false {
  const directory = openat({ pathname: root, flags: O_PATH | O_DIRECTORY | O_CLOEXEC });
  const dirfd = Number(callSync(directory));
  if (isAbsent(dirfd)) return undefined;
  if (dirfd < 0) throw new SyscallError(directory, -dirfd);
  const flags = O_RDONLY | O_NONBLOCK | O_CLOEXEC;
  const resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS;
  const fd = Number(callSync(openat2({ dirfd, pathname: path, flags, resolve })));
  closeFd(dirfd);
  if (isAbsent(fd)) return undefined;
  if (fd < 0) return false;
  try {
    if (((status(fd, "", AT_EMPTY_PATH)?.mode ?? 0) & S_IFMT) !== S_IFREG) return false;
    return readAll(fd, max + 1);
  } finally {
    closeFd(fd);
  }
}

/** A file of an open directory, as those of /proc/PID; `undefined` when it is not there. */
export function readFileAt(dirfd: number, pathname: string): string | undefined {
  const call = openat({ dirfd, pathname, flags: O_RDONLY | O_CLOEXEC });
  const fd = Number(callSync(call));
  if (isAbsent(fd)) return undefined;
  if (fd < 0) throw new SyscallError(call, -fd);
  try {
    return decoder.decode(readAll(fd, Infinity));
  } finally {
    closeFd(fd);
  }
}

/** True when `path` is a directory that only we can write: nobody else can have planted what is in it. */
export function isPrivateDirectory(path: string): boolean {
  let found: ReturnType<typeof status>;
  try {
    found = status(AT_FDCWD, path, AT_SYMLINK_NOFOLLOW);
  } catch (error) {
    // What we may not even look at is not ours: HOME may be another user's.
    if (error instanceof SyscallError) return false;
    throw error;
  }
  return found !== undefined && (found.mode & S_IFMT) === S_IFDIR && (found.mode & 0o077) === 0 &&
    found.uid === getuid();
}

/** Why the directory is not there; `undefined`: it is. */
function makeDirectory(pathname: string): SyscallError | undefined {
  const call = mkdirat({ pathname, mode: 0o700 });
  const result = Number(callSync(call));
  return result < 0 && result !== -EEXIST ? new SyscallError(call, -result) : undefined;
}

/** Makes `path` (and what is missing above it) with mode 0700. Gives the reason when it can't be ours alone. */
export function makePrivateDirectory(path: string): string | undefined {
  // Mostly what is above is there: then one call does it.
  let failed = makeDirectory(path);
  if (failed?.errno === ENOENT) {
    const parts = path.split("/");
    failed = undefined;
    for (let length = 2; length <= parts.length && failed === undefined; length++) {
      failed = makeDirectory(parts.slice(0, length).join("/"));
    }
  }
  if (failed !== undefined) return failed.message;
  return isPrivateDirectory(path) ? undefined : `${path} is not a directory of ours with mode 0700`;
}

/** Writes a new file beside `path` and renames it over it. Gives the reason when that fails; then nothing is left. */
export function replaceFile(path: string, content: string | Uint8Array): string | undefined {
  const temporary = `${path}.${process.pid}`;
  const flags = O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC;
  const create = openat({ pathname: temporary, flags, mode: 0o600 });
  let fd = -1;
  try {
    fd = Number(callSync(create));
    if (fd === -EEXIST) {
      // Of one that had our pid and was killed.
      check(unlinkat({ pathname: temporary }));
      fd = Number(callSync(create));
    }
    if (fd < 0) throw new SyscallError(create, -fd);
    writeBytes(fd, typeof content === "string" ? new TextEncoder().encode(content) : content);
    check(renameat2({ oldpath: temporary, newpath: path }));
    return undefined;
  } catch (error) {
    if (!(error instanceof SyscallError)) throw error;
    if (fd >= 0) callSync(unlinkat({ pathname: temporary }));
    return error.message;
  } finally {
    if (fd >= 0) closeFd(fd);
  }
}

/** Writes all of `bytes`. Throws SyscallError. */
export function writeBytes(fd: number, bytes: Uint8Array): void {
  for (let at = 0; at < bytes.length;) {
    const call = write({ fd, buf: bytes.subarray(at, at + CHUNK.size) });
    const count = Number(callSync(call));
    if (count === -EINTR) continue;
    // What was to be written says nothing about why it could not be, and may be long.
    if (count < 0) throw new SyscallError(`write(${fd}, …, ${bytes.length - at})`, -count);
    at += count;
  }
}

/** Writes all of `text`; a reader that is gone, or a full disk, ends it. */
export function writeAll(fd: number, text: string): void {
  try {
    writeBytes(fd, new TextEncoder().encode(text));
  } catch (error) {
    if (!(error instanceof SyscallError)) throw error;
  }
}
