/** A directory on disk that keeps what a container writes, held by one container at a time. */
import {
  LOCK_EX,
  LOCK_NB,
  O_CLOEXEC,
  O_DIRECTORY,
  O_NOFOLLOW,
  O_RDONLY,
} from "../../../ffi/abi/fcntl.ts";
import { flock } from "../../../ffi/calls/io.ts";
import { openat } from "../../../ffi/calls/open.ts";
import { result } from "../emitter.ts";
import type { OpCommon, OpDefinition } from "../op.ts";
import { quote } from "../quote.ts";
import { mkdirUnlessThere } from "./cgroup.ts";

/** `<path>/up` and `<path>/work`; kept afterwards, so nothing undoes it. */
export interface KeepUpper extends OpCommon {
  readonly kind: "upper";
  readonly path: string;
  readonly mode: number;
}

/** The last directories of the path, which are ours to make: the data directory, `uppers`, the container's, its two. */
const OWN_LEVELS = 3;

export const keepUpper: OpDefinition<KeepUpper> = {
  describe: (op) => `mkdir(${quote(`${op.path}/up`)}), flock(${quote(op.path)}, LOCK_EX|LOCK_NB)`,
  lower(op, to) {
    const parts = op.path.split("/");
    for (let level = OWN_LEVELS - 1; level >= 0; level--) {
      mkdirUnlessThere(parts.slice(0, parts.length - level).join("/"), to, {
        mode: op.mode,
      });
    }
    // Two overlays on one upper are not refused by the kernel: the lock is ours, and ends with the stage.
    const flags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
    to.call(openat({ pathname: op.path, flags }), { into: "upper" });
    to.call(flock({ fd: result("upper"), operation: LOCK_EX | LOCK_NB }));
    mkdirUnlessThere(`${op.path}/up`, to);
    mkdirUnlessThere(`${op.path}/work`, to);
  },
};
