/** Signals of the command line → the container, or the command in it. */
import { SIGINT, SIGKILL, SIGTERM } from "../../ffi/abi/signal.ts";
import { listenToSignals } from "../../ffi/linux/signals.ts";
import type { Started } from "../lifecycle/start.ts";
import { PASSED_SIGNALS } from "../plan/report.ts";

export interface Passing {
  readonly started: Started;
  /** Signals do again what they do by default. */
  readonly release: () => void;
}

/**
 * Signals that come from before the start on go to what `start` starts: one that came between the start and us would end the runner, and
 * with it the container that it was meant for. PID 1 of a container does not die of a signal that it does not handle: after SIGINT or SIGTERM
 * the grace time runs, and a second one ends it at once.
 */
export function passSignals(start: () => Started): Passing {
  let started: Started | undefined;
  let asked = 0;
  let timer: ReturnType<typeof setTimeout> | undefined;
  // No listener is called before the event loop has its turn, and so after the start.
  const stop = listenToSignals(PASSED_SIGNALS, (signal) => {
    if (started === undefined) return;
    const { signal: send, summary } = started;
    send(signal);
    if (signal !== SIGINT && signal !== SIGTERM) return;
    asked++;
    if (asked > 1) send(SIGKILL);
    timer ??= setTimeout(() => send(SIGKILL), summary.stop.graceMs);
  });
  const release = (): void => {
    clearTimeout(timer);
    stop();
  };
  try {
    started = start();
    return { started, release };
  } catch (error) {
    release();
    throw error;
  }
}
