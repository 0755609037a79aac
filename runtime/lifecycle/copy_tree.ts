/** Copies files and trees from one directory's descriptor to another's. Nothing that lies in either can lead a write elsewhere. */
import { createHash } from "node:crypto";
import { EEXIST, EINTR, ENOENT } from "../../ffi/abi/errno.ts";
import {
  AT_SYMLINK_NOFOLLOW,
  O_CLOEXEC,
  O_CREAT,
  O_DIRECTORY,
  O_EXCL,
  O_NOFOLLOW,
  O_RDONLY,
  O_WRONLY,
} from "../../ffi/abi/fcntl.ts";
import { S_IFIFO } from "../../ffi/abi/stat.ts";
import type { Syscall } from "../../ffi/calls/call.ts";
import { read, write } from "../../ffi/calls/io.ts";
import { openat } from "../../ffi/calls/open.ts";
import {
  fchmod,
  fchown,
  fchownat,
  mkdirat,
  mknodat,
  renameat2,
  symlinkat,
  unlinkat,
} from "../../ffi/calls/path.ts";
import { utimensat } from "../../ffi/calls/stat.ts";
import {
  copyAttributes,
  namesIn,
  openEntry,
  reopen,
  type Status,
  statusOf,
  targetOf,
} from "../../ffi/linux/entries.ts";
import { createIn, mustCreateIn } from "../../ffi/linux/create.ts";
import { Fd } from "../../ffi/linux/fd.ts";
import { callSync, check, readCell, SyscallError } from "../../ffi/linux/run.ts";
import type { CopyResult } from "../plan/ops/files.ts";
import { identify, type ProcessIdentity } from "../state/identity.ts";

export type { CopyResult };

export interface CopyRules {
  /** Who a copy belongs to; absent: whoever copies. */
  readonly owner?: (of: Status) => { readonly uid: number; readonly gid: number };
  /** Gives the finished copy to whom it is to belong, and sets the bits again that are lost with that; 0: none are. */
  readonly give?: ((file: Fd, mode: number) => void) | undefined;
  /** Its permission bits. */
  readonly mode: (of: Status) => number;
  /** No copy is younger, in seconds since 1970; absent: as old as what it is of. */
  readonly latest?: number | undefined;
  /** Which extended attributes go along. */
  readonly attribute: (name: string) => boolean;
}

/** A name in an open directory. */
export interface Entry {
  readonly directory: Fd;
  readonly name: string;
}

interface Tally {
  files: number;
  directories: number;
  bytes: number;
  readonly lines: string[];
  readonly skipped: string[];
}

interface Job {
  readonly to: Entry;
  readonly rules: CopyRules;
  readonly tally: Tally;
  /** Below what is copied; empty for itself. */
  readonly path: string;
  readonly depth: number;
}

/** Deeper trees are refused: each level holds two descriptors open. */
const DEPTH_MAX = 200;

/** Copies what `from` is of (opened by O_PATH) to the entry `to`; what is there already is replaced, a directory is added to. */
export function copyTree(from: Fd, to: Entry, rules: CopyRules): CopyResult {
  const tally: Tally = { files: 0, directories: 0, bytes: 0, lines: [], skipped: [] };
  copyAny(from, { to, rules, tally, path: "", depth: 0 });
  return resultOf(tally);
}

/** Copies what is in the directory `from` into the directory `to`, which itself stays as it is. */
export function copyChildren(from: Fd, to: Fd, rules: CopyRules): CopyResult {
  const tally: Tally = { files: 0, directories: 0, bytes: 0, lines: [], skipped: [] };
  for (const name of namesIn(from).sort()) {
    using entry = openEntry(from, name);
    copyAny(entry, { to: { directory: to, name }, rules, tally, path: name, depth: 1 });
  }
  return resultOf(tally);
}

function resultOf(tally: Tally): CopyResult {
  const { files, directories, bytes, skipped, lines } = tally;
  const [only = ""] = lines;
  const isFile = directories === 0 && files === 1;
  const digest = isFile ? only.split(" ")[0] ?? "" : sha256(lines.sort().join("\n"));
  return { files, directories, bytes, skipped, digest };
}

