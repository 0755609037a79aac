/** Entries of directories by descriptor: no path is looked up twice, so nothing can be swapped under one. */
import { EINTR, ENODATA, ENOTSUP, ERANGE } from "../abi/errno.ts";
import {
  AT_EMPTY_PATH,
  O_CLOEXEC,
  O_DIRECTORY,
  O_NOFOLLOW,
  O_NONBLOCK,
  O_PATH,
  O_RDONLY,
} from "../abi/fcntl.ts";
import { RESOLVE_IN_ROOT, RESOLVE_NO_MAGICLINKS } from "../abi/openat2.ts";
import { S_IFDIR, S_IFIFO, S_IFLNK, S_IFMT, S_IFREG, STATX_BASIC_STATS } from "../abi/stat.ts";
import { getdents64 } from "../calls/io.ts";
import { openat, openat2, readlinkat } from "../calls/open.ts";
import { statx } from "../calls/stat.ts";
import { fgetxattr, fsetxattr } from "../calls/xattr.ts";
import { flistxattr } from "../calls/xattr_list.ts";
import { Fd } from "./fd.ts";
import { callSync, check, readCell, SyscallError } from "./run.ts";

export type Kind = "file" | "directory" | "symlink" | "fifo" | "other";

/** What a descriptor is of. */
export interface Status {
  readonly kind: Kind;
  /** Permission bits, with setuid, setgid and sticky. */
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly bytes: number;
  readonly modified: { readonly sec: number; readonly nsec: number };
}

const STATX = { cell: "entry status", size: 256 } as const;
const ENTRIES = { cell: "entries", size: 65_536 } as const;
const LINK = { cell: "entry link", size: 4096 } as const;
const decoder = new TextDecoder("utf-8", { fatal: true });

const KINDS: Readonly<Record<number, Kind>> = {
  [S_IFREG]: "file",
  [S_IFDIR]: "directory",
  [S_IFLNK]: "symlink",
  [S_IFIFO]: "fifo",
};

/** Throws SyscallError. */
export function statusOf(fd: Fd): Status {
  const flags = AT_EMPTY_PATH;
  check(statx({
    dirfd: fd.number,
    pathname: "",
    flags,
    mask: STATX_BASIC_STATS,
    statxbuf: STATX,
  }));
  const cell = readCell(STATX);
  const view = new DataView(cell.buffer, cell.byteOffset, cell.byteLength);
  // struct statx: stx_uid 20, stx_gid 24, stx_mode 28, stx_size 40, stx_mtime 112 (seconds, then nanoseconds)
  const mode = view.getUint16(28, true);
  return {
    kind: KINDS[mode & S_IFMT] ?? "other",
    mode: mode & 0o7777,
    uid: view.getUint32(20, true),
    gid: view.getUint32(24, true),
    bytes: Number(view.getBigUint64(40, true)),
    modified: {
      sec: Number(view.getBigInt64(112, true)),
      nsec: view.getUint32(120, true),
    },
  };
}

/** The entry itself, whatever it is and wherever it leads: only its status can be asked. Throws SyscallError. */
export function openEntry(directory: Fd, name: string): Fd {
  const flags = O_PATH | O_NOFOLLOW | O_CLOEXEC;
  return Fd.open(openat({ dirfd: directory.number, pathname: name, flags }));
}

/**
 * What is at `path` below `root`, links followed: none leads out of it, and none is a link of /proc (security rule R3). Throws
 * SyscallError.
 */
export function openBelow(root: Fd, path: string): Fd {
  return Fd.open(openat2({
    dirfd: root.number,
    pathname: path.replace(/^\/+/, "") || ".",
    flags: O_PATH | O_CLOEXEC,
    resolve: RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS,
  }));
}

/** Opens again for reading what was opened only to be looked at: never a link, never a device. Throws SyscallError. */
export function reopen(fd: Fd): Fd {
  const { kind } = statusOf(fd);
  if (kind !== "file" && kind !== "directory") throw new RangeError(`a ${kind} is not read`);
  const flags = O_RDONLY | O_NONBLOCK | O_CLOEXEC | (kind === "directory" ? O_DIRECTORY : 0);
  return Fd.open(openat({ pathname: `/proc/self/fd/${fd.number}`, flags }));
}

/** Where the link that the descriptor is of leads. Throws SyscallError. */
export function targetOf(link: Fd): string {
  const call = readlinkat({ dirfd: link.number, pathname: "", buf: LINK, bufsiz: LINK.size });
  return decoder.decode(readCell(LINK).slice(0, check(call)));
}

/** The names in a directory that was opened for reading, in no order. Throws SyscallError, TypeError for a name that is no UTF-8. */
export function namesIn(directory: Fd): string[] {
  const names: string[] = [];
  for (;;) {
    const call = getdents64({ fd: directory.number, dirp: ENTRIES, count: ENTRIES.size });
    const count = Number(callSync(call));
    if (count === -EINTR) continue;
    if (count < 0) throw new SyscallError(call, -count);
    if (count === 0) return names;
    const bytes = readCell(ENTRIES);
    for (let at = 0; at < count;) {
      // struct linux_dirent64: d_reclen 16, d_name 19
      const next = at + (bytes[at + 16] ?? 0) + (bytes[at + 17] ?? 0) * 256;
      const name = decoder.decode(bytes.slice(at + 19, bytes.indexOf(0, at + 19)));
      if (name !== "." && name !== "..") names.push(name);
      at = next;
    }
  }
}

const NAMES = { cell: "attribute names", size: 65_536 } as const;
const VALUE = { cell: "attribute value", size: 65_536 } as const;

/** Those extended attributes that `wanted` names; none where the file system keeps none. Throws SyscallError. */
export function attributesOf(
  from: Fd,
  wanted: (name: string) => boolean,
): ReadonlyMap<string, Uint8Array> {
  const found = new Map<string, Uint8Array>();
  const call = flistxattr({ fd: from.number, list: NAMES, size: NAMES.size });
  const length = Number(callSync(call));
  if (length === -ENOTSUP || length === 0) return found;
  if (length < 0) throw new SyscallError(call, -length);
  const names = decoder.decode(readCell(NAMES).slice(0, length)).split("\0");
  for (const name of names) {
    if (name === "" || !wanted(name)) continue;
    const read = fgetxattr({ fd: from.number, name, value: VALUE, size: VALUE.size });
    const count = Number(callSync(read));
    if (count === -ENODATA || count === -ERANGE) continue;
    if (count < 0) throw new SyscallError(read, -count);
    found.set(name, readCell(VALUE).slice(0, count));
  }
  return found;
}

/** Copies those extended attributes that `wanted` names; file systems that keep none lose them. Throws SyscallError. */
export function copyAttributes(from: Fd, to: Fd, wanted: (name: string) => boolean): void {
  for (const [name, value] of attributesOf(from, wanted)) {
    const write = fsetxattr({ fd: to.number, name, value });
    const result = Number(callSync(write));
    if (result < 0 && result !== -ENOTSUP) throw new SyscallError(write, -result);
  }
}
