/** The directories of a layer while it is unpacked: opened below its root, made when missing, finished at the end. */
import { EEXIST, ELOOP, ENOENT, ENOTDIR } from "../../../ffi/abi/errno.ts";
import { S_IFDIR, S_IFMT } from "../../../ffi/abi/stat.ts";
import { fchmod, fchown, mkdirat } from "../../../ffi/calls/path.ts";
import { openat } from "../../../ffi/calls/open.ts";
import { O_DIRECTORY } from "../../../ffi/abi/fcntl.ts";
import { SyscallError } from "../../../ffi/linux/error.ts";
import { ImageError } from "../error.ts";
import { shown } from "../names.ts";
import type { TarEntry } from "../tar/read.ts";
import type { Attributes } from "./attributes.ts";
import { mustHold, type TreeCalls } from "./calls.ts";

/** Descriptors of directories that are kept open: archives go through a tree directory by directory. */
const OPEN_MAX = 64;

/** While the tree is made we must be able to write everywhere in it; the real mode comes at the end. */
const WORK_MODE = 0o700;
/** Of a directory that has no entry of its own. */
const IMPLICIT_MODE = 0o755;

/** What stands at a name is of another kind than what the archive wants there. */
export function conflict(path: string, what: string): ImageError {
  return new ImageError("ARCHIVE_REFUSED", `${what}: "${shown(path)}"`);
}

/** A path in its directory and its last name. */
export function split(path: string): { readonly parent: string; readonly base: string } {
  const slash = path.lastIndexOf("/");
  return { parent: slash < 0 ? "" : path.slice(0, slash), base: path.slice(slash + 1) };
}

interface Pending {
  entry?: TarEntry;
  opaque?: true;
}

export interface Directories {
  /** The descriptor of a directory, made with all above it when missing. It is ours: do not close it. */
  readonly open: (path: string) => number;
  /** An entry for a directory. */
  readonly add: (entry: TarEntry) => void;
  /** Nothing of lower layers shows in it. */
  readonly hideLower: (path: string) => void;
  /** Modes, owners, attributes and times, which the making of what is in them would have changed. */
  readonly finish: () => void;
  readonly close: () => void;
}

export function createDirectories(
  root: number,
  calls: TreeCalls,
  attributes: Attributes,
): Directories {
  const state: State = { root, calls, opened: new Map(), pending: new Map() };
  const { opened, pending } = state;
  return {
    open: (path) => openPath(state, path),
    add: (entry) => {
      if (entry.path !== "") make(state, entry.path);
      pendingOf(state, entry.path).entry = entry;
    },
    hideLower: (path) => {
      openPath(state, path);
      pendingOf(state, path).opaque = true;
    },
    finish: () => {
      // Longer paths first: what is inside comes before what it is in.
      const paths = [...pending.keys()].sort((a, b) => b.length - a.length);
      for (const path of paths) {
        const { entry, opaque } = pending.get(path) ?? {};
        const fd = mustOpen(state, path, "read");
        try {
          finishDirectory({ fd, entry, opaque: opaque === true }, calls, attributes);
        } finally {
          calls.close(fd);
        }
      }
    },
    close: () => {
      for (const fd of opened.values()) calls.close(fd);
      opened.clear();
    },
  };
}

interface State {
  readonly root: number;
  readonly calls: TreeCalls;
  /** Path → descriptor. */
  readonly opened: Map<string, number>;
  /** What is to be done at the end. */
  readonly pending: Map<string, Pending>;
}

function pendingOf({ pending }: State, path: string): Pending {
  const known = pending.get(path);
  if (known !== undefined) return known;
  const made = {};
  pending.set(path, made);
  return made;
}

function keep({ opened, calls }: State, path: string, fd: number): number {
  if (opened.size >= OPEN_MAX) {
    const [oldest] = opened;
    if (oldest !== undefined) {
      opened.delete(oldest[0]);
      calls.close(oldest[1]);
    }
  }
  opened.set(path, fd);
  return fd;
}

function openPath(state: State, path: string): number {
  if (path === "") return state.root;
  const known = state.opened.get(path);
  if (known !== undefined) return known;
  const fd = state.calls.openDirectory(state.root, path, "path");
  if (fd >= 0) return keep(state, path, fd);
  if (fd !== -ENOENT && fd !== -ENOTDIR) throw openError(fd, path);
  make(state, path);
  return keep(state, path, mustOpen(state, path, "path"));
}

function mustOpen({ root, calls }: State, path: string, how: "path" | "read"): number {
  const fd = calls.openDirectory(root, path, how);
  if (fd < 0) throw openError(fd, path);
  return fd;
}

/** Makes one directory. What a whiteout of the same layer hides is below: it stays hidden. */
function make(state: State, path: string): void {
  const { calls } = state;
  const { parent, base } = split(path);
  const dir = openPath(state, parent);
  const result = calls.mkdir(dir, base, WORK_MODE);
  if (result === 0) return void pendingOf(state, path);
  if (result !== -EEXIST) throw madeError(result, path);
  const found = calls.find(dir, base);
  if (found?.whiteout === true) {
    calls.unlink(dir, base);
    mustHold(calls.mkdir(dir, base, WORK_MODE), () => mkdirCall(path));
    pendingOf(state, path).opaque = true;
  } else if (found === undefined || (found.mode & S_IFMT) !== S_IFDIR) {
    throw conflict(path, "what was something else before is now a directory");
  }
}

function finishDirectory(
  { fd, entry, opaque }: {
    readonly fd: number;
    readonly entry: TarEntry | undefined;
    readonly opaque: boolean;
  },
  calls: TreeCalls,
  attributes: Attributes,
): void {
  if (opaque) attributes.setOpaque(fd);
  if (entry === undefined) {
    mustHold(calls.fchmod(fd, IMPLICIT_MODE), () => fchmod({ fd, mode: IMPLICIT_MODE }));
    return;
  }
  const owner = attributes.ownerOf(entry);
  if (owner !== undefined) {
    const { uid, gid } = owner;
    mustHold(calls.fchown(fd, uid, gid), () => fchown({ fd, owner: uid, group: gid }));
  }
  attributes.set(fd, entry);
  mustHold(calls.fchmod(fd, entry.mode), () => fchmod({ fd, mode: entry.mode }));
  attributes.setTime(fd, entry);
}

function openError(result: number, path: string): Error {
  if (result === -ELOOP) return conflict(path, "a symbolic link stands on the way to an entry");
  if (result === -ENOTDIR) {
    return conflict(path, "what is no directory stands on the way to an entry");
  }
  return new SyscallError(openat({ pathname: shown(path), flags: O_DIRECTORY }), -result);
}

const mkdirCall = (path: string) => mkdirat({ pathname: shown(path), mode: WORK_MODE });

function madeError(result: number, path: string): Error {
  return new SyscallError(mkdirCall(path), -result);
}
