/** The calls of the unpacker: below descriptors only, names as bytes, nothing followed. */
import { EEXIST, ENOENT } from "../../../ffi/abi/errno.ts";
import {
  AT_SYMLINK_NOFOLLOW,
  O_CLOEXEC,
  O_CREAT,
  O_DIRECTORY,
  O_EXCL,
  O_NOFOLLOW,
  O_PATH,
  O_RDONLY,
  O_WRONLY,
} from "../../../ffi/abi/fcntl.ts";
import {
  OPEN_HOW,
  RESOLVE_BENEATH,
  RESOLVE_NO_MAGICLINKS,
  RESOLVE_NO_SYMLINKS,
  RESOLVE_NO_XDEV,
} from "../../../ffi/abi/openat2.ts";
import { S_IFCHR, S_IFMT, STATX, STATX_BASIC_STATS } from "../../../ffi/abi/stat.ts";
import type { Syscall } from "../../../ffi/calls/call.ts";
import type { Arena, Piece } from "../../../ffi/memory/arena.ts";
import { readField, writeField } from "../../../ffi/memory/layout.ts";
import { hotCall, hotOpenFlags, placeBytes } from "../../../ffi/linux/hot.ts";
import { SyscallError } from "../../../ffi/linux/error.ts";

/** No path of an archive may lead anywhere but down, by no link and onto no other file system. */
const BENEATH = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS | RESOLVE_NO_XDEV;

/** What is at a name. */
export interface Found {
  readonly mode: number;
  /** A character device 0:0: what overlayfs takes for "removed". */
  readonly whiteout: boolean;
}

export interface Time {
  readonly sec: number;
  readonly nsec: number;
}

/** Throws what `call` says when the result is an error. */
export function mustHold(result: number, call: () => Syscall): number {
  if (result < 0) throw new SyscallError(call(), -result);
  return result;
}

function openHow(arena: Arena, flags: number): number {
  const how = arena.allocate(OPEN_HOW.size);
  writeField(how.view, OPEN_HOW.fields.flags, { value: hotOpenFlags(flags) });
  writeField(how.view, OPEN_HOW.fields.resolve, { value: BENEATH });
  return how.address;
}

/** Calls with their own memory. One unpacking uses one of it at a time: the memory is shared between its calls. */
export function treeCalls(arena: Arena) {
  const memory: Memory = {
    name: arena.allocate(4096),
    other: arena.allocate(4096),
    status: arena.allocate(STATX.size),
    times: arena.allocate(32),
  };
  return {
    ...openers(memory, arena),
    ...makers(memory),
    ...changers(memory),
    find: finder(memory),
  };
}

/** A name, a second one, what is at a name, two times. */
interface Memory {
  readonly name: Piece;
  readonly other: Piece;
  readonly status: Piece;
  readonly times: Piece;
}

function openers({ name }: Memory, arena: Arena) {
  const pathHow = openHow(arena, O_PATH | O_DIRECTORY | O_CLOEXEC);
  const readHow = openHow(arena, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  const create = hotOpenFlags(O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC);
  const openat = hotCall("openat");
  const openat2 = hotCall("openat2");
  return {
    /** A directory below `root`, to be walked through (`path`) or changed (`read`). */
    openDirectory: (root: number, path: string, how: "path" | "read"): number =>
      openat2(
        root,
        placeBytes(name, path === "" ? "." : path),
        how === "path" ? pathHow : readHow,
        OPEN_HOW.size,
      ),
    create: (dir: number, base: string, mode: number): number =>
      openat(dir, placeBytes(name, base), create, mode),
    close: hotCall("close"),
  };
}

function makers({ name, other }: Memory) {
  const mkdirat = hotCall("mkdirat");
  const unlinkat = hotCall("unlinkat");
  const symlinkat = hotCall("symlinkat");
  const linkat = hotCall("linkat");
  const mknodat = hotCall("mknodat");
  return {
    mkdir: (dir: number, base: string, mode: number): number =>
      mkdirat(dir, placeBytes(name, base), mode),
    unlink: (dir: number, base: string): number => unlinkat(dir, placeBytes(name, base), 0),
    symlink: (dir: number, base: string, target: string): number =>
      symlinkat(placeBytes(other, target), dir, placeBytes(name, base)),
    /** The new name, then the old one; a symbolic link gets a second name itself. */
    link: (dir: number, base: string, old: { dir: number; base: string }): number =>
      linkat(old.dir, placeBytes(other, old.base), dir, placeBytes(name, base), 0),
    mknod: (dir: number, base: string, node: { mode: number; device: number }): number =>
      mknodat(dir, placeBytes(name, base), node.mode, node.device),
  };
}

function changers({ name, times }: Memory) {
  const fchownat = hotCall("fchownat");
  const utimensat = hotCall("utimensat");
  const setTimes = ({ sec, nsec }: Time): number => {
    for (const offset of [0, 16]) {
      times.view.setBigInt64(offset, BigInt(sec), true);
      times.view.setBigInt64(offset + 8, BigInt(nsec), true);
    }
    return times.address;
  };
  return {
    ownLink: (dir: number, base: string, owner: { uid: number; gid: number }): number =>
      fchownat(dir, placeBytes(name, base), owner.uid, owner.gid, AT_SYMLINK_NOFOLLOW),
    dateLink: (dir: number, base: string, time: Time): number =>
      utimensat(dir, placeBytes(name, base), setTimes(time), AT_SYMLINK_NOFOLLOW),
    dateFile: (fd: number, time: Time): number => utimensat(fd, 0, setTimes(time), 0),
    write: hotCall("write"),
    pwrite: hotCall("pwrite64"),
    ftruncate: hotCall("ftruncate"),
    fchown: hotCall("fchown"),
    fchmod: hotCall("fchmod"),
    syncRange: hotCall("sync_file_range"),
  };
}

/** `undefined`: nothing is there. Symbolic links are not followed. */
function finder({ name, status }: Memory): (dir: number, base: string) => Found | undefined {
  const statx = hotCall("statx");
  const read = (field: "stx_mode" | "stx_rdev_major" | "stx_rdev_minor"): number =>
    Number(readField(status.view, STATX.fields[field]));
  return (dir, base) => {
    const result = statx(
      dir,
      placeBytes(name, base),
      AT_SYMLINK_NOFOLLOW,
      STATX_BASIC_STATS,
      status.address,
    );
    if (result === -ENOENT) return undefined;
    if (result < 0) throw new SyscallError("statx(…)", -result);
    const mode = read("stx_mode");
    const device = read("stx_rdev_major") === 0 && read("stx_rdev_minor") === 0;
    return { mode, whiteout: (mode & S_IFMT) === S_IFCHR && device };
  };
}

export type TreeCalls = ReturnType<typeof treeCalls>;

export const alreadyThere = (result: number): boolean => result === -EEXIST;
