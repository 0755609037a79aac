/** The overlay that becomes the container's root. Source: Documentation/filesystems/overlayfs.rst. */
import {
  MOVE_MOUNT_F_EMPTY_PATH,
  MS_NODEV,
  MS_NOSUID,
  OPEN_TREE_CLOEXEC,
  OPEN_TREE_CLONE,
} from "../../../ffi/abi/mount.ts";
import { mount, moveMount, openTree } from "../../../ffi/calls/mount.ts";
import { close } from "../../../ffi/calls/open.ts";
import { fchdir, mkdirat } from "../../../ffi/calls/path.ts";
import { type Emitter, result } from "../emitter.ts";
import type { OpCommon, OpDefinition } from "../op.ts";
import { quote } from "../quote.ts";
import { ROOT } from "./root.ts";

import { attachAsRoot, newFilesystem } from "./mount.ts";

/** A detached mount that the runner made of an image file. */
export interface PassedMount {
  readonly fd: number;
  /** The file. */
  readonly of: string;
}

/** A detached mount that the stage made. */
export interface SlotMount {
  readonly slot: string;
  /** The directory. */
  readonly of: string;
}

/** An overlay that becomes the container's root. */
export interface Overlay extends OpCommon {
  readonly kind: "mount.overlay";
  /** Lowest first: paths on the host, and mounts that were handed over. */
  readonly lowers: readonly (string | PassedMount | SlotMount)[];
  /** `tmpfs`: at most `size` bytes; `disk`: a directory with `up` and `work`, perhaps mounted already. */
  readonly upper:
    | { readonly kind: "tmpfs"; readonly size?: number }
    | { readonly kind: "disk"; readonly path: string; readonly slot?: string };
  /** Further option of the overlay in a user namespace. */
  readonly userxattr: boolean;
}

/** Slot of the private tmpfs that carries the layers of an overlay. */
const WORKBENCH = "workbench";

export const overlay: OpDefinition<Overlay> = {
  describe(op) {
    const upper = `,upperdir=${op.upper.kind === "disk" ? `${op.upper.path}/up` : "tmpfs"}`;
    return `mount("overlay", "/", "overlay", 0, ${
      quote(`lowerdir=${op.lowers.map(nameOf).reverse().join(":")}${upper}`)
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
      if (typeof source !== "string") placePassed(to, source, layerName(index));
      else if (source === "/" && op.lowers.length > 1) placeHostRoot(to, layerName(index));
      else placeLayer(to, source, layerName(index));
    });
    const lowerdir = op.lowers.map((_, index) => layerName(index)).reverse().join(":");
    const options: (readonly [string] | readonly [string, string])[] = [
      ["lowerdir", lowerdir],
      ...placeUpper(to, op.upper),
      ...(op.userxattr ? [["userxattr"] as const] : []),
    ];
    to.call(fchdir({ fd: result(WORKBENCH) }));
    if (lowerdir.length <= FSCONFIG_BYTES) {
      newFilesystem(to, { fs: "overlay", options, attributes: ["nosuid", "nodev"] }, ROOT);
    } else mountLong(to, options);
    attachAsRoot(to, ROOT);
  },
};

const nameOf = (lower: string | PassedMount | SlotMount): string =>
  typeof lower === "string" ? lower : lower.of;

/** Longest value that fsconfig(2) takes. */
const FSCONFIG_BYTES = 255;

/** More layers than their names fit there: mount(2) takes a page, on every kernel. Its mount is cloned, for ROOT is detached. */
function mountLong(to: Emitter, options: readonly (readonly string[])[]): void {
  const target = "root";
  to.call(mkdirat({ dirfd: result(WORKBENCH), pathname: target, mode: 0o755 }));
  to.call(mount({
    source: "overlay",
    target,
    filesystemtype: "overlay",
    mountflags: MS_NOSUID | MS_NODEV,
    data: options.map((option) => option.join("=")).join(","),
  }));
  to.call(
    openTree({
      dirfd: result(WORKBENCH),
      pathname: target,
      flags: OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC,
    }),
    { into: ROOT },
  );
}

function placePassed(to: Emitter, mount: PassedMount | SlotMount, name: string): void {
  to.call(mkdirat({ dirfd: result(WORKBENCH), pathname: name, mode: 0o755 }));
  const left = "fd" in mount ? mount.fd : result(mount.slot);
  to.add({ kind: "add", into: "layer", left, right: 0 });
  moveToWorkbench(to, name);
}

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
    if (upper.slot === undefined) placeLayer(to, upper.path, "disk");
    else placePassed(to, { slot: upper.slot, of: upper.path }, "disk");
    return [["upperdir", "disk/up"], ["workdir", "disk/work"]];
  }
  for (const pathname of ["up", "work"]) {
    to.call(mkdirat({ dirfd: result(WORKBENCH), pathname, mode: 0o755 }));
  }
  return [["upperdir", "up"], ["workdir", "work"]];
}
