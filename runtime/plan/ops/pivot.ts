/** pivot_root(2): the host's root goes, and nothing of it is left behind. */
import { MNT_DETACH } from "../../../ffi/abi/mount.ts";
import { STATX_MNT_ID } from "../../../ffi/abi/stat.ts";
import { pivotRoot, umount2 } from "../../../ffi/calls/mount.ts";
import { fchdir } from "../../../ffi/calls/path.ts";
import { statx } from "../../../ffi/calls/stat.ts";
import { type Emitter, result } from "../emitter.ts";
import type { OpCommon, OpDefinition } from "../op.ts";
import { ROOT } from "./root.ts";

/** The container's root becomes the root of everything; the host's is gone. */
export interface Pivot extends OpCommon {
  readonly kind: "pivot";
  /** Mounts that lie on the host's root now: the container's, and what it stands on. */
  readonly stacked: number;
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
