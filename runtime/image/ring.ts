/** Memory that two threads see, in slots that are filled and used in turn, and the answers of the thread that works on them. */
import type { Worker } from "node:worker_threads";

export const SLOT_BYTES = 4 << 20;
export const SLOTS = 4;
/** In front of each slot, for what a reader has not used yet of the one before. */
const GAP_BYTES = 4096;
const STRIDE_BYTES = GAP_BYTES + SLOT_BYTES;
export const RING_BYTES = SLOTS * STRIDE_BYTES;

/** Where the slot of that turn begins. */
export const slotAt = (turn: number): number => (turn % SLOTS) * STRIDE_BYTES + GAP_BYTES;

export interface Answers {
  /** How many numbers there are. */
  readonly count: () => number;
  /** The number that came as the `index`th. Rejects when the thread failed before. */
  readonly at: (index: number) => Promise<number>;
  /** The text that the thread ends with. */
  readonly text: Promise<string>;
}

/** A thread answers with numbers, and with a text at its end; `failure` makes an error of a number that tells of one. */
export function listenTo(
  worker: Worker,
  failure: (answer: number) => Error | undefined = () => undefined,
): Answers {
  const numbers: number[] = [];
  let wake = (): void => {};
  let broken: { readonly error: unknown } | undefined;
  const { promise: text, resolve, reject } = Promise.withResolvers<string>();
  // Whoever asks is told; nobody may, when the archive was refused.
  text.catch(() => {});
  const fail = (error: unknown): void => {
    broken ??= { error };
    reject(error);
    wake();
  };
  worker.on("message", (answer: number | string) => {
    if (typeof answer === "string") return resolve(answer);
    const error = failure(answer);
    if (error !== undefined) return fail(error);
    numbers.push(answer);
    wake();
  });
  worker.on("error", fail);
  worker.on("exit", () => fail(new Error("the thread that digests has ended")));
  return {
    count: () => numbers.length,
    at: async (index) => {
      for (;;) {
        const number = numbers[index];
        if (number !== undefined) return number;
        if (broken !== undefined) throw broken.error;
        await new Promise<void>((go) => wake = go);
      }
    },
    text,
  };
}
