/** Starts one container and follows it to its end. Loads planning and explaining only when they are needed. */
import { EEXIST } from "../../ffi/abi/errno.ts";
import { SIGKILL } from "../../ffi/abi/signal.ts";
import { awaitChild } from "../../ffi/linux/children.ts";
import { type Outcome, plainOutcome } from "../apply/outcome.ts";
import {
  drainReports,
  releaseStage,
  sendSignal,
  type Stage,
  startStage,
  type Stdio,
} from "../apply/stage.ts";
import type { Summary } from "../plan/plan.ts";
import type { Report } from "../plan/report.ts";
import type { Prepared } from "./prepare.ts";

/** An image that is ready to run. */
export interface Startable {
  readonly image: Uint8Array;
  readonly summary: Summary;
  /** The plan that the image was made of: asked for when something has to be explained or taken back. */
  readonly explain: () => Promise<Prepared>;
  /** The same container under the next name, when its groups were made by another run meanwhile. */
  readonly rename: (first: number) => Promise<Startable>;
}

export interface Started {
  readonly summary: Summary;
  /** Resolves when the container is gone and everything of it is taken back. */
  readonly ended: Promise<Outcome>;
  /** Sends a signal to the container's first process. */
  readonly signal: (signal: number) => void;
}

/** How often a name that was free may be taken by another run before we could use it. */
const NAME_TRIES = 100;

/** Runs an image with these descriptors. Throws SyscallError or SpawnError when it could not be started. */
export function start(startable: Startable, stdio: Stdio): Started {
  let current: Stage | undefined = startStage(startable.image, stdio);
  const follow = async (): Promise<Outcome> => {
    let running = startable;
    for (let tries = 1;; tries++) {
      const outcome = current === undefined ? undefined : await followStage(current, running);
      current = undefined;
      if (outcome !== undefined && (outcome !== NAME_TAKEN || tries === NAME_TRIES)) return outcome;
      running = await startable.rename(tries + 1);
      current = startStage(running.image, stdio);
    }
  };
  return {
    summary: startable.summary,
    ended: follow(),
    signal: (signal) => {
      if (current !== undefined) sendSignal(current, signal);
    },
  };
}

/** Not an end: another run took the name, nothing was done. */
const NAME_TAKEN: Outcome = {
  status: 125,
  reason: "failed",
  command: 0,
  cpuMicroseconds: 0,
  maxRssKib: 0,
  leftovers: [],
};

async function followStage(stage: Stage, running: Startable): Promise<Outcome> {
  await awaitChild(stage.pid);
  const reports = drainReports(stage);
  releaseStage(stage);
  return plainOutcome(reports) ?? await explain(reports, running);
}

/** Something failed, or the stage was killed before it could take everything back: then it is done here. */
async function explain(reports: readonly Report[], running: Startable): Promise<Outcome> {
  const { plan, records } = await running.explain();
  const { explainedOutcome } = await import("../apply/explain.ts");
  const outcome = explainedOutcome(reports, plan, records);
  const { failure } = outcome;
  const failedOp = failure?.step === undefined ? undefined : plan.ops[failure.step.number - 1];
  if (failure?.errno === EEXIST && failedOp?.kind === "cgroup.make") return NAME_TAKEN;
  if (reports.some((report) => report.kind === "undone")) return outcome;
  const { undoInRunner } = await import("../apply/undo.ts");
  return { ...outcome, leftovers: [...outcome.leftovers, ...undoInRunner(plan)] };
}

/** Ends a container: its stop signal, and after the grace time SIGKILL. */
export async function stop(started: Started): Promise<Outcome> {
  const { signal, graceMs } = started.summary.stop;
  started.signal(signal);
  const timer = setTimeout(() => started.signal(SIGKILL), graceMs);
  try {
    return await started.ended;
  } finally {
    clearTimeout(timer);
  }
}
