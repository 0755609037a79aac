/** Signals of the command line → the container, or the command in it. */
import { SIGINT, SIGKILL, SIGTERM } from "../../ffi/abi/signal.ts";
import { listenToSignals } from "../../ffi/linux/signals.ts";
import type { Started } from "../lifecycle/start.ts";
import { PASSED_SIGNALS } from "../plan/report.ts";

/**
 * Signals that come go on to what was started; the result ends that. PID 1 of a container does not die of a signal that it does not handle: after SIGINT or SIGTERM the grace time runs, and
 * a second one ends it at once.
 */
export function passSignals(started: Started): () => void {
  let asked = 0;
  let timer: ReturnType<typeof setTimeout> | undefined;
  const stop = listenToSignals(PASSED_SIGNALS, (signal) => {
    started.signal(signal);
    if (signal !== SIGINT && signal !== SIGTERM) return;
    asked++;
    if (asked > 1) started.signal(SIGKILL);
    const { graceMs } = started.summary.stop;
    timer ??= setTimeout(() => started.signal(SIGKILL), graceMs);
  });
  return () => {
    clearTimeout(timer);
    stop();
  };
}
