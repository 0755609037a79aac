/** Starts one container and follows it to its end. Loads planning and explaining only when they are needed. */
import { EAGAIN, EBUSY, EEXIST } from "../../ffi/abi/errno.ts";
import { SIGKILL } from "../../ffi/abi/signal.ts";
import { awaitChild } from "../../ffi/linux/children.ts";
import { closeFd } from "../../ffi/linux/close.ts";
import type { Fd } from "../../ffi/linux/fd.ts";
import { sameBytes } from "../../ffi/memory/bytes.ts";
import { LOST, type Outcome, plainOutcome, UNTOLD } from "../apply/outcome.ts";
import {
  awaitExecuted,
  drainReports,
  hasEnded,
  releaseStage,
  sendSignal,
  sendSize,
  type Stage,
  type StageOptions,
  startStage,
  type Stdio,
} from "../apply/stage.ts";
import type { Summary } from "../plan/plan.ts";
import {
  decodeReport,
  REPORT,
  type Report,
  REPORT_BYTES,
  type TerminalSize,
} from "../plan/report.ts";
import type { Prepared } from "./prepare.ts";

/** An image that is ready to run. */
export interface Startable {
  readonly image: Uint8Array;
  readonly summary: Summary;
  /** Opens what is handed to the container by descriptor. Absent: nothing is. */
  readonly open?: (() => readonly number[]) | undefined;
  /** Opens what is copied in and out. Absent: nothing is. Throws ContainervError. */
  readonly copies?: (() => OpenCopies) | undefined;
  /** The plan that the image was made of: asked for when something has to be explained or taken back. */
  readonly explain: () => Promise<Prepared>;
  /** The same container under the next name, when its groups were made by another run meanwhile. */
  readonly rename: (first: number) => Promise<Startable>;
}

/** Files on their way into a container and out of it. */
export interface OpenCopies {
  /** The container's end of the socket, handed over last; closed by who starts it. */
  readonly passed: number;
  /**
   * Copies in, when the container has handed its root over; `isOver`: it never will. Rejects with what could not be done; the container
   * ends then.
   */
  readonly answer: (isOver: () => boolean) => Promise<void>;
  /** The container's root and, where it has a disk, its lock: once it was answered; empty when it ended before. */
  readonly received: () => readonly Fd[];
  /** Copies out, once it has ended, and closes all. */
  readonly finish: (outcome: Outcome) => Outcome;
  readonly close: () => void;
}

export interface Started {
  readonly summary: Summary;
  /** Resolves when the container is gone and everything of it is taken back. */
  readonly ended: Promise<Outcome>;
  /** Sends a signal to the container's first process. */
  readonly signal: (signal: number) => void;
  /** Says how large its terminal is now. */
  readonly resize: (size: TerminalSize) => void;
  /** Resolves when the first command was executed, or will never be; at once unless it was announced. */
  readonly executed: Promise<void>;
  /** True when a failure has been reported already. */
  readonly failedEarly: () => boolean;
  /** Pid of its first process, once that was reported; only where it was announced. */
  readonly firstPid: () => number | undefined;
}

/** How often a name that was free may be taken by another run before we could use it. */
const TRIES = 100;
/** How often others' mounts and renames may come between. */
const WALKS = 10;

export interface StartOptions extends StageOptions {
  /** For a process that runs one container and ends with it. */
  readonly rehearse?: boolean;
  /** False: the container alone keeps this process from ending no more than a timer does that is unref'd. Default: true. */
  readonly keepAlive?: boolean;
}