/** Writes bytes to the entry `to`. */
export function copyBytes(
  bytes: Uint8Array,
  to: Entry,
  rules: { readonly mode: number; readonly owner?: { readonly uid: number; readonly gid: number } },
): CopyResult {
  replace(to, (name) => {
    using file = newFile(to.directory, name);
    writeAll(file, bytes);
    if (rules.owner !== undefined) chown(file, rules.owner);
    check(fchmod({ fd: file.number, mode: rules.mode }));
    mustHold(file, bytes.length);
  });
  const digest = sha256(bytes);
  return { files: 1, directories: 0, bytes: bytes.length, digest, skipped: [] };
}

const sha256 = (content: string | Uint8Array): string =>
  createHash("sha256").update(content).digest("hex");

function copyAny(from: Fd, job: Job): void {
  const status = statusOf(from);
  switch (status.kind) {
    case "file":
      return copyFile(from, status, job);
    case "directory":
      return copyDirectory(from, status, job);
    case "symlink":
      return copyLink(targetOf(from), status, job);
    case "fifo":
      return copyFifo(status, job);
    case "other":
      job.tally.skipped.push(job.path);
  }
}

const CHUNK = { cell: "copied chunk", size: 1 << 17 } as const;

function copyFile(from: Fd, status: Status, { to, rules, tally, path }: Job): void {
  using source = reopen(from);
  const hash = createHash("sha256");
  let bytes = 0;
  replace(to, (name) => {
    using file = newFile(to.directory, name);
    for (;;) {
      const call = read({ fd: source.number, buf: CHUNK, count: CHUNK.size });
      const count = Number(callSync(call));
      if (count === -EINTR) continue;
      if (count < 0) throw new SyscallError(call, -count);
      if (count === 0) break;
      hash.update(writeChunk(file, count));
      bytes += count;
    }
    finish(source, file, { status, rules });
    mustHold(file, bytes);
  });
  tally.files++;
  tally.bytes += bytes;
  tally.lines.push(`${hash.digest("hex")} ${path}`);
}

function writeChunk(file: Fd, count: number): Uint8Array {
  for (let at = 0; at < count;) {
    at += retried(write({ fd: file.number, buf: { ...CHUNK, offset: at }, count: count - at }));
  }
  return readCell(CHUNK).subarray(0, count);
}

function copyDirectory(from: Fd, status: Status, job: Job): void {
  const { to, rules, tally, path, depth } = job;
  if (depth > DEPTH_MAX) throw new RangeError(`${path}: more than ${DEPTH_MAX} levels deep`);
  using source = reopen(from);
  // Listed before anything is made: a copy into itself ends.
  const names = namesIn(source).sort();
  const make = mkdirat({ dirfd: to.directory.number, pathname: to.name, mode: 0o700 });
  const made = createIn(to.directory, make);
  if (made < 0 && made !== -EEXIST) throw new SyscallError(make, -made);
  using directory = openDirectory(to);
  tally.directories++;
  tally.lines.push(`directory ${path}`);
  for (const name of names) {
    using entry = openEntry(source, name);
    copyAny(entry, {
      ...job,
      to: { directory, name },
      path: path === "" ? name : `${path}/${name}`,
      depth: depth + 1,
    });
  }
  finish(source, directory, { status, rules });
}

/** A directory, opened for reading; never through a link. */
export function openDirectory({ directory, name }: Entry): Fd {
  const flags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
  return Fd.open(openat({ dirfd: directory.number, pathname: name, flags }));
}

function copyLink(target: string, status: Status, { to, rules, tally, path }: Job): void {
  const dirfd = to.directory.number;
  replace(to, (name) => {
    mustCreateIn(to.directory, symlinkat({ target, newdirfd: dirfd, linkpath: name }));
    setNamed({ ...to, name }, status, rules);
  });
  tally.lines.push(`link ${path} ${target}`);
}

