/** Where a copy goes: a directory that is open and a name in it. What is missing on the way is made, each in the one above it. */
import { EEXIST, ENOENT, ENOTDIR } from "../../ffi/abi/errno.ts";
import { fchmod, fchown, mkdirat } from "../../ffi/calls/path.ts";
import { createIn } from "../../ffi/linux/create.ts";
import { openBelow, openEntry, reopen, type Status, statusOf } from "../../ffi/linux/entries.ts";
import type { Fd } from "../../ffi/linux/fd.ts";
import { getuid } from "../../ffi/linux/file.ts";
import { check, SyscallError } from "../../ffi/linux/run.ts";
import { ContainervError } from "../plan/error.ts";
import type { Entry } from "./copy_tree.ts";

/** What a user may set on a file; the other classes mean something to the kernel. */
export const KEPT_ATTRIBUTES = /^(user\.(?!overlay\.)|system\.posix_acl_(access|default)$)/;

export interface Ids {
  readonly uid: number;
  readonly gid: number;
}

/** The last name of a path. */
export const baseName = (path: string): string =>
  path.replace(/\/+$/, "").replace(/^.*\//, "") || "root";

export interface PlaceOptions {
  /** What the copy is called in a directory; absent: it can't be put into one. */
  readonly name: string | undefined;
  readonly into: boolean | undefined;
}

/** The directory and the name that `path` below `root` means; directories that are missing are made. */
export function placeBelow(root: Fd, path: string, options: PlaceOptions): Entry & Disposable {
  const into = options.into ?? (path.endsWith("/") || isDirectory(root, path));
  const name = into ? options.name : baseName(path);
  if (name === undefined || name === "." || name === ".." || name.includes("/")) {
    throw new ContainervError({
      code: "COPY_FAILED",
      message: `${path} is a directory, and what is copied has no name of its own`,
      fix: "say the file's whole path",
    });
  }
  const parent = into ? path : path.replace(/\/+$/, "").replace(/\/[^/]*$/, "");
  using found = openOrMake(root, parent);
  const directory = reopen(found);
  return { directory, name, [Symbol.dispose]: () => directory[Symbol.dispose]() };
}

function isDirectory(root: Fd, path: string): boolean {
  try {
    using found = openBelow(root, path);
    return statusOf(found).kind === "directory";
  } catch (error) {
    if (error instanceof SyscallError && (error.errno === ENOENT || error.errno === ENOTDIR)) {
      return false;
    }
    throw error;
  }
}

/** The directory `path` below `root`; what is missing of it is made, each in the directory above it that is open. */
function openOrMake(root: Fd, path: string): Fd {
  let at = openBelow(root, "/");
  let soFar = "";
  for (const name of path.split("/")) {
    if (name === "" || name === ".") continue;
    soFar += `/${name}`;
    const above = at;
    try {
      at = openBelow(root, soFar);
    } catch (error) {
      if (!(error instanceof SyscallError) || error.errno !== ENOENT) {
        above[Symbol.dispose]();
        throw error;
      }
      at = makeIn(above, name);
    }
    above[Symbol.dispose]();
  }
  return at;
}

export function makeIn(above: Fd, name: string): Fd {
  const call = mkdirat({ dirfd: above.number, pathname: name, mode: 0o755 });
  const made = createIn(above, call);
  if (made < 0 && made !== -EEXIST) throw new SyscallError(call, -made);
  const owner: Status = statusOf(above);
  const directory = openEntry(above, name);
  if (made === 0 && getuid() === 0) ownAs(directory, owner);
  return directory;
}

/** A directory that was made belongs to whom the one above it does. */
function ownAs(directory: Fd, { uid, gid }: Status): void {
  using open = reopen(directory);
  check(fchown({ fd: open.number, owner: uid, group: gid }));
  check(fchmod({ fd: open.number, mode: 0o755 }));
}