/** Runs an image with these descriptors. Throws SyscallError when it could not be started. */
export function start(
  startable: Startable,
  stdio: Stdio,
  options: StartOptions = { announce: false },
): Started {
  let copies = startable.copies?.();
  let current: Stage | undefined = launch(startable, stdio, { ...options, copies });
  const first = current;
  const early: Report[] = [];
  let answered = answers(first, { startable, copies }, early);
  // Of a stage that did nothing the next one has what was meant for it, and what comes while there is none: each once, as pending ones are.
  const signals = new Set<number>();
  const follow = async (): Promise<Outcome> => {
    let running = startable;
    for (let tries = 1;; tries++) {
      const refused = await answered;
      const { keepAlive } = options;
      const outcome = await followStage(current as Stage, { running, tries, early, keepAlive });
      current = undefined;
      const ended = "again" in outcome ? undefined : outcome;
      if (copies !== undefined && (ended === undefined || refused !== undefined)) copies.close();
      if (refused !== undefined) throw refused.error;
      if (ended !== undefined) return copies === undefined ? ended : copies.finish(ended);
      early.length = 0;
      running = await startable.rename((outcome as Again).again);
      copies = running.copies?.();
      current = launch(running, stdio, { announce: false, copies });
      for (const signal of signals) sendSignal(current, signal);
      answered = answers(current, { startable: running, copies }, early);
    }
  };
  let asking = answered !== undefined;
  const executed = answered === undefined ? awaitExecuted(first) : answered.then(() => {
    asking = false;
    return awaitExecuted(first);
  });
  if (options.rehearse === true && answered === undefined) rehearse(first, early);
  return {
    summary: startable.summary,
    // The pipe is closed before the stage is let go.
    ended: executed.then(follow),
    signal: (signal) => {
      signals.add(signal);
      if (current !== undefined) sendSignal(current, signal);
    },
    resize: (size) => {
      if (current !== undefined) sendSize(current, size);
    },
    executed,
    failedEarly: () => {
      // While it asks, its reports are read by who answers.
      if (current === first && !asking) early.push(...drainReports(first));
      return early.some((report) => report.kind === "failed");
    },
    firstPid: () => {
      if (current === first && !asking) early.push(...drainReports(first));
      return early.find((report) => report.kind === "started")?.a;
    },
  };
}

function launch(
  { image, open }: Startable,
  stdio: Stdio,
  options: StageOptions & { readonly copies: OpenCopies | undefined },
): Stage {
  const { copies } = options;
  if (open === undefined && copies === undefined) return startStage(image, stdio, options);
  const passed = copies === undefined ? [] : [copies.passed];
  try {
    if (open !== undefined) passed.unshift(...open());
    return startStage(image, stdio, { ...options, passed });
  } catch (error) {
    copies?.close();
    throw error;
  } finally {
    for (const fd of passed) closeFd(fd);
  }
}

/** What copies files is loaded only for who has some to copy. */
export async function withCopies<Ready extends Startable>(startable: Ready): Promise<Ready> {
  const { copies } = startable.summary;
  if (copies === undefined) return startable;
  const { openCopies } = await import("./files.ts");
  return { ...startable, copies: () => openCopies(copies) };
}

interface Asking {
  readonly startable: Startable;
  readonly copies: OpenCopies | undefined;
}

/**
 * Answers what the stage asks the runner for, then copies in; resolves with what could not be done. `undefined`: nothing of that is to
 * be done.
 */
function answers(
  stage: Stage,
  { startable: { summary: { asks } }, copies }: Asking,
  others: Report[],
): Promise<{ readonly error: unknown } | undefined> | undefined {
  if (asks === undefined && copies === undefined) return undefined;
  const asked = asks === undefined
    ? Promise.resolve()
    : import("../apply/asks.ts").then(({ answerAsks }) => answerAsks(stage, asks, others));
  return asked.then(() => copies?.answer(() => hasEnded(stage)))
    .then(() => undefined, (error: unknown) => ({ error }));
}

/**
 * How it ended when another program started it and got these reports: the outcome, or what is to be started again, as nothing was done and everything
 * is as it was.
 */
export async function outcomeOf(
  startable: Startable,
  reports: readonly Report[],
): Promise<Outcome | { readonly again: Startable }> {
  const following = { running: startable, tries: 1, early: [], keepAlive: undefined };
  const outcome = await endOf(reports, following);
  return "again" in outcome ? { again: await startable.rename(outcome.again) } : outcome;
}

interface Following {
  readonly running: Startable;
  readonly tries: number;
  /** Reports that were read before the end. */
  readonly early: Report[];
  readonly keepAlive: boolean | undefined;
}

