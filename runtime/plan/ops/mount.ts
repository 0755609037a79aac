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
  MNT_DETACH,
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
import { STATX_MNT_ID } from "../../../ffi/abi/stat.ts";
import {
  fsconfigCreate,
  fsconfigSetFlag,
  fsconfigSetString,
  fsmount,
  fsopen,
} from "../../../ffi/calls/fsopen.ts";
import {
  mount,
  mountSetattr,
  moveMount,
  openTree,
  pivotRoot,
  umount2,
} from "../../../ffi/calls/mount.ts";
import { close, openat } from "../../../ffi/calls/open.ts";
import { fchdir, mkdirat } from "../../../ffi/calls/path.ts";
import { statx } from "../../../ffi/calls/stat.ts";
import { branchOnErrno, type Emitter, FAIL, result } from "../emitter.ts";
import type { OpCommon, OpDefinition } from "../op.ts";
import { quote } from "../quote.ts";
import { inParent, openInRoot, ROOT } from "./root.ts";

export type MountAttribute = "ro" | "nosuid" | "nodev" | "noexec";

const ATTRIBUTES: Readonly<Record<MountAttribute, number>> = {
  ro: MOUNT_ATTR_RDONLY,
  nosuid: MOUNT_ATTR_NOSUID,
  nodev: MOUNT_ATTR_NODEV,
  noexec: MOUNT_ATTR_NOEXEC,
};
const attributeBits = (names: readonly MountAttribute[]): number =>
  names.reduce((bits, name) => bits | ATTRIBUTES[name], 0);
const attributeText = (names: readonly MountAttribute[]): string => names.join(",") || "rw";

/** Nothing that is mounted in the container's mount namespace reaches the host's. */
export interface MakePrivate extends OpCommon {
  readonly kind: "mount.private";
}

/** A new file system; at `/` it becomes the container's root. */
export interface NewFilesystem extends OpCommon {
  readonly kind: "mount.new";
  readonly fs: string;
  readonly at: string;
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
}

/** An overlay that becomes the container's root. */
export interface Overlay extends OpCommon {
  readonly kind: "mount.overlay";
  /** Paths on the host, lowest first. */
  readonly lowers: readonly string[];
  /** `tmpfs`: at most `size` bytes; `disk`: a directory with `up` and `work`. */
  readonly upper:
    | { readonly kind: "tmpfs"; readonly size?: number }
    | { readonly kind: "disk"; readonly path: string };
  /** Further option of the overlay in a user namespace. */
  readonly userxattr: boolean;
}

/** Makes the mount at `at` read-only, itself and nothing below. */
export interface ReadOnly extends OpCommon {
  readonly kind: "mount.readonly";
  readonly at: string;
}

/** A path that is hidden (an empty read-only tmpfs, or /dev/null) or made read-only, if it is there. */
export interface Shield extends OpCommon {
  readonly kind: "mount.shield";
  readonly how: "hide directory" | "hide file" | "read-only";
  readonly at: string;
}

/** The container's root becomes the root of everything; the host's is gone. */
export interface Pivot extends OpCommon {
  readonly kind: "pivot";
  /** Mounts that lie on the host's root now: 2 when an overlay stands on its workbench, else 1. */
  readonly stacked: 1 | 2;
}

export const makePrivate: OpDefinition<MakePrivate> = {
  describe: () => `mount(NULL, "/", NULL, MS_REC|MS_PRIVATE, NULL)`,
  lower(_op, to) {
    to.call(mount({ target: "/", mountflags: MS_REC | MS_PRIVATE }));
  },
};

