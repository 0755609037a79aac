/** What every operation of a plan has, and how a kind of operation behaves. Knows no user word. */
import type { Origin } from "../../spec/model/desired.ts";
import type { Emitter } from "./emitter.ts";
import type { Op } from "./ops/registry.ts";

/**
 * Who carries an operation out: the stage on the host's side, the container's first process, or the process that
 * becomes a command of the user.
 */
export type Where = "stage" | "container" | "process";

export interface OpCommon {
  /** Stable path, as `limits/memory`. Unique in a plan. */
  readonly id: string;
  readonly where: Where;
  readonly origin: Origin;
  /**
   * A mount of this plan that is kept open (`hold`): paths are looked up from its root, not from the container's, where somebody who
   * shares the rootfs could exchange its place with a link at the right moment.
   */
  readonly below?: Held;
  /** For `process`: the index of the command that it prepares. */
  readonly command?: number;
}

/** The kernel's own file systems in a container. */
export type Held = "/proc" | "/sys" | "/dev";

/** How one kind of operation behaves. All are pure. */
export interface OpDefinition<O extends OpCommon> {
  /** One line, as strace would print the call that matters. */
  readonly describe: (op: O) => string;
  /** Writes the operation's records. */
  readonly lower: (op: O, to: Emitter) => void;
  /** The operations that take it back, in the order in which they are to be done. */
  readonly undo?: (op: O) => readonly Op[];
}
