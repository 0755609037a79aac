/** `restart:` → whether a container that ended is started again, and when. Decides; whoever supervises acts. */
import type { DesiredRestart } from "../../../spec/model/desired.ts";

/** How a container ended, as far as restarting it goes. */
export interface Ending {
  /** Exit status; 128+n for a signal. */
  readonly code: number;
  /** Somebody asked for the end: `stop`, `down`, `kill`. */
  readonly asked: boolean;
  /** How long it ran. */
  readonly ranMs: number;
}

/** What has been tried so far. */
export interface RestartHistory {
  /** Restarts in a row, none of which lasted. */
  readonly inRow: number;
}

export const NO_RESTARTS: RestartHistory = { inRow: 0 };

export type RestartDecision =
  | {
    readonly restart: true;
    readonly afterMs: number;
    /** What the history is once it was restarted. */
    readonly history: RestartHistory;
  }
  | { readonly restart: false; readonly why: "policy" | "asked" | "succeeded" | "retries used up" };

/** A container that ran this long has come up: the next failure is a new one. */
export const LASTED_MS = 10_000;
/** The longest pause between two restarts. */
export const BACKOFF_MAX_MS = 60_000;

/** Pure: the same ending and history always give the same decision. */
export function decideRestart(
  restart: DesiredRestart,
  ending: Ending,
  history: RestartHistory,
): RestartDecision {
  if (restart.policy === "no") return { restart: false, why: "policy" };
  if (ending.asked) return { restart: false, why: "asked" };
  if (restart.policy === "on-failure" && ending.code === 0) {
    return { restart: false, why: "succeeded" };
  }
  const inRow = ending.ranMs >= LASTED_MS ? 0 : history.inRow;
  if (restart.maxRetries !== undefined && inRow >= restart.maxRetries) {
    return { restart: false, why: "retries used up" };
  }
  // 2 ** inRow overflows to Infinity long after the pause has reached its most; 0 stays 0.
  const pause = restart.backoffMs === 0 ? 0 : restart.backoffMs * 2 ** inRow;
  return {
    restart: true,
    afterMs: Math.min(pause, Math.max(BACKOFF_MAX_MS, restart.backoffMs)),
    history: { inRow: inRow + 1 },
  };
}
