/**
 * Mounts, made with the new mount API in the container's own mount namespace and attached by descriptor.
 * Source: mount_setattr(2), move_mount(2), and facts about which kernel takes which form in docs/requirements.md.
 */
import { ENOENT } from "../../../ffi/abi/errno.ts";
import {
  AT_EMPTY_PATH,
  AT_RECURSIVE,
  O_CLOEXEC,
  O_CREAT,
  O_NOFOLLOW,
  O_RDONLY,
} from "../../../ffi/abi/fcntl.ts";
import {
  FSMOUNT_CLOEXEC,
  FSOPEN_CLOEXEC,
  MOUNT_ATTR_NODEV,
  MOUNT_ATTR_NOEXEC,
  MOUNT_ATTR_NOSUID,
  MOUNT_ATTR_RDONLY,
  MOVE_MOUNT_F_EMPTY_PATH,
  MOVE_MOUNT_T_EMPTY_PATH,
  MS_PRIVATE,
  MS_REC,
  OPEN_TREE_CLOEXEC,
  OPEN_TREE_CLONE,
} from "../../../ffi/abi/mount.ts";
import {
  fsconfigCreate,
  fsconfigSetFlag,
  fsconfigSetString,
  fsmount,
  fsopen,
} from "../../../ffi/calls/fsopen.ts";
import { mount, mountSetattr, moveMount, openTree } from "../../../ffi/calls/mount.ts";
import { close, openat } from "../../../ffi/calls/open.ts";
import { branchOnErrno, type Emitter, FAIL, result } from "../emitter.ts";
import type { Held, OpCommon, OpDefinition } from "../op.ts";
import { quote } from "../quote.ts";
import { heldSlot, inParent, openInRoot, type Place, ROOT } from "./root.ts";

export type MountAttribute = "ro" | "nosuid" | "nodev" | "noexec";

const ATTRIBUTES: Readonly<Record<MountAttribute, number>> = {
  ro: MOUNT_ATTR_RDONLY,
  nosuid: MOUNT_ATTR_NOSUID,
  nodev: MOUNT_ATTR_NODEV,
  noexec: MOUNT_ATTR_NOEXEC,
};
/** MOUNT_ATTR_… of the words. */
export const attributeBits = (names: readonly MountAttribute[]): number =>
  names.reduce((bits, name) => bits | ATTRIBUTES[name], 0);
/** As an option of mount(8). */
export const attributeText = (names: readonly MountAttribute[]): string => names.join(",") || "rw";

/** Nothing that is mounted in the container's mount namespace reaches the host's. */
export interface MakePrivate extends OpCommon {
  readonly kind: "mount.private";
}

/** A new file system; at `/` it becomes the container's root. */
export interface NewFilesystem extends OpCommon {
  readonly kind: "mount.new";
  readonly fs: string;
  readonly at: string;
  /** Its descriptor stays open, for operations `below` it. */
  readonly hold?: Held;
  /** A key alone is a flag. */
  readonly options: readonly (readonly [string] | readonly [string, string])[];
  readonly attributes: readonly MountAttribute[];
}

export interface Bind extends OpCommon {
  readonly kind: "mount.bind";
  /** Path on the host. */
  readonly source: string;
  /** Path in the container; `/` makes the source the container's root. */
  readonly at: string;
  /** What is made at `at` when nothing is there. */
  readonly target: "directory" | "file" | "root";
  readonly attributes: readonly MountAttribute[];
  /** Skipped when the source is not there. */
  readonly optional: boolean;
  /** As of a new file system. */
  readonly hold?: Held;
  /** With target `root`: the slot of a mount of `source` that the stage made, with its attributes. */
  readonly slot?: string;
}

/** Makes the mount at `at` read-only, itself and nothing below. */
export interface ReadOnly extends OpCommon {
  readonly kind: "mount.readonly";
  readonly at: string;
}

export const makePrivate: OpDefinition<MakePrivate> = {
  describe: () => `mount(NULL, "/", NULL, MS_REC|MS_PRIVATE, NULL)`,
  lower(_op, to) {
    to.call(mount({ target: "/", mountflags: MS_REC | MS_PRIVATE }));
  },
};

/** fsopen … fsmount; leaves the mount's descriptor in `into`. */
export function newFilesystem(
  to: Emitter,
  fs: Pick<NewFilesystem, "fs" | "options" | "attributes">,
  into: string,
): void {
  to.call(fsopen({ fsname: fs.fs, flags: FSOPEN_CLOEXEC }), { into: "fs" });
  const fd = result("fs");
  to.call(fsconfigSetString({ fd, key: "source", value: fs.fs }));
  for (const [key, value] of fs.options) {
    to.call(
      value === undefined ? fsconfigSetFlag({ fd, key }) : fsconfigSetString({ fd, key, value }),
    );
  }
  to.call(fsconfigCreate({ fd }));
  to.call(
    fsmount({ fd, flags: FSMOUNT_CLOEXEC, attrFlags: attributeBits(fs.attributes) }),
    { into },
  );
  to.call(close({ fd }), { onError: "continue" });
}

