/** Starts a container that outlives its runner: by the project's keeper, recorded before the first act. */
import { O_NONBLOCK } from "../../ffi/abi/fcntl.ts";
import { SIGKILL } from "../../ffi/abi/signal.ts";
import { close } from "../../ffi/calls/open.ts";
import { fileSize, makePrivateDirectory } from "../../ffi/linux/file.ts";
import { openMessagePair, openPipe } from "../../ffi/linux/pair.ts";
import { awaitReadable } from "../../ffi/linux/poll.ts";
import { callSync } from "../../ffi/linux/run.ts";
import { planFiles } from "../../ffi/linux/spawn.ts";
import type { DesiredContainer } from "../../spec/model/desired.ts";
import { explainedOutcome, isLayerGone, isWalkDisturbed } from "../apply/explain.ts";
import {
  holdByKeeper,
  type Keeper,
  logOptions,
  releaseByKeeper,
  startByKeeper,
} from "../apply/keeper.ts";
import { LOST, type Outcome, plainOutcome } from "../apply/outcome.ts";
import {
  awaitExecuted,
  awaitStage,
  drainReports,
  hasEnded,
  releaseStage,
  sendSignal,
  type Stage,
} from "../apply/stage.ts";
import type { ErrorFacts } from "../plan/error.ts";
import type { Host } from "../plan/host.ts";
import { DETACH, type Report } from "../plan/report.ts";
import { identify, openProcess, type ProcessIdentity } from "../state/identity.ts";
import { containerPlaces } from "../state/places.ts";
import { keptLog } from "../state/frames.ts";
import { type ContainerRecord, type Former, writeRecord } from "../state/record.ts";
import { noteEvent } from "../state/events.ts";
import { clearStopped } from "../state/supervised.ts";
import { removeTree } from "../../ffi/linux/directory.ts";
import { withoutSecrets } from "./digest.ts";
import { formerOf, giveUp } from "./former.ts";
import { intentOf } from "./intent.ts";
import { createDetachedPlanner, type DetachedPlanner } from "./detached_plan.ts";
import type { Planned } from "./template.ts";
import { openStreams } from "./detached_streams.ts";
import { killLeft, killMembers, undoMade } from "./take_back.ts";
import type { OpenCopies } from "./start.ts";
import { storedLayers } from "./stored.ts";
import { signalProcess } from "./stop.ts";
import { type OpenProject, saveContainer } from "./project.ts";

/** How the start of a container went. */
export interface DetachedStart {
  readonly name: string;
  readonly record?: ContainerRecord;
  /** Why it did not start; everything of it is taken back then, and it is what it was before: not there, created or ended. */
  readonly failure?: ErrorFacts;
  /** What could not be taken back. */
  readonly leftovers: readonly ErrorFacts[];
}

export interface StartDetachedOptions {
  /** A machine that was looked at before. */
  readonly host?: Host;
  /** It ended and is started again: commands that are to run `once` are left out. */
  readonly again?: boolean;
  /** For who starts many. */
  readonly plan?: DetachedPlanner;
}

function withoutOnce(container: DesiredContainer): DesiredContainer {
  return { ...container, commands: container.commands.filter(({ once }) => !once) };
}

/** How often its layers may be collected between our look and the stage's hold, or its walk of a path be disturbed. */
const TRIES = 10;

/** Starts it and leaves it to the keeper. The caller holds the project's lock. Throws what keeps it from being tried. */
export async function startDetached(
  project: OpenProject,
  container: DesiredContainer,
  options: StartDetachedOptions = {},
): Promise<DetachedStart> {
  for (let tries = 1;; tries++) {
    const start = await tryDetached(project, container, options);
    if (start.passing !== true || tries === TRIES) return start;
  }
}

async function tryDetached(
  project: OpenProject,
  container: DesiredContainer,
  options: StartDetachedOptions,
): Promise<DetachedStart & { readonly passing?: boolean }> {
  const run = options.again === true ? withoutOnce(container) : container;
  const stored = (await storedLayers(run))?.stored;
  const planned = (options.plan ?? createDetachedPlanner(project, options.host))(run, stored);
  const keeper = await project.keeper();
  const view = {
    places: containerPlaces(project.places, container.name),
    project: project.places,
  };
  const former = formerOf(view, container.name);
  const intent = intentOf(container, planned, "starting");
  const begun = former === undefined ? intent : { ...intent, former };
  makePrivateDirectory(view.places.directory);
  if (stored !== undefined) {
    await (await import("./layers.ts")).keepLayers(view.places.directory, stored);
  }
  try {
    writeRecord(view.places.desired, withoutSecrets(container));
    saveContainer(view, begun);
  } catch (error) {
    if (former === undefined) removeTree(view.places.directory);
    throw error;
  }
  clearStopped(view.places);
  let stage: Stage | undefined;
  let copies: OpenCopies | undefined;
  try {
    copies = await openFiles(planned);
    const launched = handToKeeper(keeper, {
      view,
      record: intent,
      planned,
      copies,
      container: run,
    });
    stage = launched;
    const early: Report[] = [];
    const { asks } = planned.summary;
    if (asks !== undefined) {
      await (await import("../apply/asks.ts")).answerAsks(stage, asks, early);
    }
    await noteProcess(stage, { view, intent: begun, early });
    await copies?.answer(() => hasEnded(launched));
    await awaitExecuted(stage);
    return await settle(stage, { view, former, intent, planned, early, keeper, copies });
  } catch (error) {
    // The stage sees the end of its control socket and takes everything back; what is left then are its records.
    const left = stage === undefined ? [] : await abandon(stage, view, intent);
    releaseRoot(keeper, intent);
    giveUp(view, former, left.length === 0 ? [] : intent.made);
    throw error;
  } finally {
    copies?.close();
    if (stage !== undefined) releaseStage(stage);
  }
}

