/**
 * Volumes: a source is opened once, on the host's side where that is allowed, and everything after goes by its descriptor;
 * the target is made and opened inside the container's root, and the mount is attached to that descriptor.
 * Source: open_tree(2), mount_setattr(2), move_mount(2), openat2(2).
 */
import { EEXIST, ENOENT } from "../../../ffi/abi/errno.ts";
import {
  AT_EMPTY_PATH,
  AT_RECURSIVE,
  AT_SYMLINK_NOFOLLOW,
  O_CLOEXEC,
  O_CREAT,
  O_DIRECTORY,
  O_EXCL,
  O_NOFOLLOW,
  O_PATH,
  O_RDONLY,
} from "../../../ffi/abi/fcntl.ts";
import {
  CGROUP2_SUPER_MAGIC,
  CGROUP_SUPER_MAGIC,
  PROC_SUPER_MAGIC,
  STATFS,
  SYSFS_MAGIC,
} from "../../../ffi/abi/magic.ts";
import {
  MOUNT_ATTR_IDMAP,
  MS_PRIVATE,
  MS_SLAVE,
  OPEN_TREE_CLOEXEC,
  OPEN_TREE_CLONE,
} from "../../../ffi/abi/mount.ts";
import { RESOLVE_NO_MAGICLINKS, RESOLVE_NO_SYMLINKS } from "../../../ffi/abi/openat2.ts";
import type { Word } from "../../../ffi/calls/call.ts";
import { mountSetattr, openTree } from "../../../ffi/calls/mount.ts";
import { close, openat, openat2 } from "../../../ffi/calls/open.ts";
import { fchownat, mkdirat } from "../../../ffi/calls/path.ts";
import { fstatfs } from "../../../ffi/calls/stat.ts";
import { branchOnErrno, type CallOptions, type Emitter, FAIL, result } from "../emitter.ts";
import type { OpCommon, OpDefinition } from "../op.ts";
import { quote } from "../quote.ts";
import { mkdirUnlessThere } from "./cgroup.ts";
import { type IdPair, openIdMap, pairMap } from "./idmap.ts";
import {
  attachToTarget,
  attributeBits,
  attributeText,
  type MountAttribute,
  newFilesystem,
} from "./mount.ts";
import { inParent, openInRoot } from "./root.ts";

export type Propagation = "private" | "slave" | "shared";

/** A detached copy of the mounts at a path of the host, in a slot. */
export interface OpenVolume extends OpCommon {
  readonly kind: "volume.open";
  /** Directory that is trusted: links on the way to it are followed. */
  readonly base: string;
  /** From there on no link is followed: a container may have made it. Empty: `base` itself. */
  readonly path: string;
  readonly slot: string;
  readonly attributes: readonly MountAttribute[];
  readonly propagation: Propagation;
  /** Owner on the disk → owner that the container sees. All others show as nobody's. */
  readonly owner?: IdPair;
  /** Directories of `path` that are missing are made; the last is given to these ids. */
  readonly create?: { readonly uid: number; readonly gid: number };
}

/** The directory of a named volume, kept afterwards. */
export interface KeepVolume extends OpCommon {
  readonly kind: "volume.keep";
  /** `DATA/volumes/PROJECT/NAME`; the last four directories are ours to make. */
  readonly path: string;
  readonly owner: { readonly uid: number; readonly gid: number };
}

/** A new file system in memory, detached, in a slot. */
export interface NewVolume extends OpCommon {
  readonly kind: "volume.new";
  readonly slot: string;
  readonly options: readonly (readonly [string, string])[];
  readonly attributes: readonly MountAttribute[];
}

/** The mount in the slot, attached inside the container; the place is made when it is not there. */
export interface AttachVolume extends OpCommon {
  readonly kind: "volume.attach";
  readonly slot: string;
  /** The mount was handed over as this descriptor; else it is in the slot already. */
  readonly fd?: number;
  readonly at: string;
  readonly target: "directory" | "file";
}

const failOf = (op: OpCommon): string => op.where === "stage" ? FAIL.stage : FAIL.container;

