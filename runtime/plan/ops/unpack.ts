/** An archive that must be in the store of layers before anything is started. The runner unpacks it: no record is of the stage. */
import type { OpCommon, OpDefinition } from "../op.ts";
import { quote } from "../quote.ts";

/** Its result outlives the container, so nothing undoes it. */
export interface Unpack extends OpCommon {
  readonly kind: "unpack";
  /** As the user named the archive, or the image that it is a layer of. */
  readonly archive: string;
  /** Digest of the archive's contents, which is the name of the layer. */
  readonly diffId: string;
}

export const unpack: OpDefinition<Unpack> = {
  describe: (op) => `unpack(${quote(op.archive)}, ${op.diffId})`,
  lower() {},
};
