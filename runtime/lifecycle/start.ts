/** Starts one container and follows it to its end. */
import { EEXIST } from "../../ffi/abi/errno.ts";
import { SIGKILL } from "../../ffi/abi/signal.ts";
import { awaitChild } from "../../ffi/linux/children.ts";
import type { DesiredContainer } from "../../spec/model/desired.ts";
import { decodeOutcome, type Outcome } from "../apply/outcome.ts";
import {
  drainReports,
  releaseStage,
  sendSignal,
  type Stage,
  startStage,
  type Stdio,
} from "../apply/stage.ts";
import { undoInRunner } from "../apply/undo.ts";
import type { Report } from "../plan/report.ts";
import { prepare, type Prepared } from "./prepare.ts";

export interface Started {
  readonly prepared: Prepared;
  /** Resolves when the container is gone and everything of it is taken back. */
  readonly ended: Promise<Outcome>;
  /** Sends a signal to the container's first process. */
  readonly signal: (signal: number) => void;
}

/** How often a name that was free may be taken by another run before we could use it. */
const NAME_TRIES = 100;

/** Runs a container with these descriptors; tries the next name when its groups were made by another meanwhile. */
export function startContainer(container: DesiredContainer, stdio: Stdio): Started {
  let prepared = prepare(container, 1);
  let stage = startStage(prepared.image, stdio);
  let current: Stage | undefined = stage;
  const ended = (async (): Promise<Outcome> => {
    for (let tries = 1;; tries++) {
      const outcome = await follow(stage, prepared);
      current = undefined;
      if (!nameTaken(outcome, prepared) || tries === NAME_TRIES) return outcome;
      prepared = prepare(container, tries + 1);
      current = stage = startStage(prepared.image, stdio);
    }
  })();
  return {
    get prepared() {
      return prepared;
    },
    ended,
    signal: (signal) => {
      if (current !== undefined) sendSignal(current, signal);
    },
  };
}

async function follow(stage: Stage, prepared: Prepared): Promise<Outcome> {
  await awaitChild(stage.pid);
  const reports: readonly Report[] = drainReports(stage);
  releaseStage(stage);
  const outcome = decodeOutcome(reports, prepared.plan, prepared.records);
  // A stage that was killed could take nothing back: then it is done here, by the same operations.
  if (outcome.undone) return outcome;
  const leftovers = undoInRunner(prepared.plan);
  return { ...outcome, leftovers: [...outcome.leftovers, ...leftovers] };
}

function nameTaken(outcome: Outcome, prepared: Prepared): boolean {
  const { failure } = outcome;
  if (failure?.errno !== EEXIST || failure.step === undefined) return false;
  return prepared.plan.ops[failure.step.number - 1]?.kind === "cgroup.make";
}

/** Ends a container: its stop signal, and after the grace time SIGKILL. */
export async function stopContainer(started: Started): Promise<Outcome> {
  const { stop } = started.prepared.plan.summary;
  started.signal(stop.signal);
  const timer = setTimeout(() => started.signal(SIGKILL), stop.graceMs);
  try {
    return await started.ended;
  } finally {
    clearTimeout(timer);
  }
}
