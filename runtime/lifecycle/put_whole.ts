/** A copy that is there whole or not at all: made beside its place, then moved to it. */
import { EEXIST, ENOTEMPTY } from "../../ffi/abi/errno.ts";
import { AT_REMOVEDIR, RENAME_NOREPLACE } from "../../ffi/abi/fcntl.ts";
import { renameat2, unlinkat } from "../../ffi/calls/path.ts";
import { removeTree } from "../../ffi/linux/directory.ts";
import { namesIn, openEntry, reopen, statusOf } from "../../ffi/linux/entries.ts";
import type { Fd } from "../../ffi/linux/fd.ts";
import { callSync, check } from "../../ffi/linux/run.ts";
import { makeIn } from "./copy_place.ts";
import {
  type CopyResult,
  type CopyRules,
  copyTree,
  type Entry,
  openDirectory,
  temporaryPrefix,
} from "./copy_tree.ts";

/** The directory that `way` leads to below an open one, opened for reading; what is missing is made, and no link is followed. */
export function makeWay(above: Fd, way: readonly string[]): Fd {
  let at = reopen(above);
  for (const name of way) {
    using before = at;
    using made = makeIn(before, name);
    // A link or file that took the name meanwhile is no directory that we made.
    if (statusOf(made).kind !== "directory") throw new Error(`${name} is no directory`);
    at = reopen(made);
  }
  return at;
}

let count = 0;

/**
 * Copies a file or a tree to the entry `to`. All of it is read and written before anything that is there changes; a directory that is
 * there keeps what the copy has not.
 */
export function putWhole(from: Fd, to: Entry, rules: CopyRules): CopyResult {
  if (statusOf(from).kind !== "directory") return copyTree(from, to, rules);
  const name = `${temporaryPrefix().prefix}out-${count++}`;
  const { directory } = to;
  try {
    const result = copyTree(from, { directory, name }, rules);
    move({ directory, name }, to);
    return result;
  } catch (error) {
    removeTree(`/proc/self/fd/${directory.number}/${name}`);
    throw error;
  }
}

/** Moves an entry; directories that are on both sides become one. */
function move(from: Entry, to: Entry): void {
  const names = {
    olddirfd: from.directory.number,
    oldpath: from.name,
    newdirfd: to.directory.number,
    newpath: to.name,
  };
  const moved = Number(callSync(renameat2({ ...names, flags: RENAME_NOREPLACE })));
  if (moved === 0) return;
  if (moved !== -EEXIST && moved !== -ENOTEMPTY) check(renameat2(names));
  if (!isDirectory(from)) {
    check(renameat2(names));
    return;
  }
  using source = openDirectory(from);
  using target = openDirectory(to);
  for (const name of namesIn(source)) {
    move({ directory: source, name }, { directory: target, name });
  }
  check(unlinkat({ dirfd: from.directory.number, pathname: from.name, flags: AT_REMOVEDIR }));
}

function isDirectory({ directory, name }: Entry): boolean {
  using entry = openEntry(directory, name);
  return statusOf(entry).kind === "directory";
}
