/** What only the runner can do for its stage, asked for over the control socket while the stage waits. */
import { SIGKILL } from "../../../ffi/abi/signal.ts";
import type { Word } from "../../../ffi/calls/call.ts";
import { read } from "../../../ffi/calls/io.ts";
import type { IdMap } from "../../../spec/model/desired.ts";
import { type Emitter, result, UNDO } from "../emitter.ts";
import { ANSWER, CONTROL_FD } from "../report.ts";
import { sendReport } from "./supervise.ts";

export type { IdMap };

/** The ids of a process's new user namespace are written to /proc/PID/uid_map and gid_map. */
export interface AskMaps {
  readonly kind: "maps";
  readonly uids: readonly IdMap[];
  readonly gids: readonly IdMap[];
  /** Absent: the runner writes them itself. Else the programs that may, by absolute path. */
  readonly helpers?: { readonly newuidmap: string; readonly newgidmap: string };
  /** JSON pointer of what asked for them. */
  readonly origin: string;
}

/** The runner goes into the group `to`, and when all is over back into `from`: a group with processes has no controllers. */
export interface AskMove {
  readonly kind: "move";
  readonly from: string;
  readonly to: string;
  readonly origin: string;
}

/**
 * All processes of a container that runs, which are those of its group `from`, go into its new group `to` of another hierarchy; where that
 * fails, they go back to `back`, and so do those of the asks before.
 */
export interface AskGather {
  readonly kind: "gather";
  readonly from: string;
  readonly to: string;
  readonly back: string;
  readonly origin: string;
}

/** Numbered by their place in `Summary.asks`. */
export type Ask = AskMaps | AskMove | AskGather;

/**
 * Asks the runner for number `index`, about the process `pid`, and waits until it has answered. A runner that is gone or could
 * not do it, and a SIGKILL meanwhile, end in the undo chain: the runner knows why. Other signals are for a container that is not
 * there yet.
 */
export function askRunner(
  to: Emitter,
  index: number,
  pid: Word,
): void {
  const answer = { cell: "answer", size: 8 } as const;
  const again = to.label("ask");
  const done = to.label("answered");
  sendReport(to, "ask", { from: "stage", a: index, b: pid });
  to.add({ kind: "label", name: again });
  to.call(read({ fd: CONTROL_FD, buf: answer, count: 8 }), { into: "count" });
  const equal = (value: number, label: string) =>
    ({ kind: "branch", when: "equal", left: result("answer"), right: value, to: label }) as const;
  to.add(
    { kind: "branch", when: "less", left: result("count"), right: 4, to: UNDO },
    { kind: "load", into: "answer", address: answer, width: 4 },
    equal(ANSWER.done, done),
    equal(ANSWER.failed, UNDO),
    equal(SIGKILL, UNDO),
    { kind: "jump", to: again },
    { kind: "label", name: done },
  );
}
