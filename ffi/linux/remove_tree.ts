/** Removes a directory and all that is in it, whatever the names are; follows no link. */
import { EACCES, EISDIR, ENOENT, EPERM } from "../abi/errno.ts";
import {
  AT_FDCWD,
  AT_REMOVEDIR,
  O_CLOEXEC,
  O_DIRECTORY,
  O_NOFOLLOW,
  O_RDONLY,
} from "../abi/fcntl.ts";
import { unlinkat } from "../calls/path.ts";
import { SyscallError } from "./error.ts";
import { hotCall, hotOpenFlags, placeBytes } from "./hot.ts";
import { createArena } from "./run.ts";

const LIST_BYTES = 32_768;
const NAME_BYTES = 4096;
/** struct linux_dirent64: d_reclen 16, d_type 18, d_name 19. */
const RECLEN = 16;
const TYPE = 18;
const NAME = 19;
const DT_DIR = 4;
const OWNER_ALL = 0o700;

interface Remover {
  /** Removes what `base` names in the directory; 0 or −errno. */
  readonly remove: (dir: number, base: string, isDirectory: boolean) => number;
}

/**
 * Removes `path` with all that is in it; nothing there is no error.
 *
 * @throws SyscallError with what could not be removed; the rest may be gone.
 */
export function removeTree(path: string): void {
  using arena = createArena(LIST_BYTES * 4);
  const { remove } = createRemover(arena);
  const bytes = new TextEncoder().encode(path);
  const result = remove(AT_FDCWD, String.fromCharCode(...bytes), true);
  if (result < 0 && result !== -ENOENT) {
    throw new SyscallError(unlinkat({ pathname: path, flags: AT_REMOVEDIR }), -result);
  }
}

function createRemover(arena: ReturnType<typeof createArena>): Remover {
  const list = arena.allocate(LIST_BYTES);
  const name = arena.allocate(NAME_BYTES);
  const openat = hotCall("openat");
  const getdents = hotCall("getdents64");
  const unlink = hotCall("unlinkat");
  const fchmodat = hotCall("fchmodat");
  const close = hotCall("close");
  const flags = hotOpenFlags(O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

  const entries = (
    fd: number,
  ): readonly (readonly [base: string, isDirectory: boolean])[] | number => {
    const all: [string, boolean][] = [];
    for (;;) {
      const length = getdents(fd, list.address, LIST_BYTES);
      if (length < 0) return length;
      if (length === 0) return all;
      for (let at = 0; at < length; at += list.view.getUint16(at + RECLEN, true)) {
        const end = list.bytes.indexOf(0, at + NAME);
        const base = String.fromCharCode(...list.bytes.subarray(at + NAME, end));
        if (base !== "." && base !== "..") all.push([base, list.bytes[at + TYPE] === DT_DIR]);
      }
    }
  };

  const remove = (dir: number, base: string, isDirectory: boolean): number => {
    if (!isDirectory) {
      const result = unlink(dir, placeBytes(name, base), 0);
      return result === -EISDIR || result === -EPERM ? empty(dir, base) : result;
    }
    return empty(dir, base);
  };

  const empty = (dir: number, base: string): number => {
    let fd = openat(dir, placeBytes(name, base), flags, 0);
    if (fd === -EACCES) {
      fchmodat(dir, placeBytes(name, base), OWNER_ALL);
      fd = openat(dir, placeBytes(name, base), flags, 0);
    }
    if (fd < 0) return fd;
    let worst = 0;
    try {
      const all = entries(fd);
      if (typeof all === "number") return all;
      for (const [inner, isDirectory] of all) {
        let result = remove(fd, inner, isDirectory);
        if (result === -EACCES) {
          fchmodat(dir, placeBytes(name, base), OWNER_ALL);
          result = remove(fd, inner, isDirectory);
        }
        if (result < 0 && result !== -ENOENT) worst = result;
      }
    } finally {
      close(fd);
    }
    return worst < 0 ? worst : unlink(dir, placeBytes(name, base), AT_REMOVEDIR);
  };
  return { remove };
}