/** fsopen … fsmount; leaves the mount's descriptor in `into`. */
function newFilesystem(
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
function attachAsRoot(to: Emitter, from: string): void {
  to.call(moveMount({
    fromDirfd: result(from),
    fromPathname: "",
    toPathname: "/",
    flags: MOVE_MOUNT_F_EMPTY_PATH,
  }));
}

/** Attaches the detached mount in slot `from` at `at` in the container's root and closes it. */
function attach(to: Emitter, from: string, at: string): void {
  openInRoot(to, at, { into: "target" });
  to.call(moveMount({
    fromDirfd: result(from),
    fromPathname: "",
    toDirfd: result("target"),
    toPathname: "",
    flags: MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH,
  }));
  to.call(close({ fd: result("target") }), { onError: "continue" });
  to.call(close({ fd: result(from) }), { onError: "continue" });
}

export const newMount: OpDefinition<NewFilesystem> = {
  describe(op) {
    const options = op.options.map((option) => option.join("=")).join(",");
    return `mount(${quote(op.fs)}, ${quote(op.at)}, ${quote(op.fs)}, ` +
      `${attributeText(op.attributes)}, ${quote(options)})`;
  },
  lower(op, to) {
    newFilesystem(to, op, op.at === "/" ? ROOT : "mount");
    if (op.at === "/") attachAsRoot(to, ROOT);
    else attach(to, "mount", op.at);
  },
};

/** Clones the mounts at `source` of the host into slot `into`, with attributes set on all of them. */
function cloneTree(
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
    const done = to.label("bound");
    const absent = to.label("absent");
    const missing = op.optional ? { onError: absent } : {};
    cloneTree(to, op, { into: op.target === "root" ? ROOT : "tree", ...missing });
    if (op.target === "root") attachAsRoot(to, ROOT);
    else {
      if (op.target === "file") makeFileTarget(to, op.at);
      attach(to, "tree", op.at);
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

function makeFileTarget(to: Emitter, path: string): void {
  inParent(to, path, (dirfd, pathname, onError) => {
    const flags = O_RDONLY | O_CREAT | O_NOFOLLOW | O_CLOEXEC;
    to.call(openat({ dirfd, pathname, flags, mode: 0o644 }), { into: "file", onError });
    to.call(close({ fd: result("file") }), { onError: "continue" });
  });
}

/** Slot of the private tmpfs that carries the layers of an overlay. */
const WORKBENCH = "workbench";

export const overlay: OpDefinition<Overlay> = {
  describe(op) {
    const upper = `,upperdir=${op.upper.kind === "disk" ? `${op.upper.path}/up` : "tmpfs"}`;
    return `mount("overlay", "/", "overlay", 0, ${
      quote(`lowerdir=${[...op.lowers].reverse().join(":")}${upper}`)
    })`;
  },
  // A private tmpfs carries the layers as binds with short names, so that one form serves every kernel: relative
  // names need no escaping of commas and colons, stay below fsconfig's 255 bytes, and upper and work are attached.
  lower(op, to) {
    const size = op.upper.kind === "tmpfs" ? op.upper.size : undefined;
    newFilesystem(to, {
      fs: "tmpfs",
      options: [["mode", "0700"], ...(size === undefined ? [] : [["size", `${size}`] as const])],
      attributes: [],
    }, WORKBENCH);
    attachAsRoot(to, WORKBENCH);
    op.lowers.forEach((source, index) => {
      if (source === "/" && op.lowers.length > 1) placeHostRoot(to, layerName(index));
      else placeLayer(to, source, layerName(index));
    });
    const options: (readonly [string, string])[] = [
      ["lowerdir", op.lowers.map((_, index) => layerName(index)).reverse().join(":")],
      ...placeUpper(to, op.upper),
    ];
    to.call(fchdir({ fd: result(WORKBENCH) }));
    newFilesystem(to, {
      fs: "overlay",
      options: op.userxattr ? [...options, ["userxattr"]] : options,
      attributes: ["nosuid", "nodev"],
    }, ROOT);
    attachAsRoot(to, ROOT);
  },
};

/** a, b, … z, aa, ab, …: one character for the first 26 keeps 64 layers below 255 bytes. */
function layerName(index: number): string {
  const letter = String.fromCharCode(97 + index % 26);
  return index < 26 ? letter : layerName(Math.floor(index / 26) - 1) + letter;
}

function placeLayer(to: Emitter, source: string, name: string): void {
  to.call(mkdirat({ dirfd: result(WORKBENCH), pathname: name, mode: 0o755 }));
  attachLayer(to, source, name);
}

function attachLayer(to: Emitter, source: string, name: string): void {
  to.call(
    openTree({ pathname: source, flags: OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC }),
    { into: "layer" },
  );
  moveToWorkbench(to, name);
}

function moveToWorkbench(to: Emitter, name: string): void {
  to.call(moveMount({
    fromDirfd: result("layer"),
    fromPathname: "",
    toDirfd: result(WORKBENCH),
    toPathname: name,
    flags: MOVE_MOUNT_F_EMPTY_PATH,
  }));
  to.call(close({ fd: result("layer") }), { onError: "continue" });
}

/**
 * A layer may not lie inside another one (ELOOP), and below `/` everything does: the host's root becomes an overlay of its
 * own, read-only, over an empty directory. Two levels are as many as the kernel stacks.
 */
function placeHostRoot(to: Emitter, name: string): void {
  for (const pathname of [name, `${name}.host`, `${name}.empty`]) {
    to.call(mkdirat({ dirfd: result(WORKBENCH), pathname, mode: 0o755 }));
  }
  attachLayer(to, "/", `${name}.host`);
  to.call(fchdir({ fd: result(WORKBENCH) }));
  newFilesystem(to, {
    fs: "overlay",
    options: [["lowerdir", `${name}.host:${name}.empty`]],
    attributes: ["ro"],
  }, "layer");
  moveToWorkbench(to, name);
}

function placeUpper(
  to: Emitter,
  upper: Overlay["upper"],
): readonly (readonly [string, string])[] {
  if (upper.kind === "disk") {
    placeLayer(to, upper.path, "disk");
    return [["upperdir", "disk/up"], ["workdir", "disk/work"]];
  }
  for (const pathname of ["up", "work"]) {
    to.call(mkdirat({ dirfd: result(WORKBENCH), pathname, mode: 0o755 }));
  }
  return [["upperdir", "up"], ["workdir", "work"]];
}

export const readOnly: OpDefinition<ReadOnly> = {
  describe: (op) => `mount_setattr(${quote(op.at)}, {attr_set=MOUNT_ATTR_RDONLY})`,
  lower(op, to) {
    openInRoot(to, op.at, { into: "target" });
    to.call(mountSetattr({
      dirfd: result("target"),
      pathname: "",
      flags: AT_EMPTY_PATH,
      attrSet: MOUNT_ATTR_RDONLY,
    }));
    to.call(close({ fd: result("target") }), { onError: "continue" });
  },
};

export const shield: OpDefinition<Shield> = {
  describe(op) {
    const path = quote(op.at);
    if (op.how === "hide file") return `mount("/dev/null", ${path}, NULL, MS_BIND)`;
    if (op.how === "hide directory") return `mount("tmpfs", ${path}, "tmpfs", MS_RDONLY, "size=0")`;
    return `mount(${path}, ${path}, NULL, MS_BIND|MS_REC,ro)`;
  },
  lower(op, to) {
    const absent = to.label("absent");
    const done = to.label("shielded");
    openInRoot(to, op.at, { into: "target", onError: absent });
    if (op.how === "hide file") {
      // The host's own node, so that nothing that a layer put at /dev/null can stand in for it (R5).
      cloneTree(to, { source: "/dev/null", attributes: ["ro", "nosuid", "noexec"] }, {
        into: "mount",
      });
    } else if (op.how === "hide directory") {
      newFilesystem(to, {
        fs: "tmpfs",
        options: [["size", "4096"], ["nr_inodes", "1"], ["mode", "0555"]],
        attributes: ["ro", "nosuid", "nodev", "noexec"],
      }, "mount");
    } else cloneHere(to);
    to.call(moveMount({
      fromDirfd: result("mount"),
      fromPathname: "",
      toDirfd: result("target"),
      toPathname: "",
      flags: MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH,
    }));
    to.call(close({ fd: result("target") }), { onError: "continue" });
    to.call(close({ fd: result("mount") }), { onError: "continue" });
    to.add(
      { kind: "jump", to: done },
      { kind: "label", name: absent },
      ...branchOnErrno([ENOENT], { to: done, otherwise: FAIL.container }),
      { kind: "label", name: done },
    );
  },
};

/** Slot `mount` = a read-only clone of what slot `target` is. */
function cloneHere(to: Emitter): void {
  to.call(
    openTree({
      dirfd: result("target"),
      pathname: "",
      flags: OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_EMPTY_PATH | AT_RECURSIVE,
    }),
    { into: "mount" },
  );
  to.call(mountSetattr({
    dirfd: result("mount"),
    pathname: "",
    flags: AT_EMPTY_PATH | AT_RECURSIVE,
    attrSet: MOUNT_ATTR_RDONLY,
  }));
}

export const pivot: OpDefinition<Pivot> = {
  describe: () => `pivot_root(".", ".")`,
  lower(op, to) {
    to.call(fchdir({ fd: result(ROOT) }));
    to.call(pivotRoot({ newRoot: ".", putOld: "." }));
    // The old root now lies on top of ours, and what had been stacked on it on top of that: "." is the topmost.
    for (let level = 0; level < op.stacked; level++) {
      to.call(umount2({ target: ".", flags: MNT_DETACH }));
    }
    mustBeAlone(to);
  },
};

/** struct statx: stx_mnt_id at 0x90. */
const STX_MNT_ID = 0x90;

/** `..` of the root leads to whatever is mounted over it: it must be the root itself, or the host's would be reachable. */
function mustBeAlone(to: Emitter): void {
  const statxbuf = { cell: "root status", size: 256 };
  const alone = to.label("alone");
  for (const [pathname, into] of [[".", "root mount"], ["..", "mount above"]] as const) {
    to.call(statx({ pathname, mask: STATX_MNT_ID, statxbuf }));
    to.add({ kind: "load", into, address: { ...statxbuf, offset: STX_MNT_ID }, width: 8 });
  }
  to.add({
    kind: "branch",
    when: "equal",
    left: result("root mount"),
    right: result("mount above"),
    to: alone,
  });
  to.call(ROOT_IS_COVERED);
  to.add({ kind: "label", name: alone });
}

/** Always fails: the way to name the record at which it was seen. */
const ROOT_IS_COVERED = {
  name: "close",
  words: [-1],
  text: ["-1 /* something is mounted over the container's root */"],
} as const;
