/**
 * A project that is looked at from a terminal: what its containers write, until all have ended, one has failed, or somebody says
 * stop. Everything is as with `up -d`: who is killed here leaves containers, keeper and supervisor as they are.
 */
import { keepAliveUntil } from "../../ffi/linux/children.ts";
import type { Desired, DesiredContainer } from "../../spec/model/desired.ts";
import { startOrder } from "../../spec/model/depends.ts";
import { placesOf } from "../state/project.ts";
import type { Collected, Ending } from "../state/record.ts";
import { isAlive } from "../state/identity.ts";
import { forgetSupervisor, markStopped, readSupervisor } from "../state/supervised.ts";
import { type ContainerView, viewProject } from "./containers.ts";
import { awaitDrained, follow } from "./follow.ts";
import type { LogLine, NextOptions } from "./logs.ts";
import { openProject } from "./project.ts";
import { stopContainers, type StopOptions } from "./stop.ts";
import { endSupervisor } from "./supervise/launch.ts";

/** What became of a container that was looked at. */
export interface Ended {
  readonly name: string;
  readonly ending: Ending;
  /** What was copied out of it. */
  readonly collected?: Collected;
}

export interface ForegroundOptions {
  readonly file: string;
  readonly onLines: (lines: readonly LogLine[]) => void;
  /** A container has ended, and is not started again. */
  readonly onEnded: (ended: Ended) => Promise<void>;
  /** False: the others go on when one fails. */
  readonly stopOnFailure: boolean;
  /** True: it goes on when nothing runs any more. */
  readonly endless: boolean;
}

export interface Foreground {
  /** Output is given out from now on: the project is there. */
  readonly begin: () => void;
  /** Resolves when nothing runs any more, a container has failed, or `isAsked` is true when `wake` was called. */
  readonly untilOver: (isAsked: () => boolean) => Promise<Over>;
  /** Ends what still runs, dependents first. */
  readonly stop: (options: StopOptions) => Promise<void>;
  readonly wake: () => void;
  /** Another form of what is wanted; of the same project. */
  readonly want: (desired: Desired) => void;
  readonly [Symbol.dispose]: () => void;
}

export interface Over {
  /** The first that failed. */
  readonly failed?: Ended;
}

/** How a container is: `undefined` while it runs or is about to be started again; null: it is not there. Pure. */
export function endingOf(
  view: ContainerView | undefined,
  container: DesiredContainer,
  supervised: boolean,
): Ending | null | undefined {
  if (view === undefined) return null;
  if (view.state === "stale" || view.state === "broken" || view.state === "created") return null;
  if (view.state !== "exited" || view.ending === undefined) return undefined;
  if (container.restart.policy === "no" || !supervised || view.stopped) return view.ending;
  const { process } = view.record ?? {};
  const about = view.supervised?.process;
  const same = about?.pid === process?.pid && about?.startTicks === process?.startTicks;
  return same && view.supervised?.final === true ? view.ending : undefined;
}

/** The first of them that failed, by time. Pure. */
export function firstFailed(ended: readonly Ended[]): Ended | undefined {
  return ended.filter(({ ending }) => ending.status !== 0)
    .sort((a, b) => a.ending.at - b.ending.at)[0];
}

/** Looks at what `up` makes of it. */
export function lookAt(desired: Desired, options: ForegroundOptions): Foreground {
  const places = placesOf(desired.project, options.file);
  const sinceNs = BigInt(Date.now()) * 1_000_000n;
  const follower = follow([places]);
  const told = new Set<string>();
  const show = (how: Pick<NextOptions, "rest"> = {}): void => {
    const lines = follower.lines(how).filter(({ timeNs }) => timeNs >= sinceNs);
    if (lines.length > 0) options.onLines(lines);
  };
  let judge: ((views: readonly ContainerView[]) => Promise<boolean>) | undefined;
  let closed = false;
  const pump = async (): Promise<void> => {
    while (!closed) {
      const views = follower.look();
      show();
      if (await judge?.(views)) judge = undefined;
      await follower.bell.wait();
    }
  };
  let pumping: Promise<void> | undefined;
  let wanted = desired;
  const watched = { ...options, told, show, look: follower.look };
  return {
    begin: () => {
      pumping ??= pump();
    },
    wake: follower.bell.ring,
    want: (next) => {
      wanted = next;
    },
    async untilOver(isAsked) {
      const over = Promise.withResolvers<Over>();
      judge = async (views) => {
        const found = await verdict(views, { ...watched, desired: wanted, isAsked });
        if (found !== undefined) over.resolve(found);
        return found !== undefined;
      };
      pumping?.catch(over.reject);
      follower.bell.ring();
      return await keepAliveUntil(over.promise);
    },
    async stop(how) {
      await stopInOrder(wanted, options.file, how);
      closed = true;
      follower.bell.ring();
      await pumping;
      const views = follower.look();
      await awaitDrained(views.filter(({ state }) => state === "exited"));
      show({ rest: true });
      await tell(views, watched);
    },
    [Symbol.dispose]: () => follower[Symbol.dispose](),
  };
}

