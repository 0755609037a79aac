/** What the parts of the launcher share. */
import { STATX } from "../../../ffi/abi/stat.ts";
import { TIMESPEC } from "../../../ffi/abi/timerfd.ts";
import type { Cell } from "../../../ffi/calls/call.ts";
import { type Emitter, result } from "../emitter.ts";
import { LAUNCH_BYTES_MAX } from "./format.ts";

/** Where the parts of the program go on. */
export const AT = {
  /** The runtime does it: nothing was done. */
  leave: "launcher.leave",
  /** As that, with the signals as they were. */
  giveUp: "launcher.give up",
  checks: "launcher.checks",
  nextCheck: "launcher.next check",
  passed: "launcher.passed",
  child: "launcher.child",
  follow: "launcher.follow",
  ended: "launcher.ended",
  /** The runtime says how it ended. */
  explain: "launcher.explain",
} as const;

/** Slots that live as long as the program. */
export const SLOT = {
  /** Address of argc. */
  stack: "stack",
  argc: "argc",
  pidfd: "target",
  /** Where launch files lie; then -1. */
  directory: "launch directory",
  input: "input",
  signals: "signals",
  control: "control",
  reports: "reports",
  stage: "stage",
} as const;

/** The launch file, which is shorter. */
export const FILE: Cell = { cell: "launch file", size: LAUNCH_BYTES_MAX };

/** What statx(2) says. */
export const STATUS: Cell = { cell: "status", size: STATX.size };

/** When it began: struct timespec. */
export const BEGUN: Cell = { cell: "begun", size: TIMESPEC.size };

/** `into` = a number of the launch file, of 32 bits. */
export function loadHeader(to: Emitter, into: string, offset: number): void {
  to.add({ kind: "load", into, address: { ...FILE, offset }, width: 4 });
}

/** The slot `name` holds a place in the launch file: it becomes an address. */
export function toAddress(to: Emitter, name: string): void {
  to.add({ kind: "add", into: name, left: result(name), right: { ...FILE, offset: 0 } });
}
