/**
 * Entries of an archive → files below a directory. Nothing is followed and nothing outside is touched: every path is opened
 * below the directory's descriptor (rule R3), and what an archive says twice with two meanings is refused.
 */
import { EPERM } from "../../../ffi/abi/errno.ts";
import { O_CREAT, O_EXCL, O_WRONLY } from "../../../ffi/abi/fcntl.ts";
import {
  makedev,
  S_IFBLK,
  S_IFCHR,
  S_IFDIR,
  S_IFIFO,
  S_IFLNK,
  S_IFMT,
  S_IFREG,
} from "../../../ffi/abi/stat.ts";
import type { Syscall } from "../../../ffi/calls/call.ts";
import { ftruncate, write } from "../../../ffi/calls/io.ts";
import { openat } from "../../../ffi/calls/open.ts";
import {
  fchmod,
  fchown,
  fchownat,
  linkat,
  mknodat,
  symlinkat,
  umask,
  unlinkat,
} from "../../../ffi/calls/path.ts";
import { callSync } from "../../../ffi/linux/run.ts";
import type { Arena, Piece } from "../../../ffi/memory/arena.ts";
import { ImageError } from "../error.ts";
import { shown } from "../names.ts";
import type { TarEntry, TarSink } from "../tar/read.ts";
import { type Attributes, createAttributes, type Notes } from "./attributes.ts";
import { alreadyThere, mustHold, type TreeCalls, treeCalls } from "./calls.ts";
import { conflict, createDirectories, type Directories, split } from "./directories.ts";
import { readWhiteout } from "./whiteout.ts";

export interface TreeOptions {
  readonly arena: Arena;
  /** The memory that `data` speaks of. */
  readonly piece: Piece;
  readonly root: boolean;
  readonly uid: number;
  readonly gid: number;
}

export interface Tree extends TarSink {
  /** After the last entry: directories get their modes and times. */
  readonly finish: () => void;
  readonly close: () => void;
  readonly notes: Notes;
  /** How many names of lower layers are hidden. */
  readonly whiteouts: () => number;
}

interface OpenFile {
  readonly fd: number;
  readonly entry: TarEntry;
  /** Where the next write would go. */
  position: number;
}

interface Parts {
  readonly calls: TreeCalls;
  readonly directories: Directories;
  readonly attributes: Attributes;
  readonly piece: Piece;
  readonly root: boolean;
  /** Bits that the process takes from new files. */
  readonly mask: number;
}

/** Files from this size on are handed to the disk while the next ones are unpacked. */
const EARLY_SYNC_BYTES = 1 << 18;
const SYNC_FILE_RANGE_WRITE = 2;

/** `directory`: descriptor of the empty directory that becomes the layer's root. */
export function createTree(directory: number, options: TreeOptions): Tree {
  const notes: Notes = new Map();
  const calls = treeCalls(options.arena);
  const attributes = createAttributes(calls, { ...options, notes });
  const directories = createDirectories(directory, calls, attributes);
  const parts: Parts = {
    calls,
    directories,
    attributes,
    piece: options.piece,
    root: options.root,
    mask: readMask(),
  };
  let file: OpenFile | undefined;
  let whiteouts = 0;
  return {
    notes,
    whiteouts: () => whiteouts,
    begin(entry) {
      const whiteout = readWhiteout(entry);
      if (whiteout === undefined) file = addEntry(parts, entry);
      else if (whiteout.kind === "skip") attributes.note("files of aufs");
      else {
        whiteouts++;
        if (whiteout.kind === "opaque") directories.hideLower(whiteout.path);
        else hide(parts, whiteout.path);
      }
    },
    data(start, end, offset) {
      if (file !== undefined) writeData(parts, file, { start, end, offset });
    },
    end() {
      if (file === undefined) return;
      const done = file;
      file = undefined;
      try {
        finishFile(parts, done);
      } finally {
        calls.close(done.fd);
      }
    },
    finish: () => directories.finish(),
    close() {
      if (file !== undefined) calls.close(file.fd);
      file = undefined;
      directories.close();
    },
  };
}

