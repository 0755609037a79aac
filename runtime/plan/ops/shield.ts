/** Paths of the kernel's file systems that are hidden or made read-only. */
import { ENOENT } from "../../../ffi/abi/errno.ts";
import { AT_EMPTY_PATH, AT_RECURSIVE } from "../../../ffi/abi/fcntl.ts";
import { MOUNT_ATTR_RDONLY, OPEN_TREE_CLOEXEC, OPEN_TREE_CLONE } from "../../../ffi/abi/mount.ts";
import { mountSetattr, openTree } from "../../../ffi/calls/mount.ts";
import { branchOnErrno, type Emitter, FAIL, result } from "../emitter.ts";
import type { OpCommon, OpDefinition } from "../op.ts";
import { quote } from "../quote.ts";
import { openInRoot } from "./root.ts";

import { attachToTarget, cloneTree, newFilesystem } from "./mount.ts";

/** A path that is hidden (an empty read-only tmpfs, or /dev/null) or made read-only, if it is there. */
export interface Shield extends OpCommon {
  readonly kind: "mount.shield";
  readonly how: "hide directory" | "hide file" | "read-only";
  readonly at: string;
}

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
    openInRoot(to, { path: op.at, below: op.below }, { into: "target", onError: absent });
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
    attachToTarget(to, "mount");
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