/** Nothing was done and everything is as it was: the container is to be started again, under the name of that number. */
interface Again {
  readonly again: number;
}

async function followStage(stage: Stage, following: Following): Promise<Outcome | Again> {
  await awaitChild(stage.pid, following.keepAlive === false ? { keepAlive: false } : {});
  // Kept: who waits for the first command asks for them, perhaps only now.
  following.early.push(...drainReports(stage));
  const reports = [...following.early];
  releaseStage(stage);
  const { asks } = following.running.summary;
  if (asks !== undefined) (await import("../apply/asks.ts")).goBack(asks);
  return await endOf(reports, following);
}

/** What is plain needs no plan; that a stage said nothing of the end is to be said. */
async function endOf(reports: readonly Report[], following: Following): Promise<Outcome | Again> {
  const plain = plainOutcome(reports);
  return plain === undefined || plain.reason === "lost" ? await explain(reports, following) : plain;
}

/** Something failed, or the stage was killed before it could take everything back: then it is done here. */
async function explain(
  reports: readonly Report[],
  { running, tries }: Following,
): Promise<Outcome | Again> {
  const { plan, records, image } = await running.explain();
  const { explainedOutcome, isLayerGone, isWalkDisturbed } = await import("../apply/explain.ts");
  const ending = explainedOutcome(reports, plan, records);
  const undone = reports.some((report) => report.kind === "undone");
  const lost = undone ? UNTOLD : LOST;
  const outcome = ending.reason === "lost" ? { failure: lost, ...ending } : ending;
  const hasAsks = running.summary.asks !== undefined;
  const { failure } = outcome;
  if (undone && outcome.reason === "failed" && tries < TRIES) {
    // The machine is another one than when the image was remembered: planned anew, it may well run.
    if (!sameBytes(image, running.image)) return { again: 1 };
    const failedOp = failure?.step === undefined ? undefined : plan.ops[failure.step.number - 1];
    if (failure?.errno === EEXIST && failedOp?.kind === "cgroup.make") return { again: tries + 1 };
    if (isLayerGone(outcome, plan)) return { again: 1 };
    if (isWalkDisturbed(outcome) && tries < WALKS) return { again: tries + 1 };
    // At its end another run in the same delegated group moved the processes back, just before the controllers were on.
    if (failure?.errno === EBUSY && failedOp?.kind === "cgroup.make" && hasAsks) {
      return { again: tries + 1 };
    }
    // Another container took the ids between our look and the stage's lock.
    if (failure?.errno === EAGAIN && failedOp?.kind === "ids.claim") return { again: 1 };
  }
  if (undone && outcome.leftovers.length === 0) return await withHolder(outcome, plan);
  const { undoAgain } = await import("../apply/undo.ts");
  return { ...outcome, leftovers: undoAgain(outcome.leftovers, plan) };
}

/**
 * What reads the container's end runs once on a made-up one, while the container has its time: the engine reads a
 * function's code when it is first called, and at the end somebody waits for it.
 */
function rehearse(stage: Stage, early: Report[]): void {
  early.push(...drainReports(stage));
  const ending = decodeReport(EXITED, "stage");
  if (ending !== undefined) plainOutcome([ending, { kind: "undone", from: "stage", a: 0, b: 0 }]);
}

const EXITED = new Uint8Array(REPORT_BYTES);
EXITED[0] = REPORT.exited;

/** A disk that another container uses: whose. */
async function withHolder(outcome: Outcome, plan: Prepared["plan"]): Promise<Outcome> {
  const { failure } = outcome;
  const op = failure?.step === undefined ? undefined : plan.ops[failure.step.number - 1];
  if (failure === undefined || failure.errno !== EAGAIN || op?.kind !== "upper") return outcome;
  const { runnerThatHolds } = await import("../observe/lock_holder.ts");
  const pid = runnerThatHolds(op.path);
  if (pid === undefined) return outcome;
  const fix =
    `another container uses this disk, that of process ${pid}: wait for its end, or give this one another name`;
  return { ...outcome, failure: { ...failure, fix } };
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
