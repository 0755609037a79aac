/** Trees of a container as tar archives: `cp - NAME:/dir` and `cp NAME:/path -`. */
import { createHash } from "node:crypto";
import { mkdirSync } from "node:fs";
import { EAGAIN, EINTR } from "../../ffi/abi/errno.ts";
import { O_CLOEXEC, O_CREAT, O_DIRECTORY, O_EXCL, O_RDONLY, O_RDWR } from "../../ffi/abi/fcntl.ts";
import { POLLOUT } from "../../ffi/abi/poll.ts";
import { read, write } from "../../ffi/calls/io.ts";
import { openat } from "../../ffi/calls/open.ts";
import {
  attributesOf,
  namesIn,
  openBelow,
  openEntry,
  reopen,
  type Status,
  statusOf,
  targetOf,
} from "../../ffi/linux/entries.ts";
import { Fd } from "../../ffi/linux/fd.ts";
import { getuid, writeBytes } from "../../ffi/linux/file.ts";
import { waitForFd } from "../../ffi/linux/poll.ts";
import { callSync, readCell, SyscallError } from "../../ffi/linux/run.ts";
import { ImageError } from "../image/error.ts";
import { archiveEnd, entryHeader, padding, type WrittenEntry } from "../image/tar/write.ts";
import { archiveMemory, readArchive } from "../image/unpack.ts";
import { createTree } from "../image/unpack/tree.ts";
import { ContainervError } from "../plan/error.ts";
import { baseName, KEPT_ATTRIBUTES, placeBelow } from "./copy_place.ts";
import { copyChildren, type CopyResult } from "./copy_tree.ts";
import { inScratch } from "./half_copies.ts";
import { type CopyTarget, explained, idsOf, openRoot } from "./transfer.ts";

/** A copy, and the archive that it came from or went to. */
export interface ArchiveResult extends CopyResult {
  /** `sha256:…` of the archive's bytes as they were read or written. */
  readonly archive: string;
  /** What of an archive could not be kept, and of how many entries. */
  readonly notes: Readonly<Record<string, number>>;
}

/**
 * Unpacks an archive (plain, gzip, zstd) that `fd` gives into the directory `to` of the container. All of it is read and checked before
 * anything in the container changes. Rejects with ContainervError, ARCHIVE_DAMAGED and the like for what is no good archive.
 */
export async function uploadArchive(
  target: CopyTarget,
  fd: number,
  to: string,
): Promise<ArchiveResult> {
  return await inScratch(async (scratch) => {
    const { digest, notes } = await unpackInto(scratch, fd);
    const result = explained(`copy an archive to ${target.name}:${to}`, () => {
      using root = openRoot(target);
      const ids = idsOf(target.pid);
      // Any name: what is wanted is the directory that it would be in.
      using place = placeBelow(root, to, { name: "archive", into: true });
      using source = openDirectory(`${scratch}/tree`);
      return copyChildren(source, place.directory, {
        ...(getuid() === 0 ? { owner: ids.toKernel } : {}),
        mode: (of) => of.mode,
        attribute: (name) => KEPT_ATTRIBUTES.test(name) || name === "security.capability",
      });
    });
    return { ...result, archive: digest, notes };
  });
}

const openDirectory = (pathname: string): Fd =>
  Fd.open(openat({ pathname, flags: O_RDONLY | O_DIRECTORY | O_CLOEXEC }));

/** The reader of archives wants to know how long they are. */
async function unpackInto(
  scratch: string,
  input: number,
): Promise<{ readonly digest: string; readonly notes: Readonly<Record<string, number>> }> {
  const flags = O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC;
  using spool = Fd.open(openat({ pathname: `${scratch}/archive`, flags, mode: 0o600 }));
  const size = spoolAll(input, spool);
  using memory = archiveMemory(size);
  mkdirSync(`${scratch}/tree`, 0o700);
  using directory = openDirectory(`${scratch}/tree`);
  const { arena, piece } = memory;
  const uid = getuid();
  const gid = process.getegid?.() ?? 0;
  const tree = createTree(directory.number, { arena, piece, root: uid === 0, uid, gid });
  try {
    const archive = { name: "standard input", fd: spool.number, offset: 0, size };
    const { digest } = await readArchive(archive, tree, { memory });
    tree.finish();
    return { digest, notes: Object.fromEntries(tree.notes) };
  } catch (error) {
    if (!(error instanceof ImageError)) throw error;
    const { code, message, facts } = error;
    throw new ContainervError({ ...facts, code, message, undone: "nothing was copied" });
  } finally {
    tree.close();
  }
}

