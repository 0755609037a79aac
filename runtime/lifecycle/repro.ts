/** `repro`: one container run twice, and what it made compared byte by byte. Nothing that the spec names on the host is written. */
import { O_CLOEXEC, O_RDWR } from "../../ffi/abi/fcntl.ts";
import { openat } from "../../ffi/calls/open.ts";
import { Fd } from "../../ffi/linux/fd.ts";
import type { DesiredContainer } from "../../spec/model/desired.ts";
import type { Copied, Outcome } from "../apply/outcome.ts";
import { ContainervError } from "../plan/error.ts";
import { type Difference, differencesOf } from "./compare.ts";
import { inScratch } from "./half_copies.ts";
import { start, type Started } from "./start.ts";
import { plannedStartable } from "./startable.ts";

/** An output, made twice. */
export interface Compared {
  /** Path in the container. */
  readonly from: string;
  /** SHA-256 of each run's. */
  readonly digests: readonly [string, string];
  /** The first is what is looked into first; absent where the two are the same. */
  readonly differences: readonly Difference[];
}

/** How it went. */
export type Repro =
  | { readonly kind: "compared"; readonly outputs: readonly Compared[] }
  /** One run failed: there is nothing to compare. */
  | {
    readonly kind: "failed";
    readonly run: 1 | 2;
    readonly outcome: Outcome;
    readonly started: Started;
  };

export interface ReproOptions {
  /** Called for each run, which it starts, for signals; what it gives is called at that run's end. */
  readonly watch: (
    start: () => Started,
  ) => { readonly started: Started; readonly release: () => void };
}

/** Runs the container twice, the second time in another second of the clock. Rejects when one could not be started. */
export async function runTwice(container: DesiredContainer, options: ReproOptions): Promise<Repro> {
  if (container.outputs.length === 0) {
    throw new ContainervError({
      code: "NOTHING_TO_COMPARE",
      message: "the container has no `outputs:`, so two runs of it make nothing to compare",
      pointer: "",
      fix: "outputs: [{from: /PATH/IN/CONTAINER, to: ./PATH}]",
      undone: "nothing was done",
    });
  }
  return await inScratch(async (scratch): Promise<Repro> => {
    const copies: (readonly Copied[])[] = [];
    for (const run of [1, 2] as const) {
      if (run === 2) await nextSecond();
      const { outcome, started } = await runInto(container, { directory: scratch, run }, options);
      if (outcome.status !== 0 || outcome.reason !== "exited") {
        return { kind: "failed", run, outcome, started };
      }
      copies.push(outcome.copied ?? []);
    }
    const [first = [], second = []] = copies;
    return {
      kind: "compared",
      outputs: first.map((one, index) => compared(one, second[index] ?? one)),
    };
  });
}

function compared(one: Copied, other: Copied): Compared {
  return {
    from: one.from,
    digests: [one.digest, other.digest],
    differences: differencesOf(one.to, other.to),
  };
}

interface Round {
  readonly directory: string;
  readonly run: 1 | 2;
}

async function runInto(
  container: DesiredContainer,
  { directory, run }: Round,
  { watch }: ReproOptions,
): Promise<{ readonly outcome: Outcome; readonly started: Started }> {
  const outputs = container.outputs.map((output, index) => ({
    ...output,
    base: directory,
    to: `${directory}/${run}/${index}`,
    into: false,
  }));
  const startable = await plannedStartable({ ...container, outputs });
  using none = Fd.open(openat({ pathname: "/dev/null", flags: O_RDWR | O_CLOEXEC }));
  // What the first says is shown, beside the result.
  const output = run === 1 ? 2 : none.number;
  const { started, release } = watch(() => start(startable, [none.number, output, output]));
  try {
    return { outcome: await started.ended, started };
  } finally {
    release();
  }
}

/** A build that looks at the clock shall not see the same second twice. */
async function nextSecond(): Promise<void> {
  const leftMs = 1000 - Date.now() % 1000;
  await new Promise((resolve) => setTimeout(resolve, leftMs));
}
