/** Signals to this process, in either runtime. */
import { SIGNALS } from "../abi/signal.ts";
import { loadSeam } from "../seam/load.ts";

export type SignalName = keyof typeof SIGNALS;

/** Calls `listener` with the number of each signal of these names, until the returned function is called. */
export function listenToSignals(
  names: readonly SignalName[],
  listener: (signal: number) => void,
): () => void {
  const seam = loadSeam();
  const stops = names.map((name) => seam.onSignal(name, () => listener(SIGNALS[name])));
  return () => {
    for (const stop of stops) stop();
  };
}
