/** Namespaces of others, and a time namespace of one's own. setns(2), time_namespaces(7). */
import { O_CLOEXEC, O_RDONLY } from "../../../ffi/abi/fcntl.ts";
import { CLONE_NEWTIME } from "../../../ffi/abi/sched.ts";
import { close, openat } from "../../../ffi/calls/open.ts";
import { setns, unshare } from "../../../ffi/calls/process.ts";
import { result } from "../emitter.ts";
import type { OpCommon, OpDefinition } from "../op.ts";
import { quote } from "../quote.ts";
import { writeFile } from "./cgroup.ts";
import { type Namespace, NAMESPACE_FLAGS } from "./namespace.ts";

/** Opens a namespace of others; all are opened before any is joined, after which the host's paths may be out of reach. */
export interface OpenNamespace extends OpCommon {
  readonly kind: "namespace.open";
  readonly path: string;
  /** Slot of the descriptor. */
  readonly fd: string;
}

/** The stage goes into it, and so what it clones afterwards. */
export interface JoinNamespace extends OpCommon {
  readonly kind: "namespace.join";
  readonly namespace: Namespace;
  /** Slot of a descriptor of the namespace, or number of one of a process that is in it. */
  readonly fd: string | number;
  /** Name of the container whose process that is. */
  readonly of?: string;
}

/** Clocks of the container's own, ahead of the host's. Before the tether: its files in /proc are root's then. */
export interface ShiftClocks extends OpCommon {
  readonly kind: "time";
  readonly monotonicMs: number;
  readonly boottimeMs: number;
}

export const openNamespace: OpDefinition<OpenNamespace> = {
  describe: (op) => `open(${quote(op.path)}, O_RDONLY)`,
  lower(op, to) {
    to.call(openat({ pathname: op.path, flags: O_RDONLY | O_CLOEXEC }), { into: op.fd });
  },
};

export const joinNamespace: OpDefinition<JoinNamespace> = {
  describe: (op) =>
    `setns(${op.of === undefined ? op.fd : `pidfd of ${quote(op.of)}`}, ${
      NAMESPACE_FLAGS[op.namespace][0]
    })`,
  lower(op, to) {
    const nstype = NAMESPACE_FLAGS[op.namespace][1];
    // One that was handed over is closed with all such, by its number, after clone3.
    if (typeof op.fd === "number") return to.call(setns({ fd: op.fd, nstype }));
    to.call(setns({ fd: result(op.fd), nstype }));
    to.call(close({ fd: result(op.fd) }), { onError: "continue" });
  },
};

const offset = (clock: string, ms: number): string =>
  `${clock} ${Math.floor(ms / 1000)} ${(ms % 1000) * 1_000_000}\n`;

// unshare(2) is for children only, and offsets can be set while nobody is inside: entering by setns(2) needs neither a fork nor
// an execve, which changes the namespace since Linux 6.1 alone.
export const shiftClocks: OpDefinition<ShiftClocks> = {
  describe: (op) =>
    `unshare(CLONE_NEWTIME), write("/proc/self/timens_offsets", ${
      quote(offset("monotonic", op.monotonicMs) + offset("boottime", op.boottimeMs))
    })`,
  lower(op, to) {
    to.call(unshare({ flags: CLONE_NEWTIME }));
    const text = offset("monotonic", op.monotonicMs) + offset("boottime", op.boottimeMs);
    writeFile(to, { path: "/proc/self/timens_offsets", text });
    const pathname = "/proc/self/ns/time_for_children";
    to.call(openat({ pathname, flags: O_RDONLY | O_CLOEXEC }), { into: "clocks" });
    to.call(setns({ fd: result("clocks"), nstype: CLONE_NEWTIME }));
    to.call(close({ fd: result("clocks") }), { onError: "continue" });
  },
};
