/** Signals that the runner receives, in either runtime's event loop. */
import { SIG_UNBLOCK, SIGKILL, SIGNALS, SIGSTOP } from "../abi/signal.ts";
import { rtSigprocmask } from "../calls/signal.ts";
import { kernel } from "./libc.ts";
import { callSync } from "./run.ts";

/** Name of a signal that a process can receive. */
export type SignalName = keyof typeof SIGNALS;

/**
 * A caller may have blocked signals before it executed us, and the mask is inherited: then none would ever be delivered, and
 * a runner would wait for its container for ever. Only this thread's mask is changed; one thread is enough for a delivery.
 */
export function unblockSignals(numbers: readonly number[]): void {
  const set = numbers.reduce((mask, number) => mask | (1n << BigInt(number - 1)), 0n);
  callSync(rtSigprocmask({ how: SIG_UNBLOCK, set }));
}

/**
 * Calls `listener` with the number of each of these signals that comes; they no longer do what they do by default. The
 * result takes the listeners away. Equal signals that come close together may become one call. Listening keeps no
 * process from ending.
 *
 * @throws RangeError for SIGKILL and SIGSTOP, which nobody receives.
 */
export function listenToSignals(
  names: readonly SignalName[],
  listener: (signal: number) => void,
): () => void {
  const { seam } = kernel();
  const removals: (() => void)[] = [];
  const removeAll = (): void => {
    for (const remove of removals.splice(0)) remove();
  };
  try {
    unblockSignals(names.map((name) => SIGNALS[name]));
    for (const name of names) {
      const number: number = SIGNALS[name];
      if (number === SIGKILL || number === SIGSTOP) throw new RangeError(`${name} has no listener`);
      removals.push(seam.onSignal(name, () => listener(number)));
    }
  } catch (error) {
    removeAll();
    throw error;
  }
  return removeAll;
}