/** The process's mask can only be read by setting it. */
function readMask(): number {
  const mask = Number(callSync(umask({ mask: 0o077 })));
  callSync(umask({ mask }));
  return mask;
}

function addEntry(parts: Parts, entry: TarEntry): OpenFile | undefined {
  switch (entry.type) {
    case "directory":
      parts.directories.add(entry);
      return undefined;
    case "file":
      return addFile(parts, entry);
    case "symlink":
      addSymlink(parts, entry);
      return undefined;
    case "link":
      addLink(parts, entry);
      return undefined;
    default:
      addNode(parts, entry);
      return undefined;
  }
}

const KINDS = {
  file: S_IFREG,
  symlink: S_IFLNK,
  char: S_IFCHR,
  block: S_IFBLK,
  fifo: S_IFIFO,
  directory: S_IFDIR,
} as const;

/**
 * Makes what has a name of its own. A later entry of the same name and kind wins, as in tar; a whiteout of the same layer speaks
 * of lower ones only.
 */
function place(
  { calls, directories }: Parts,
  entry: TarEntry,
  how: { readonly make: (dir: number, base: string) => number; readonly call: () => Syscall },
): number {
  const { parent, base } = split(entry.path);
  if (base === "") throw conflict("/", "the root is no directory");
  const dir = directories.open(parent);
  const result = how.make(dir, base);
  if (!alreadyThere(result)) return mustHold(result, how.call);
  const found = calls.find(dir, base);
  const wanted = entry.type === "link" ? S_IFREG : KINDS[entry.type];
  const kind = (found?.mode ?? 0) & S_IFMT;
  if (found?.whiteout !== true && kind !== wanted) {
    throw conflict(entry.path, "an entry has the name of one of another kind");
  }
  mustHold(calls.unlink(dir, base), () => unlinkat({ pathname: shown(entry.path) }));
  return mustHold(how.make(dir, base), how.call);
}

function addFile(parts: Parts, entry: TarEntry): OpenFile {
  // Attributes need a file that its owner can write.
  const mode = entry.mode & 0o777 | 0o600;
  const flags = O_WRONLY | O_CREAT | O_EXCL;
  const fd = place(parts, entry, {
    make: (dir, base) => parts.calls.create(dir, base, mode),
    call: () => openat({ pathname: shown(entry.path), flags, mode }),
  });
  return { fd, entry, position: 0 };
}

function writeData(
  { calls, piece }: Parts,
  file: OpenFile,
  { start, end, offset }: { readonly start: number; readonly end: number; readonly offset: number },
): void {
  let at = offset;
  for (let from = start; from < end;) {
    const count = end - from;
    const address = piece.address + from;
    const wrote = at === file.position
      ? calls.write(file.fd, address, count)
      : calls.pwrite(file.fd, address, count, at);
    mustHold(wrote, () => {
      const buf = { cell: shown(file.entry.path), size: count };
      return write({ fd: file.fd, buf, count });
    });
    if (at === file.position) file.position += wrote;
    from += wrote;
    at += wrote;
  }
}

function finishFile({ calls, attributes, mask }: Parts, { fd, entry }: OpenFile): void {
  if (entry.sparse) {
    const length = entry.size;
    mustHold(calls.ftruncate(fd, length), () => ftruncate({ fd, length }));
  }
  const owner = attributes.ownerOf(entry);
  if (owner !== undefined) {
    const { uid, gid } = owner;
    mustHold(calls.fchown(fd, uid, gid), () => fchown({ fd, owner: uid, group: gid }));
  }
  attributes.set(fd, entry);
  // chown and a write clear the set-user-id bits: the mode comes last.
  const { mode } = entry;
  const made = (mode & 0o777 | 0o600) & ~mask;
  if (mode !== made) mustHold(calls.fchmod(fd, mode), () => fchmod({ fd, mode }));
  attributes.setTime(fd, entry);
  if (entry.size >= EARLY_SYNC_BYTES) calls.syncRange(fd, 0, 0, SYNC_FILE_RANGE_WRITE);
}

