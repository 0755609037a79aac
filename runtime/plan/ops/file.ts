/** Directories, files, links and device nodes of the container's root. */
import { O_CLOEXEC, O_CREAT, O_EXCL, O_NOFOLLOW, O_WRONLY } from "../../../ffi/abi/fcntl.ts";
import { makedev, S_IFCHR } from "../../../ffi/abi/stat.ts";
import { write } from "../../../ffi/calls/io.ts";
import { close, openat } from "../../../ffi/calls/open.ts";
import { fchownat, mkdirat, mknodat, symlinkat } from "../../../ffi/calls/path.ts";
import { result } from "../emitter.ts";
import type { Held, OpCommon, OpDefinition } from "../op.ts";
import { quote } from "../quote.ts";
import { showMode } from "../../../ffi/calls/show.ts";
import { inParent, type Place } from "./root.ts";

const placeOf = ({ path, below }: { path: string; below?: Held }): Place => ({ path, below });

/** One directory whose parent is there. What is there already stays as it is. */
export interface MakeDirectory extends OpCommon {
  readonly kind: "directory";
  readonly path: string;
  readonly mode: number;
  /** Given to these ids when it was made here. */
  readonly owner?: { readonly uid: number; readonly gid: number };
}

export interface WriteNewFile extends OpCommon {
  readonly kind: "file";
  readonly path: string;
  readonly mode: number;
  readonly text: string;
}

export interface MakeSymlink extends OpCommon {
  readonly kind: "symlink";
  readonly path: string;
  readonly target: string;
}

/** A character device node; needs CAP_MKNOD in the first user namespace. */
export interface MakeDevice extends OpCommon {
  readonly kind: "device";
  readonly path: string;
  readonly mode: number;
  readonly major: number;
  readonly minor: number;
}

export const makeDirectory: OpDefinition<MakeDirectory> = {
  describe: (op) => `mkdir(${quote(op.path)}, ${showMode(op.mode)})`,
  lower(op, to) {
    inParent(to, placeOf(op), (dirfd, pathname, onError) => {
      to.call(mkdirat({ dirfd, pathname, mode: op.mode }), { onError });
      if (op.owner === undefined) return;
      to.call(
        fchownat({ dirfd, pathname, owner: op.owner.uid, group: op.owner.gid, flags: 0x100 }),
      );
    });
  },
};

export const writeNewFile: OpDefinition<WriteNewFile> = {
  describe: (op) => `write(${quote(op.path)}, ${quote(op.text)})`,
  lower(op, to) {
    inParent(to, placeOf(op), (dirfd, pathname, onError) => {
      const flags = O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC;
      to.call(openat({ dirfd, pathname, flags, mode: op.mode }), { into: "fd", onError });
      to.call(write({ fd: result("fd"), buf: op.text }));
      to.call(close({ fd: result("fd") }), { onError: "continue" });
    });
  },
};

export const makeSymlink: OpDefinition<MakeSymlink> = {
  describe: (op) => `symlink(${quote(op.target)}, ${quote(op.path)})`,
  lower(op, to) {
    inParent(to, placeOf(op), (newdirfd, linkpath, onError) => {
      to.call(symlinkat({ target: op.target, newdirfd, linkpath }), { onError });
    });
  },
};

export const makeDevice: OpDefinition<MakeDevice> = {
  describe: (op) =>
    `mknod(${quote(op.path)}, S_IFCHR|${showMode(op.mode)}, makedev(${op.major}, ${op.minor}))`,
  lower(op, to) {
    const dev = makedev(op.major, op.minor);
    inParent(to, placeOf(op), (dirfd, pathname, onError) => {
      to.call(mknodat({ dirfd, pathname, mode: S_IFCHR | op.mode, dev }), { onError });
    });
  },
};
