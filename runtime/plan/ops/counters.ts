/** What the container's groups counted: read when it is gone and before they are removed. */
import { ENOENT } from "../../../ffi/abi/errno.ts";
import { O_CLOEXEC, O_RDONLY } from "../../../ffi/abi/fcntl.ts";
import { read } from "../../../ffi/calls/io.ts";
import { close, openat } from "../../../ffi/calls/open.ts";
import { branchOnErrno, FAIL, result } from "../emitter.ts";
import type { OpCommon, OpDefinition } from "../op.ts";
import { quote } from "../quote.ts";
import { type Counter, COUNTERS, REPORT_BYTES, REPORT_TEXT } from "../report.ts";
import { REPORT_CELL, sendReport } from "./supervise.ts";

export interface ReadCounters extends OpCommon {
  readonly kind: "cgroup.counters";
  readonly files: readonly { readonly counter: Counter; readonly path: string }[];
}

export const readCounters: OpDefinition<ReadCounters> = {
  describe: (op) => `read(${op.files.map(({ path }) => quote(path)).join(", ")})`,
  lower(op, to) {
    for (const { counter, path } of op.files) {
      const next = to.label("next");
      const absent = to.label("absent");
      const open = to.label("open");
      const flags = O_RDONLY | O_CLOEXEC;
      to.call(openat({ pathname: path, flags }), { into: "fd", onError: absent });
      // A kernel without the file (pids.events before 4.9) counts nothing: the exit is told without a reason.
      to.add(
        { kind: "jump", to: open },
        { kind: "label", name: absent },
        ...branchOnErrno([ENOENT], { to: next, otherwise: FAIL.stage }),
        { kind: "label", name: open },
      );
      const buf = { ...REPORT_CELL, offset: REPORT_TEXT };
      to.call(read({ fd: result("fd"), buf, count: REPORT_BYTES - REPORT_TEXT }), {
        into: "count",
      });
      to.call(close({ fd: result("fd") }), { onError: "continue" });
      sendReport(to, "counters", {
        from: "stage",
        a: COUNTERS.indexOf(counter),
        b: result("count"),
      });
      to.add({ kind: "label", name: next });
    }
  },
};