function copyFifo(status: Status, { to, rules, tally, path }: Job): void {
  const dirfd = to.directory.number;
  replace(to, (pathname) => {
    const mode = S_IFIFO | (rules.mode(status) & 0o777);
    mustCreateIn(to.directory, mknodat({ dirfd, pathname, mode, dev: 0 }));
    setNamed({ ...to, name: pathname }, status, rules);
  });
  tally.lines.push(`fifo ${path}`);
}

/** Owner and time of what can't be opened. */
function setNamed({ directory, name }: Entry, status: Status, rules: CopyRules): void {
  const at = { dirfd: directory.number, pathname: name, flags: AT_SYMLINK_NOFOLLOW };
  const owner = rules.owner?.(status);
  if (owner !== undefined) check(fchownat({ ...at, owner: owner.uid, group: owner.gid }));
  const time = timeOf(status, rules);
  check(utimensat({ ...at, atime: time, mtime: time }));
  if (rules.give === undefined) return;
  using entry = openEntry(directory, name);
  rules.give(entry, 0);
}

function timeOf({ modified }: Status, { latest }: CopyRules): Status["modified"] {
  return latest === undefined || modified.sec < latest ? modified : { sec: latest, nsec: 0 };
}

/** Owner first: it takes setuid bits and capabilities away. The time last: all else changes it. */
function finish(
  from: Fd,
  to: Fd,
  { status, rules }: { readonly status: Status; readonly rules: CopyRules },
): void {
  const owner = rules.owner?.(status);
  if (owner !== undefined) chown(to, owner);
  check(fchmod({ fd: to.number, mode: rules.mode(status) }));
  copyAttributes(from, to, rules.attribute);
  const time = timeOf(status, rules);
  check(utimensat({ dirfd: to.number, atime: time, mtime: time }));
  const mode = rules.mode(status);
  rules.give?.(to, (mode & SET_IDS) === 0 ? 0 : mode);
}

/** Set-user-ID and set-group-ID: changing the owner takes them away. */
const SET_IDS = 0o6000;

function chown(fd: Fd, { uid, gid }: { readonly uid: number; readonly gid: number }): void {
  check(fchown({ fd: fd.number, owner: uid, group: gid }));
}

let own: { readonly prefix: string; readonly process: ProcessIdentity } | undefined;
let count = 0;

/** How the names of everything begin that this process has not finished: no other's begin so, of whatever time. */
export function temporaryPrefix(): NonNullable<typeof own> {
  if (own !== undefined) return own;
  const { pid } = process;
  const known = identify(pid) ?? { pid, startTicks: 0 };
  own = { prefix: `.containerv-${pid}-${known.startTicks}-`, process: known };
  return own;
}

/** Makes a new file beside the entry and renames it over that: what stood there, a link too, is replaced and never written through. */
function replace({ directory, name }: Entry, make: (temporary: string) => void): void {
  const dirfd = directory.number;
  const temporary = `${temporaryPrefix().prefix}${count++}`;
  try {
    make(temporary);
    mustCreateIn(
      directory,
      renameat2({ olddirfd: dirfd, oldpath: temporary, newdirfd: dirfd, newpath: name }),
    );
  } catch (error) {
    const call = unlinkat({ dirfd, pathname: temporary });
    const result = Number(callSync(call));
    if (result < 0 && result !== -ENOENT) throw new SyscallError(call, -result);
    throw error;
  }
}

function newFile(directory: Fd, pathname: string): Fd {
  const flags = O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC;
  const call = openat({ dirfd: directory.number, pathname, flags, mode: 0o600 });
  return new Fd(mustCreateIn(directory, call));
}

function writeAll(file: Fd, bytes: Uint8Array): void {
  for (let at = 0; at < bytes.length;) {
    at += retried(write({ fd: file.number, buf: bytes.subarray(at, at + CHUNK.size) }));
  }
}

function retried(call: Syscall): number {
  for (;;) {
    const result = Number(callSync(call));
    if (result === -EINTR) continue;
    if (result < 0) throw new SyscallError(call, -result);
    return result;
  }
}

/** The file system says how long the copy is: what it does not hold was not copied. */
function mustHold(file: Fd, bytes: number): void {
  const held = statusOf(file).bytes;
  if (held !== bytes) throw new Error(`a copy of ${bytes} bytes holds ${held}`);
}