export const openVolume: OpDefinition<OpenVolume> = {
  describe(op) {
    const source = op.path === "" ? op.base : `${op.base === "/" ? "" : op.base}/${op.path}`;
    const how = [
      attributeText(op.attributes),
      op.propagation,
      ...(op.owner === undefined ? [] : [
        `idmap=${op.owner.from.uid}:${op.owner.to.uid}/${op.owner.from.gid}:${op.owner.to.gid}`,
      ]),
    ];
    return `open_tree(${quote(source)}, OPEN_TREE_CLONE|AT_RECURSIVE), ${how.join(",")}`;
  },
  lower(op, to) {
    openSource(op, to);
    to.call(
      openTree({
        dirfd: result("source"),
        pathname: "",
        flags: AT_EMPTY_PATH | OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_RECURSIVE,
      }),
      { into: op.slot },
    );
    to.call(close({ fd: result("source") }), { onError: "continue" });
    if (op.owner !== undefined) openIdMap(to, pairMap(op.owner), { into: "ids" });
    // What is mounted in the container must not reach the host, nor the other way round, unless that was asked for.
    const propagation = { private: MS_PRIVATE, slave: MS_SLAVE, shared: 0 }[op.propagation];
    to.call(mountSetattr({
      dirfd: result(op.slot),
      pathname: "",
      flags: AT_EMPTY_PATH | AT_RECURSIVE,
      attrSet: attributeBits(op.attributes) | (op.owner === undefined ? 0 : MOUNT_ATTR_IDMAP),
      propagation,
      ...(op.owner === undefined ? {} : { usernsFd: result("ids") }),
    }));
    if (op.owner !== undefined) to.call(close({ fd: result("ids") }), { onError: "continue" });
  },
};

const NO_LINKS = RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS;

/** Slot `source` = the source, opened with O_PATH. */
function openSource(op: OpenVolume, to: Emitter): void {
  const parts = op.path === "" ? [] : op.path.split("/");
  const flags = O_PATH | O_CLOEXEC;
  to.call(openat({ pathname: op.base, flags }), { into: "source" });
  if (op.create !== undefined) {
    parts.forEach((name, index) => {
      const owner = index === parts.length - 1 ? op.create : undefined;
      makeBelow(to, name, { owner, otherwise: failOf(op) });
      step(to, name, flags | O_DIRECTORY);
    });
  } else if (op.path !== "") step(to, op.path, flags);
}

/** Slot `source` goes on to `pathname` below what it was. */
function step(to: Emitter, pathname: string, flags: number): void {
  const dirfd = result("source");
  to.call(openat2({ dirfd, pathname, flags, resolve: NO_LINKS }), { into: "below" });
  to.call(close({ fd: dirfd }), { onError: "continue" });
  to.add({ kind: "add", into: "source", left: result("below"), right: 0 });
}

function makeBelow(
  to: Emitter,
  pathname: string,
  options: {
    readonly owner: { readonly uid: number; readonly gid: number } | undefined;
    readonly otherwise: string;
  },
): void {
  const { owner, otherwise } = options;
  const failed = to.label("mkdir");
  const there = to.label("there");
  to.call(mkdirat({ dirfd: result("source"), pathname, mode: 0o755 }), { onError: failed });
  if (owner !== undefined) giveTo(to, pathname, owner);
  to.add(
    { kind: "jump", to: there },
    { kind: "label", name: failed },
    ...branchOnErrno([EEXIST], { to: there, otherwise }),
    { kind: "label", name: there },
  );
}

function giveTo(
  to: Emitter,
  pathname: string,
  owner: { readonly uid: number; readonly gid: number },
): void {
  to.call(fchownat({
    dirfd: result("source"),
    pathname,
    owner: owner.uid,
    group: owner.gid,
    flags: AT_SYMLINK_NOFOLLOW,
  }));
}

/** DATA, `volumes`, the project's: ours to make besides the volume itself, and closed to all others. */
const OWN_LEVELS = 3;