const CHUNK = { cell: "archive chunk", size: 1 << 17 } as const;

function spoolAll(input: number, spool: Fd): number {
  for (let size = 0;;) {
    const count = readChunk(input);
    if (count === 0) return size;
    writeBytes(spool.number, readCell(CHUNK).slice(0, count));
    size += count;
  }
}

/** Bytes that are in CHUNK now; 0 at the end. */
function readChunk(fd: number, count: number = CHUNK.size): number {
  for (;;) {
    const call = read({ fd, buf: CHUNK, count: Math.min(count, CHUNK.size) });
    const result = Number(callSync(call));
    if (result === -EAGAIN) waitForFd({ fd, timeoutMs: WAIT_MS });
    else if (result !== -EINTR) {
      if (result < 0) throw new SyscallError(call, -result);
      return result;
    }
  }
}

const WAIT_MS = 1000;

/** Writes what is at `from` in the container to `fd`, as a tar archive whose entries begin with its name. Throws ContainervError. */
export function downloadArchive(target: CopyTarget, from: string, fd: number): ArchiveResult {
  return explained(`copy ${target.name}:${from}`, () => {
    using root = openRoot(target);
    using source = openBelow(root, from);
    const writing: Writing = {
      fd,
      hash: createHash("sha256"),
      ids: idsOf(target.pid).toInside,
      files: 0,
      directories: 0,
      bytes: 0,
      skipped: [],
    };
    add(source, baseName(from), { writing, depth: 0 });
    put(writing, archiveEnd());
    const { files, directories, bytes, skipped, hash } = writing;
    const digest = hash.digest("hex");
    return { files, directories, bytes, skipped, digest, archive: `sha256:${digest}`, notes: {} };
  });
}

interface Writing {
  readonly fd: number;
  readonly hash: ReturnType<typeof createHash>;
  readonly ids: ReturnType<typeof idsOf>["toInside"];
  files: number;
  directories: number;
  bytes: number;
  readonly skipped: string[];
}

interface At {
  readonly writing: Writing;
  readonly depth: number;
}

/** Each level holds two descriptors open. */
const DEPTH_MAX = 200;

function add(source: Fd, path: string, { writing, depth }: At): void {
  if (depth > DEPTH_MAX) throw new RangeError(`${path}: more than ${DEPTH_MAX} levels deep`);
  const status = statusOf(source);
  if (status.kind === "other") return void writing.skipped.push(path);
  if (status.kind === "symlink") {
    return putHeader(writing, status, { path, link: targetOf(source) });
  }
  if (status.kind === "fifo") return putHeader(writing, status, { path });
  using open = reopen(source);
  const xattrs = attributesOf(open, (name) => KEPT_ATTRIBUTES.test(name));
  putHeader(writing, status, { path, xattrs });
  if (status.kind === "file") return putData(writing, open, { path, size: status.bytes });
  writing.directories++;
  for (const name of namesIn(open).sort()) {
    using entry = openEntry(open, name);
    add(entry, `${path}/${name}`, { writing, depth: depth + 1 });
  }
}

function putHeader(
  writing: Writing,
  status: Status,
  what: Pick<WrittenEntry, "path" | "link" | "xattrs">,
): void {
  const { kind, mode, modified: mtime, bytes } = status;
  if (kind === "other") throw new RangeError("neither sockets nor devices are copied");
  const { uid, gid } = writing.ids(status);
  const size = kind === "file" ? bytes : 0;
  put(writing, entryHeader({ type: kind, mode, uid, gid, size, mtime, ...what }));
}

/** Exactly as many bytes as the header says, whatever the container does to the file meanwhile. */
function putData(
  writing: Writing,
  file: Fd,
  { path, size }: { readonly path: string; readonly size: number },
): void {
  for (let left = size; left > 0;) {
    const count = readChunk(file.number, left);
    if (count === 0) throw new Error(`${path} became shorter while it was copied`);
    put(writing, readCell(CHUNK).slice(0, count));
    left -= count;
  }
  put(writing, padding(size));
  writing.files++;
  writing.bytes += size;
}

function put({ fd, hash }: Writing, bytes: Uint8Array): void {
  hash.update(bytes);
  for (let at = 0; at < bytes.length;) {
    const call = write({ fd, buf: bytes.subarray(at) });
    const count = Number(callSync(call));
    if (count === -EAGAIN) waitForFd({ fd, events: POLLOUT, timeoutMs: WAIT_MS });
    else if (count !== -EINTR) {
      if (count < 0) throw new SyscallError(call, -count);
      at += count;
    }
  }
}
