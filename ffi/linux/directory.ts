/** Directories of our own: listed, and removed with all that is in them. */
import { EINTR, ENOENT, ENOTDIR } from "../abi/errno.ts";
import { O_CLOEXEC, O_DIRECTORY, O_NOFOLLOW, O_RDONLY } from "../abi/fcntl.ts";
import { getdents64 } from "../calls/io.ts";
import { openat } from "../calls/open.ts";
import { Fd } from "./fd.ts";
import { callSync, readCell, SyscallError } from "./run.ts";

const ENTRIES = { cell: "directory entries", size: 65_536 } as const;
const decoder = new TextDecoder();
const DT_DIR = 4;

/** One name of a directory. */
export interface DirectoryEntry {
  readonly name: string;
  readonly isDirectory: boolean;
}

function open(pathname: string): Fd | undefined {
  const flags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
  const call = openat({ pathname, flags });
  const result = Number(callSync(call));
  if (result === -ENOENT || result === -ENOTDIR) return undefined;
  if (result < 0) throw new SyscallError(call, -result);
  return new Fd(result);
}

/** What is in a directory, in no order; empty where there is none. Throws SyscallError. */
export function listDirectory(path: string): readonly DirectoryEntry[] {
  using fd = open(path);
  return fd === undefined ? [] : entriesOf(fd.number);
}

function entriesOf(fd: number): readonly DirectoryEntry[] {
  const entries: DirectoryEntry[] = [];
  for (;;) {
    const call = getdents64({ fd, dirp: ENTRIES, count: ENTRIES.size });
    const count = Number(callSync(call));
    if (count === -EINTR) continue;
    if (count === -ENOENT || count === 0) return entries;
    if (count < 0) throw new SyscallError(call, -count);
    const bytes = readCell(ENTRIES).slice(0, count);
    const view = new DataView(bytes.buffer);
    for (let at = 0; at < count;) {
      // struct linux_dirent64: d_reclen 16, d_type 18, d_name 19
      const next = at + view.getUint16(at + 16, true);
      const end = bytes.indexOf(0, at + 19);
      const name = decoder.decode(bytes.subarray(at + 19, end));
      if (name !== "." && name !== "..") {
        entries.push({ name, isDirectory: bytes[at + 18] === DT_DIR });
      }
      at = next;
    }
  }
}

export { removeTree } from "./remove_tree.ts";
