/** What is done to single detached containers: signals, waiting, starting again, removing. */
import { SIGKILL } from "../../ffi/abi/signal.ts";
import { waitForFd } from "../../ffi/linux/poll.ts";
import { setFrozen } from "../apply/freezer.ts";
import { ContainervError, type ErrorFacts } from "../plan/error.ts";
import { loadAgain } from "./load_again.ts";
import type { DesiredContainer } from "../../spec/model/desired.ts";
import { observeHost } from "../observe/host.ts";
import { SYSTEM_ROOTS } from "../plan/system_roots.ts";
import { noteEvent } from "../state/events.ts";
import type { Ending } from "../state/record.ts";
import { markStopped } from "../state/supervised.ts";
import { type ContainerView, desiredOf, viewOne, viewProject } from "./containers.ts";
import { collectEnded } from "./collect.ts";
import { type DetachedStart, startDetached } from "./detached.ts";
import { adoptLeft, type OpenProject, openProject, saveContainer } from "./project.ts";
import { freezerGroup, pause, resume } from "./pause.ts";
import { isPaused } from "./exec.ts";
import { removeContainer } from "./remove.ts";
import { takeBack } from "./take_back.ts";
import { openProcess } from "../state/identity.ts";
import { signalProcess, stopContainers, type StopOptions } from "./stop.ts";

/** The view of the container as it is by now. */
export function again(view: ContainerView): ContainerView {
  return viewOne(view.project, view.name) ??
    { ...view, state: "broken", problem: "it was removed" };
}

/** Runs `act` with the project of the container locked, and the container as it is then. */
export async function withProjectOf<Result>(
  view: ContainerView,
  act: (project: OpenProject, view: ContainerView) => Promise<Result> | Result,
): Promise<Result> {
  const { record } = viewProject(view.project);
  const { key } = view.project;
  using project = await openProject(view.project, {
    name: record?.name ?? key,
    file: record?.file ?? "",
  });
  await adoptLeft(project);
  return await act(project, again(view));
}

/** Sends a signal to the first process. Throws ContainervError NOT_RUNNING. */
export function signalContainer(view: ContainerView, signal: number): void {
  const { state, record } = view;
  const fd = state === "running" && record?.process !== undefined
    ? openProcess(record.process)
    : undefined;
  if (fd === undefined) throw notRunning(view);
  using open = fd;
  signalProcess(open.number, signal);
  // Of the freezer of cgroup v1 not even SIGKILL lets a process go.
  if (signal === SIGKILL && record?.paused !== undefined) setFrozen(record.paused, false);
}

/** Stops every process of it by the kernel's freezer; noted before it is done. Throws ContainervError. */
export async function pauseContainer(view: ContainerView): Promise<void> {
  const { record } = view;
  if (view.state !== "running" || record?.process === undefined) throw notRunning(view);
  if (view.paused === true) throw isPaused(view.name);
  try {
    await pause({ ...record.process, name: view.name }, (frozen) => {
      const ops = frozen.from === undefined ? [] : [freezerGroup(frozen)];
      saveContainer(view, { ...record, made: [...record.made, ...ops], paused: frozen });
    });
  } catch (error) {
    saveContainer(view, record);
    throw error;
  }
  noteEvent(view.project, { type: "paused", container: view.name });
}

/** Lets them go on. Throws ContainervError NOT_PAUSED. */
export async function resumeContainer(view: ContainerView): Promise<void> {
  if (view.state !== "running" || view.record === undefined) throw notRunning(view);
  const { paused, ...record } = view.record;
  if (paused === undefined) {
    throw new ContainervError({ code: "NOT_PAUSED", message: `${view.name} is not paused` });
  }
  await resume(paused);
  const isMade = ({ kind, path }: { kind: string; path?: string }): boolean =>
    kind === "cgroup.make" && path === paused.path && paused.from !== undefined;
  saveContainer(view, { ...record, made: record.made.filter((op) => !isMade(op)) });
  noteEvent(view.project, { type: "resumed", container: view.name });
}