async function openFiles(
  { summary: { copies } }: Pick<Planned, "summary">,
): Promise<OpenCopies | undefined> {
  return copies === undefined ? undefined : (await import("./files.ts")).openCopies(copies);
}

/** Something of ours failed after the stage was started: the container is ended, and what it left undone is taken back here. */
async function abandon(
  stage: Stage,
  view: Settling["view"],
  intent: ContainerRecord,
): Promise<readonly ErrorFacts[]> {
  const reports: Report[] = [];
  sendSignal(stage, SIGKILL);
  await collect(stage, reports);
  return reports.some(({ kind }) => kind === "undone") ? [] : undoLost(stage, view, intent);
}

/** The stage was killed: whatever it left is taken back, a child too that it had no time to tell of. Others are being started beside it. */
function undoLost(
  stage: Stage,
  view: Settling["view"],
  record: ContainerRecord,
): readonly ErrorFacts[] {
  // Its pipes are at their end before it is.
  hasEnded(stage, DEATH_MS);
  killLeft({ ...view, record });
  killMembers(record);
  return undoMade(record);
}

/**
 * Which process the container's first one is stands in the record before that is of its own: whoever kills us, the stage and the keeper
 * at once leaves a process that is known. It costs no time, the container is being made meanwhile.
 */
async function noteProcess(
  stage: Stage,
  { view, intent, early }: Pick<Settling, "view" | "intent"> & { readonly early: Report[] },
): Promise<void> {
  await collect(stage, early, ({ kind }) => kind === "started" || kind === "failed");
  const pid = early.find(({ kind }) => kind === "started")?.a;
  const process = pid === undefined ? undefined : identify(pid);
  if (process !== undefined) saveContainer(view, { ...intent, process });
}

interface Handing {
  readonly view: Parameters<typeof saveContainer>[0];
  readonly record: ContainerRecord;
  readonly planned: Planned;
  readonly copies: OpenCopies | undefined;
  readonly container: Pick<DesiredContainer, "stdin" | "tty">;
}

/** Everything that the new process gets is opened here, and closed again once the keeper has it. */
function handToKeeper(keeper: Keeper, handing: Handing): Stage {
  const { view, record, planned, copies } = handing;
  const open: number[] = [];
  const take = (fd: number): number => {
    open.push(fd);
    return fd;
  };
  let kept: readonly number[] = [];
  try {
    const [control, theirs] = openMessagePair();
    const [announced, announce] = openPipe();
    const [reports, report] = openPipe(O_NONBLOCK);
    kept = [control, announced, reports];
    open.push(theirs, announce, report);
    const passed = [...planned.open?.() ?? [], ...(copies === undefined ? [] : [copies.passed])];
    open.push(...passed);
    const { shell, plan } = planFiles({ image: planned.image, name: "containerv" });
    const fds = {
      image: take(shell.release()),
      plan: take(plan.release()),
      control: theirs,
      report,
      announce,
      ...openStreams(view.places, handing.container, take),
    };
    const pid = startByKeeper(keeper, fds, {
      ...logOptions(record),
      kept: keptLog(`${view.project.logs}/${record.log}`),
      passed,
    });
    return { pid, control, announced, reports };
  } catch (error) {
    for (const fd of kept) callSync(close({ fd }));
    throw error;
  } finally {
    for (const fd of open) callSync(close({ fd }));
  }
}

interface Settling {
  readonly view: Parameters<typeof saveContainer>[0];
  readonly intent: ContainerRecord;
  readonly former: Former | undefined;
  readonly planned: Planned;
  /** Reports that were read while the stage asked. */
  readonly early: readonly Report[];
  readonly keeper: Keeper;
  readonly copies: OpenCopies | undefined;
}

