/** A layer of the store that must stay while the container is there. flock(2): who removes layers takes the lock exclusively. */
import {
  LOCK_NB,
  LOCK_SH,
  O_CLOEXEC,
  O_DIRECTORY,
  O_NOFOLLOW,
  O_PATH,
  O_RDONLY,
} from "../../../ffi/abi/fcntl.ts";
import { flock } from "../../../ffi/calls/io.ts";
import { close, openat } from "../../../ffi/calls/open.ts";
import { result } from "../emitter.ts";
import type { OpCommon, OpDefinition } from "../op.ts";
import { quote } from "../quote.ts";

export interface HoldLayer extends OpCommon {
  readonly kind: "layer.hold";
  /** Directory of the store that has the layer's `fs` and its record. */
  readonly path: string;
}

export const holdLayer: OpDefinition<HoldLayer> = {
  describe: (op) => `flock(${quote(op.path)}, LOCK_SH|LOCK_NB)`,
  // The descriptor stays open: the lock ends with the stage.
  lower(op, to) {
    const flags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
    to.call(openat({ pathname: op.path, flags }), { into: "layer held" });
    to.call(flock({ fd: result("layer held"), operation: LOCK_SH | LOCK_NB }));
    // Whoever removed it between the two calls took its record away first.
    const record = { dirfd: result("layer held"), pathname: "layer.json" };
    to.call(openat({ ...record, flags: O_PATH | O_CLOEXEC }), { into: "layer record" });
    to.call(close({ fd: result("layer record") }), { onError: "continue" });
  },
};
