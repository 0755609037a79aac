/**
 * A layer whose owners are to be those of the container's user namespace: a detached, id-mapped copy of its mount. Only who has
 * all rights over the file system may make one, so it is the stage that does. mount_setattr(2).
 */
import { AT_EMPTY_PATH, AT_RECURSIVE } from "../../../ffi/abi/fcntl.ts";
import { MOUNT_ATTR_IDMAP, OPEN_TREE_CLOEXEC, OPEN_TREE_CLONE } from "../../../ffi/abi/mount.ts";
import { mountSetattr, openTree } from "../../../ffi/calls/mount.ts";
import { close } from "../../../ffi/calls/open.ts";
import type { IdMap } from "../../../spec/model/desired.ts";
import { result } from "../emitter.ts";
import type { OpCommon, OpDefinition } from "../op.ts";
import { quote } from "../quote.ts";
import { openIdMap } from "./idmap.ts";
import { attributeBits, attributeText, type MountAttribute } from "./mount.ts";

export interface MapLayer extends OpCommon {
  readonly kind: "layer.map";
  /** A directory of the host, or the image file that `fd` is a mount of. */
  readonly path: string;
  /** Slot of the mount; unused with `fd`. */
  readonly slot: string;
  /** A detached mount that was handed over. */
  readonly fd?: number;
  /** With all that is mounted below. */
  readonly recursive?: true;
  readonly attributes: readonly MountAttribute[];
  /** Owners on the disk → ids of the host. */
  readonly ids: { readonly uids: readonly IdMap[]; readonly gids: readonly IdMap[] };
  /** The first makes the namespace of the map, the last closes it. */
  readonly first: boolean;
  readonly last: boolean;
}

const IDS = "layer ids";

const showIds = (maps: readonly IdMap[]): string =>
  maps.map(({ inside, outside, count }) => `${inside}:${outside}:${count}`).join("+");

export const mapLayer: OpDefinition<MapLayer> = {
  describe({ path, attributes, ids, fd, recursive }) {
    const made = fd === undefined
      ? `open_tree(${quote(path)}, OPEN_TREE_CLONE${recursive ? "|AT_RECURSIVE" : ""})`
      : `mount_setattr(${quote(path)})`;
    return `${made}, ${attributeText(attributes)},idmap=${showIds(ids.uids)}/${showIds(ids.gids)}`;
  },
  lower(op, to) {
    if (op.first) openIdMap(to, op.ids, { into: IDS });
    const below = op.recursive === true ? AT_RECURSIVE : 0;
    const flags = OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | below;
    if (op.fd === undefined) to.call(openTree({ pathname: op.path, flags }), { into: op.slot });
    to.call(mountSetattr({
      dirfd: op.fd ?? result(op.slot),
      pathname: "",
      flags: AT_EMPTY_PATH | below,
      attrSet: attributeBits(op.attributes) | MOUNT_ATTR_IDMAP,
      usernsFd: result(IDS),
    }));
    if (op.last) to.call(close({ fd: result(IDS) }), { onError: "continue" });
  },
};