/** The first command was executed, or will never be. Records which, and lets the stage go. */
async function settle(
  stage: Stage,
  from: Settling,
): Promise<DetachedStart & { readonly passing?: boolean }> {
  const { view, intent, planned } = from;
  const reports = [...from.early, ...drainReports(stage)];
  // The command may be executed before the stage, its parent, has come to say which process it is.
  await collect(stage, reports, ({ kind }) => kind === "started" || kind === "failed");
  const name = intent.name;
  const pid = reports.find(({ kind }) => kind === "started")?.a;
  const process = pid === undefined ? undefined : identify(pid);
  const over = reports.some(({ kind }) => kind === "failed" || kind === "exited");
  if (process !== undefined && !over) {
    holdRoot(from, process.pid);
    const record: ContainerRecord = {
      ...intent,
      phase: "started",
      started: Date.now(),
      process,
      endingsFrom: fileSize(view.project.endings) ?? 0,
    };
    saveContainer(view, record);
    noteEvent(view.project, { type: "started", container: name, pid: process.pid });
    sendSignal(stage, DETACH);
    await collect(stage, reports);
    if (reports.some(({ kind }) => kind === "detached")) return { name, record, leftovers: [] };
  } else await collect(stage, reports);
  releaseRoot(from.keeper, intent);
  const undone = reports.some(({ kind }) => kind === "undone");
  if (!undone && process !== undefined) await kill(process);
  const explained = explain(reports, planned);
  const left = undone ? [] : undoLost(stage, view, intent);
  const { outcome, passing } = explained;
  const start = await finished(outcome, {
    ...from,
    leftovers: [...outcome.leftovers, ...left],
  });
  return undone && passing ? { ...start, passing } : start;
}

/** Its outputs are copied when nobody of those that see its start is there any more. Throws ContainervError. */
function holdRoot({ keeper, intent, copies }: Settling, pid: number): void {
  if (intent.outputs === undefined) return;
  const [root, lock = root] = copies?.received() ?? [];
  if (root === undefined || lock === undefined) return;
  holdByKeeper(keeper, intent.log, { root: root.number, lock: lock.number, pid });
}

function releaseRoot(keeper: Keeper, { outputs, log }: ContainerRecord): void {
  if (outputs !== undefined) releaseByKeeper(keeper, log);
}

function explain(
  reports: readonly Report[],
  planned: Planned,
): { readonly outcome: Outcome; readonly passing: boolean } {
  const plain = plainOutcome(reports);
  if (plain !== undefined) return { outcome: plain, passing: false };
  const { plan, records } = planned.explain();
  const outcome = explainedOutcome(reports, plan, records);
  return { outcome, passing: isLayerGone(outcome, plan) || isWalkDisturbed(outcome) };
}

const DEATH_MS = 2000;

async function kill(process: ProcessIdentity): Promise<void> {
  using fd = openProcess(process);
  if (fd === undefined) return;
  signalProcess(fd.number, SIGKILL);
  await awaitReadable(fd.number);
}

/** It ended before its stage could leave it: everything is taken back, only its record and its output stay. */
async function finished(
  outcome: Outcome,
  { view, former, intent, leftovers, copies }: Settling & {
    readonly leftovers: readonly ErrorFacts[];
  },
): Promise<DetachedStart> {
  const { name } = intent;
  if (outcome.failure !== undefined || outcome.reason === "lost") {
    giveUp(view, former, leftovers.length === 0 ? [] : intent.made);
    return { name, failure: outcome.failure ?? LOST, leftovers };
  }
  const { status, signal, cpuMicroseconds, maxRssKib } = outcome;
  const at = Date.now();
  const ended = {
    status,
    at,
    lost: false,
    cpuMicroseconds,
    maxRssKib,
    ...(signal === undefined ? {} : { signal }),
  };
  const [root] = copies?.received() ?? [];
  const { outputs } = intent;
  const collected = outputs === undefined || root === undefined
    ? undefined
    : (await import("./files.ts")).collectFrom(root, outputs, status === 0);
  const record = {
    ...intent,
    phase: "started" as const,
    started: at,
    made: [],
    ended,
    ...(collected === undefined ? {} : { collected }),
  };
  saveContainer(view, record);
  noteEvent(view.project, { type: "started", container: name });
  noteEvent(view.project, { type: "exited", container: name, status });
  return { name, record, leftovers };
}

/** Reports until the stage has said its last, or what is enough. */
async function collect(
  stage: Stage,
  reports: Report[],
  isEnough: (report: Report) => boolean = () => false,
): Promise<void> {
  const isLast = (one: Report): boolean =>
    one.kind === "undone" || one.kind === "detached" || isEnough(one);
  while (!reports.some(isLast)) {
    await awaitStage(stage, stage.control);
    const more = drainReports(stage);
    reports.push(...more);
    // Ready, and nothing there: the stage is gone.
    if (more.length === 0) return;
  }
}