/** Attaches the detached mount in slot `from` over the host's root: pivot_root swaps the two later. */
export function attachAsRoot(to: Emitter, from: string): void {
  to.call(moveMount({
    fromDirfd: result(from),
    fromPathname: "",
    toPathname: "/",
    flags: MOVE_MOUNT_F_EMPTY_PATH,
  }));
}

/** Attaches the detached mount in slot `from` at the operation's place, and closes it unless it is held. */
function attach(to: Emitter, from: string, op: Pick<Bind, "at" | "below" | "hold">): void {
  openInRoot(to, { path: op.at, below: op.below }, { into: "target" });
  attachToTarget(to, from, { keep: op.hold !== undefined });
}

/** Attaches the detached mount in slot `from` to what slot `target` is, and closes both, or the second only. */
export function attachToTarget(to: Emitter, from: string, { keep } = { keep: false }): void {
  to.call(moveMount({
    fromDirfd: result(from),
    fromPathname: "",
    toDirfd: result("target"),
    toPathname: "",
    flags: MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH,
  }));
  to.call(close({ fd: result("target") }), { onError: "continue" });
  if (!keep) to.call(close({ fd: result(from) }), { onError: "continue" });
}

export const newMount: OpDefinition<NewFilesystem> = {
  describe(op) {
    const options = op.options.map((option) => option.join("=")).join(",");
    return `mount(${quote(op.fs)}, ${quote(op.at)}, ${quote(op.fs)}, ` +
      `${attributeText(op.attributes)}, ${quote(options)})`;
  },
  lower(op, to) {
    const into = op.hold === undefined ? "mount" : heldSlot(op.hold);
    newFilesystem(to, op, op.at === "/" ? ROOT : into);
    if (op.at === "/") attachAsRoot(to, ROOT);
    else attach(to, into, op);
  },
};

/** Clones the mounts at `source` of the host into slot `into`, with attributes set on all of them. */
export function cloneTree(
  to: Emitter,
  tree: Pick<Bind, "source" | "attributes">,
  options: { readonly into: string; readonly onError?: string },
): void {
  to.call(
    openTree({
      pathname: tree.source,
      flags: OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_RECURSIVE,
    }),
    options,
  );
  if (tree.attributes.length === 0) return;
  to.call(mountSetattr({
    dirfd: result(options.into),
    pathname: "",
    flags: AT_EMPTY_PATH | AT_RECURSIVE,
    attrSet: attributeBits(tree.attributes),
  }));
}

export const bind: OpDefinition<Bind> = {
  describe: (op) =>
    `mount(${quote(op.source)}, ${quote(op.at)}, NULL, MS_BIND|MS_REC,${
      attributeText(op.attributes)
    })`,
  lower(op, to) {
    if (op.slot !== undefined) return attachSlotAsRoot(to, op.slot);
    const done = to.label("bound");
    const absent = to.label("absent");
    const missing = op.optional ? { onError: absent } : {};
    const into = op.hold === undefined ? "tree" : heldSlot(op.hold);
    cloneTree(to, op, { into: op.target === "root" ? ROOT : into, ...missing });
    if (op.target === "root") attachAsRoot(to, ROOT);
    else {
      if (op.target === "file") makeFileTarget(to, { path: op.at, below: op.below });
      attach(to, into, op);
    }
    if (!op.optional) return;
    to.add(
      { kind: "jump", to: done },
      { kind: "label", name: absent },
      ...branchOnErrno([ENOENT], { to: done, otherwise: FAIL.container }),
      { kind: "label", name: done },
    );
  },
};

function attachSlotAsRoot(to: Emitter, slot: string): void {
  to.add({ kind: "add", into: ROOT, left: result(slot), right: 0 });
  attachAsRoot(to, ROOT);
}

function makeFileTarget(to: Emitter, place: Place): void {
  inParent(to, place, (dirfd, pathname, onError) => {
    const flags = O_RDONLY | O_CREAT | O_NOFOLLOW | O_CLOEXEC;
    to.call(openat({ dirfd, pathname, flags, mode: 0o644 }), { into: "file", onError });
    to.call(close({ fd: result("file") }), { onError: "continue" });
  });
}

export const readOnly: OpDefinition<ReadOnly> = {
  describe: (op) => `mount_setattr(${quote(op.at)}, {attr_set=MOUNT_ATTR_RDONLY})`,
  lower(op, to) {
    openInRoot(to, { path: op.at, below: op.below }, { into: "target" });
    to.call(mountSetattr({
      dirfd: result("target"),
      pathname: "",
      flags: AT_EMPTY_PATH,
      attrSet: MOUNT_ATTR_RDONLY,
    }));
    to.call(close({ fd: result("target") }), { onError: "continue" });
  },
};