export const keepVolume: OpDefinition<KeepVolume> = {
  describe: (op) => `mkdir(${quote(op.path)})`,
  lower(op, to) {
    const parts = op.path.split("/");
    for (let level = OWN_LEVELS; level > 0; level--) {
      mkdirUnlessThere(parts.slice(0, parts.length - level).join("/"), to, {
        mode: 0o700,
        otherwise: failOf(op),
      });
    }
    const flags = O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
    to.call(openat({ pathname: parts.slice(0, -1).join("/"), flags }), { into: "source" });
    makeBelow(to, parts.at(-1) ?? "", { owner: op.owner, otherwise: failOf(op) });
    to.call(close({ fd: result("source") }), { onError: "continue" });
  },
};

export const newVolume: OpDefinition<NewVolume> = {
  describe: (op) =>
    `fsmount("tmpfs", ${attributeText(op.attributes)}, ${
      quote(op.options.map((option) => option.join("=")).join(","))
    })`,
  lower(op, to) {
    newFilesystem(to, { fs: "tmpfs", options: op.options, attributes: op.attributes }, op.slot);
  },
};

export const attachVolume: OpDefinition<AttachVolume> = {
  describe: (op) => `move_mount(${op.slot}, ${quote(op.at)})`,
  lower(op, to) {
    openTarget(to, op.at, op.target);
    refuseKernelFiles(to);
    if (op.fd !== undefined) to.add({ kind: "add", into: op.slot, left: op.fd, right: 0 });
    attachToTarget(to, op.slot);
  },
};

/** Slot `target` = the place in the container, made when it is missing. */
export function openTarget(to: Emitter, at: string, target: AttachVolume["target"]): void {
  const missing = to.label("missing");
  const make = to.label("make");
  const opened = to.label("opened");
  openInRoot(to, at, { into: "target", onError: missing });
  to.add(
    { kind: "jump", to: opened },
    { kind: "label", name: missing },
    ...branchOnErrno([ENOENT], { to: make, otherwise: FAIL.container }),
    { kind: "label", name: make },
  );
  const parts = at.split("/").slice(1);
  parts.forEach((_, index) => {
    const path = `/${parts.slice(0, index + 1).join("/")}`;
    inParent(to, path, (dirfd, pathname, onError) => {
      const last = index === parts.length - 1;
      if (last && target === "file") return makeFile(to, { dirfd, pathname, onError });
      to.call(mkdirat({ dirfd, pathname, mode: 0o755 }), { onError });
    });
  });
  openInRoot(to, at, { into: "target" });
  to.add({ kind: "label", name: opened });
}

function makeFile(
  to: Emitter,
  { dirfd, pathname, onError }: {
    readonly dirfd: Word;
    readonly pathname: string;
    readonly onError: string;
  },
): void {
  const flags = O_RDONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC;
  const options: CallOptions = { into: "file", onError };
  to.call(openat({ dirfd, pathname, flags, mode: 0o644 }), options);
  to.call(close({ fd: result("file") }), { onError: "continue" });
}

/** Always fails: the way to name the record at which it was seen. */
export const KERNEL_FILES = {
  name: "close",
  words: [-1],
  text: ["-1 /* the target lies in /proc, /sys or a cgroup file system */"],
} as const;

/** A link of the image may lead the target into /proc, whose masks a volume would then cover. */
export function refuseKernelFiles(to: Emitter): void {
  const buf = { cell: "target status", size: STATFS.size };
  const refused = to.label("refused");
  const good = to.label("good");
  to.call(fstatfs({ fd: result("target"), buf }));
  to.add({ kind: "load", into: "magic", address: buf, width: 8 });
  for (
    const magic of [PROC_SUPER_MAGIC, SYSFS_MAGIC, CGROUP_SUPER_MAGIC, CGROUP2_SUPER_MAGIC]
  ) {
    to.add({ kind: "branch", when: "equal", left: result("magic"), right: magic, to: refused });
  }
  to.add({ kind: "jump", to: good }, { kind: "label", name: refused });
  to.call(KERNEL_FILES);
  to.add({ kind: "label", name: good });
}
