/** How commands and containers end, as the library says it. */
import { SIGKILL, signalName } from "../../ffi/abi/signal.ts";
import { type Copied, LOST, type Outcome, type Pressure } from "../apply/outcome.ts";
import { ContainervError } from "../plan/error.ts";
import type { Started } from "./start.ts";
import type { Capture } from "./stdio.ts";

/** How a command ended. */
export interface Exit {
  /** Exit status; 128+n when signal n ended it; 124 when its time was over. */
  readonly code: number;
  /** Name of the signal that ended it. */
  readonly signal?: string;
  /** `oom` and `pids`: it failed, and the kernel had killed or refused something of it at that limit. */
  readonly reason: "exited" | "signal" | "timeout" | "oom" | "pids";
  /** What the limits did, however it ended; absent when they did nothing. */
  readonly pressure?: Pressure;
  /** What was copied out, of the spec's `outputs:`; absent when nothing was. */
  readonly outputs?: readonly Copied[];
}

/** What `run` gives. */
export interface Output extends Exit {
  /** What it wrote, decoded as UTF-8; empty unless captured. */
  readonly stdout: string;
  readonly stderr: string;
  readonly cpuMicroseconds: number;
  readonly maxRssKib: number;
}

/** Throws when it was containerv, not the command, that failed. */
export function exitOf(outcome: Outcome): Exit {
  const facts = outcome.failure ?? outcome.leftovers[0];
  if (facts !== undefined) throw new ContainervError(facts);
  const { reason, status, signal, pressure, copied = [] } = outcome;
  if (reason !== "not started" && reason !== "failed" && reason !== "lost") {
    return {
      code: status,
      ...(signal === undefined ? {} : { signal: signalName(signal) }),
      reason,
      ...(Object.values(pressure).every((count) => count === 0) ? {} : { pressure }),
      ...(copied.length === 0 ? {} : { outputs: copied }),
    };
  }
  throw new ContainervError(LOST);
}

/** A signal that is aborted ends what was started; the result takes the listener away. */
export function endOnAbort(started: Started, signal: AbortSignal | undefined): () => void {
  if (signal === undefined) return () => {};
  const end = (): void => started.signal(SIGKILL);
  if (signal.aborted) end();
  signal.addEventListener("abort", end, { once: true });
  return () => signal.removeEventListener("abort", end);
}

/** All that was captured. */
export function textOf(capture: Capture | undefined): Promise<string> {
  return capture === undefined ? Promise.resolve("") : capture.text();
}
