/** What wakes who waits for events: rings that come while nobody waits are not lost, and many are one. */

export interface Bell {
  readonly ring: () => void;
  /** Resolves when it rings, or rang since the last time, or the time is over (`late`); without a time only a ring ends it. */
  readonly wait: (ms?: number) => Promise<"rung" | "late">;
}

export function createBell(): Bell {
  let rung = false;
  let answer: (() => void) | undefined;
  const ring = (): void => {
    rung = true;
    answer?.();
  };
  return {
    ring,
    async wait(ms) {
      if (!rung) {
        await new Promise<void>((resolve) => {
          const timer = ms === undefined ? undefined : setTimeout(resolve, ms);
          answer = () => {
            clearTimeout(timer);
            resolve();
          };
        });
      }
      const how = rung ? "rung" : "late";
      answer = undefined;
      rung = false;
      return how;
    },
  };
}