function addSymlink(parts: Parts, entry: TarEntry): void {
  place(parts, entry, {
    make: (dir, base) => parts.calls.symlink(dir, base, entry.link),
    call: () => symlinkat({ target: shown(entry.link), linkpath: shown(entry.path) }),
  });
  parts.attributes.leaveOut(entry);
  finishNamed(parts, entry);
}

/** Owner and time of what can't be opened. */
function finishNamed({ calls, directories, attributes }: Parts, entry: TarEntry): void {
  const { parent, base } = split(entry.path);
  const dir = directories.open(parent);
  const owner = attributes.ownerOf(entry);
  // Only what fails is shown: an archive has tens of thousands of names.
  const pathname = (): string => shown(entry.path);
  if (owner !== undefined) {
    const { uid, gid } = owner;
    mustHold(
      calls.ownLink(dir, base, owner),
      () => fchownat({ pathname: pathname(), owner: uid, group: gid }),
    );
  }
  mustHold(
    calls.dateLink(dir, base, entry.mtime),
    () => openat({ pathname: pathname(), flags: 0 }),
  );
}

function addLink(parts: Parts, entry: TarEntry): void {
  const { calls, directories } = parts;
  if (entry.link === entry.path) throw conflict(entry.path, "a hard link is to itself");
  const target = split(entry.link);
  const from = { dir: directories.open(target.parent), base: target.base };
  const found = target.base === "" ? undefined : calls.find(from.dir, from.base);
  if (found === undefined || found.whiteout) {
    throw conflict(entry.path, `a hard link is to "${shown(entry.link)}", which the archive lacks`);
  }
  if ((found.mode & S_IFMT) === S_IFDIR) {
    throw conflict(entry.path, "a hard link is to a directory");
  }
  place(parts, entry, {
    // Opened anew: what was opened meanwhile may have closed the descriptor.
    make: (dir, base) => calls.link(dir, base, { ...from, dir: directories.open(target.parent) }),
    call: () => linkat({ oldpath: shown(entry.link), newpath: shown(entry.path) }),
  });
}

function addNode(parts: Parts, entry: TarEntry): void {
  const { calls, attributes } = parts;
  const type = entry.type === "char" ? S_IFCHR : entry.type === "block" ? S_IFBLK : S_IFIFO;
  const device = deviceOf(entry);
  const mode = type | entry.mode;
  const node = { mode, device };
  attributes.leaveOut(entry);
  if (type !== S_IFIFO && !parts.root) return attributes.note("device nodes");
  const pathname = shown(entry.path);
  try {
    place(parts, entry, {
      make: (dir, base) => {
        const before = Number(callSync(umask({ mask: 0 })));
        const result = calls.mknod(dir, base, node);
        callSync(umask({ mask: before }));
        return result;
      },
      call: () => mknodat({ pathname, mode, dev: device }),
    });
  } catch (error) {
    // Root of a user namespace makes no devices either.
    if (type === S_IFIFO || (error as { errno?: number }).errno !== EPERM) throw error;
    return attributes.note("device nodes");
  }
  finishNamed(parts, entry);
}

function deviceOf({ type, major, minor, path }: TarEntry): number {
  if (type === "fifo") return 0;
  const good = major >= 0 && major < 1 << 12 && minor >= 0 && minor < 1 << 20 && major + minor > 0;
  if (good) return makedev(major, minor);
  const what = major + minor === 0 ? "0:0 is overlayfs's whiteout" : `${major}:${minor} is none`;
  throw new ImageError("ARCHIVE_REFUSED", `a device has no number (${what}): "${shown(path)}"`);
}

/** A whiteout hides what lower layers have; what this layer has itself stays. */
function hide({ calls, directories }: Parts, path: string): void {
  const { parent, base } = split(path);
  const dir = directories.open(parent);
  const result = calls.mknod(dir, base, { mode: S_IFCHR, device: 0 });
  if (!alreadyThere(result)) {
    mustHold(result, () => mknodat({ pathname: shown(path), mode: S_IFCHR, dev: 0 }));
    return;
  }
  const found = calls.find(dir, base);
  if (((found?.mode ?? 0) & S_IFMT) === S_IFDIR) directories.hideLower(path);
}