function notRunning({ name, state }: ContainerView): ContainervError {
  return new ContainervError({
    code: "NOT_RUNNING",
    message: `${name} does not run: it is ${state}`,
    fix: `start it: containerv start ${name}`,
  });
}

const SLICE_MS = 5;
/** How long after a process's end its keeper may take to write it down. */
const NOTED_MS = 2000;

/** Resolves with the ending of a container that runs, or has ended. Throws ContainervError NOT_RUNNING for one that never did. */
export async function awaitEnding(view: ContainerView): Promise<Ending> {
  const process = view.state === "running" ? view.record?.process : undefined;
  const fd = process === undefined ? undefined : openProcess(process);
  if (fd !== undefined) {
    using open = fd;
    while (waitForFd({ fd: open.number, timeoutMs: SLICE_MS }) === 0) {
      await new Promise((resolve) => setTimeout(resolve, SLICE_MS));
    }
  }
  for (const deadline = performance.now() + NOTED_MS;;) {
    const now = again(view);
    if (now.ending !== undefined) return now.ending;
    if (now.state !== "running" || performance.now() > deadline) throw notRunning(now);
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
}

/** Starts a container that does not run, as its record says. Throws ContainervError, also when it runs. */
export async function startAgain(
  project: OpenProject,
  view: ContainerView,
): Promise<DetachedStart> {
  if (view.state === "running") {
    throw new ContainervError({
      code: "RUNNING",
      message: `${view.name} runs already`,
      fix: `containerv restart ${view.name}`,
    });
  }
  // What it left is gone with its next start.
  const missed = (await collectEnded([view])).map(({ facts }) => facts);
  const container = await wholeDesired(project, view);
  const [left] = takeBack(view);
  if (left !== undefined) throw new ContainervError(left);
  const host = observeHost({ cgroups: true, roots: SYSTEM_ROOTS });
  const start = await startDetached(project, container, { host });
  return { ...start, leftovers: [...missed, ...start.leftovers] };
}

/** Values of secrets are not recorded: a container that has some is read from its spec again. */
async function wholeDesired(project: OpenProject, view: ContainerView): Promise<DesiredContainer> {
  const recorded = desiredOf(view);
  if (recorded.secrets.every((secret) => !("value" in secret))) return recorded;
  const { desired } = await loadAgain(project.file, project.places);
  const found = desired?.containers.find(({ name }) => name === view.name);
  if (found !== undefined) return found;
  throw new ContainervError({
    code: "STATE_BROKEN",
    message:
      `${view.name} has secrets, whose values are not recorded, and ${project.file} has it no more`,
    fix: "containerv up -d with the spec",
  });
}

/** Ends it if it runs (only with `force`) and removes it. Gives what is left. */
export async function removeOne(
  view: ContainerView,
  options: { readonly force: boolean },
): Promise<readonly ErrorFacts[]> {
  if (view.state === "running") {
    if (!options.force) {
      throw new ContainervError({
        code: "RUNNING",
        message: `${view.name} runs`,
        fix: `containerv stop ${view.name}, or rm --force`,
      });
    }
    await stopContainers([view], { signal: SIGKILL });
  }
  const missed = await collectEnded([view]);
  return [...missed.map(({ facts }) => facts), ...removeContainer(again(view))];
}

/** Throws ContainervError for the first of what went wrong with a start. */
export function mustHaveStarted({ failure, leftovers }: DetachedStart): void {
  const [problem] = [failure ?? [], ...leftovers].flat();
  if (problem !== undefined) throw new ContainervError(problem);
}

/** Ends it, waits until its keeper has written how, and gives that. */
export async function stopOne(
  view: ContainerView,
  options: StopOptions,
): Promise<Ending | undefined> {
  if (view.state !== "running") return view.ending;
  // Whoever supervises it must not take its end for a fault.
  markStopped(view.places);
  await stopContainers([view], options);
  return await awaitEnding(view);
}