interface Watched extends ForegroundOptions {
  readonly desired: Desired;
  /** Endings that were said. */
  readonly told: Set<string>;
  readonly show: (how?: Pick<NextOptions, "rest">) => void;
  readonly isAsked: () => boolean;
}

/** `undefined`: it goes on. */
async function verdict(
  views: readonly ContainerView[],
  watched: Watched,
): Promise<Over | undefined> {
  const { desired, file, told } = watched;
  const supervisor = readSupervisor(placesOf(desired.project, file))?.process;
  const supervised = supervisor !== undefined && isAlive(supervisor);
  const byName = new Map(views.map((view) => [view.name, view]));
  const endings = desired.containers.map((container) => ({
    name: container.name,
    ending: endingOf(byName.get(container.name), container, supervised),
  }));
  const ended = endings.flatMap(({ name, ending }) => ending ? [{ name, ending }] : []);
  const fresh = ended.flatMap(({ name }) => byName.get(name) ?? [])
    .filter((view) => !told.has(keyOf(view)));
  if (fresh.length > 0) {
    await awaitDrained(fresh);
    watched.show({ rest: new Set(fresh.map(({ name }) => name)) });
    await tell(fresh, watched);
  }
  const failed = firstFailed(ended);
  const isDone = endings.every(({ ending }) => ending !== undefined) && !watched.endless;
  const isOver = isDone || watched.isAsked() || (failed !== undefined && watched.stopOnFailure);
  if (!isOver) return undefined;
  return failed === undefined ? {} : { failed };
}

const keyOf = ({ name, record }: ContainerView): string =>
  `${name}:${record?.process?.pid ?? ""}:${record?.started ?? ""}`;

async function tell(
  views: readonly ContainerView[],
  { told, onEnded }: Pick<Watched, "told" | "onEnded">,
): Promise<void> {
  for (const view of views) {
    if (view.ending === undefined || told.has(keyOf(view))) continue;
    told.add(keyOf(view));
    const collected = view.record?.outputs === undefined
      ? undefined
      : await (await import("./collect.ts")).collectLocked(view);
    const { name, ending } = view;
    await onEnded({ name, ending, ...(collected === undefined ? {} : { collected }) });
  }
}

/** Ends what runs of a project: what depends on others first. Nothing is started again meanwhile. */
export async function stopInOrder(
  desired: Desired,
  file: string,
  options: StopOptions,
): Promise<void> {
  const places = placesOf(desired.project, file);
  using _project = await openProject(places, { name: desired.project, file });
  await endSupervisor(places);
  const views = new Map(viewProject(places).containers.map((view) => [view.name, view]));
  const layers = startOrder(desired.containers).map((layer) => layer.map(({ name }) => name));
  const known = new Set(layers.flat());
  const rest = [...views.keys()].filter((name) => !known.has(name));
  for (const layer of [...layers, rest].reverse()) {
    const running = layer.flatMap((name) => views.get(name) ?? [])
      .filter(({ state }) => state === "running");
    for (const view of running) markStopped(view.places);
    await stopContainers(running, options);
  }
  forgetSupervisor(places);
  await awaitNoted(views.values());
}

/** How long the keeper may take to note that what was stopped has ended. */
const NOTED_MS = 2000;

async function awaitNoted(views: Iterable<ContainerView>): Promise<void> {
  const stopped = [...views].filter(({ state }) => state === "running");
  const [first] = stopped;
  if (first === undefined) return;
  const names = new Set(stopped.map(({ name }) => name));
  for (const deadline = performance.now() + NOTED_MS; performance.now() < deadline;) {
    const { containers } = viewProject(first.project);
    if (!containers.some(({ name, state }) => names.has(name) && state === "running")) return;
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
}
