/** Containers that are followed: what they write and how they are, as it happens. Woken by inotify, looked at by nobody in between. */
import { O_CLOEXEC, O_NONBLOCK, O_RDONLY } from "../../ffi/abi/fcntl.ts";
import { POLLIN } from "../../ffi/abi/poll.ts";
import { close, openat } from "../../ffi/calls/open.ts";
import { waitForFd } from "../../ffi/linux/poll.ts";
import { callSync } from "../../ffi/linux/run.ts";
import type { ProjectPlaces } from "../state/places.ts";
import { type Bell, createBell } from "./bell.ts";
import { type ContainerView, viewProject } from "./containers.ts";
import { type LogLine, type NextOptions, openLogs } from "./logs.ts";
import { watchDirectories } from "./watching.ts";

export interface Follower {
  /** The containers as they are by now. */
  readonly look: () => readonly ContainerView[];
  /** What they wrote since the last call. With `rest` also lines that are not at their end, of all or of those of these names. */
  readonly lines: (options?: Pick<NextOptions, "rest">) => readonly LogLine[];
  /** Rings when a container may have written, begun or ended. */
  readonly bell: Bell;
  readonly [Symbol.dispose]: () => void;
}

/** Follows the containers of these projects that `isMeant`, those that come later too. */
export function follow(
  projects: readonly ProjectPlaces[],
  isMeant: (view: ContainerView) => boolean = () => true,
): Follower {
  const bell = createBell();
  const logs = openLogs([]);
  const changed = new Set<string>();
  const directories = new Set(projects.map((places) => places.logs));
  const watching = watchDirectories((directory, name) => {
    if (directories.has(directory)) changed.add(name === undefined ? "" : logPath(directory, name));
    bell.ring();
  });
  const look = (): readonly ContainerView[] => {
    const views: ContainerView[] = [];
    for (const places of projects) {
      // Watched before it is looked at: what happens in between rings.
      watching.add(places.directory);
      if (watching.add(places.logs)) views.push(...viewProject(places).containers.filter(isMeant));
    }
    if (logs.add(views)) changed.add("");
    return views;
  };
  return {
    look,
    bell,
    lines({ rest = false } = {}) {
      const all = rest !== false || changed.has("");
      const now = new Set(changed);
      changed.clear();
      const hasMore = (directory: string, name: string): boolean =>
        all || now.has(logPath(directory, name));
      return logs.next({ rest, hasMore });
    },
    [Symbol.dispose]: () => watching.close(),
  };
}

export interface LogFollowing {
  /** Of what is there only so many lines; Infinity: all. */
  readonly tail: number;
  /** Nothing more is read before it is through: a slow reader slows, and nothing piles up. */
  readonly print: (lines: readonly LogLine[]) => Promise<void> | void;
  /** Ends it. */
  readonly signal?: AbortSignal;
}

/** Gives out what these containers write until all of them have ended, or are gone. */
export async function followLogs(
  views: readonly ContainerView[],
  { tail, print, signal }: LogFollowing,
): Promise<void> {
  const ids = new Set(views.map(({ id }) => id));
  const projects = new Map(views.map(({ project }) => [project.key, project]));
  using follower: Follower = follow([...projects.values()], ({ id }) => ids.has(id));
  signal?.addEventListener("abort", follower.bell.ring, { once: true });
  let left = tail;
  while (signal?.aborted !== true) {
    const now = follower.look();
    const runs = now.some(({ state }) => state === "running" || state === "starting");
    if (!runs) await awaitDrained(now);
    const lines = follower.lines({ rest: !runs });
    await print(left < lines.length ? lines.slice(lines.length - left) : lines);
    left = Infinity;
    if (!runs) return;
    await follower.bell.wait();
  }
}

/** A keeper that was killed notes no ending: without a ring it is looked for again after this. */
const UNNOTED_MS = 2000;

/** Resolves when the container runs no more, with how it is then; `undefined`: it is gone, or the signal came first. */
export async function followEnding(
  { id, project }: ContainerView,
  signal: AbortSignal,
): Promise<ContainerView | undefined> {
  using follower = follow([project], (view) => view.id === id);
  signal.addEventListener("abort", follower.bell.ring, { once: true });
  while (!signal.aborted) {
    const [now] = follower.look();
    if (now?.state !== "running" && now?.state !== "starting") return now;
    await follower.bell.wait(UNNOTED_MS);
  }
  return undefined;
}

/** `NAME.1` is a part of the log `NAME`. */
const logPath = (directory: string, name: string): string =>
  `${directory}/${name.replace(/\.\d$/, "")}`;

/** How long what a container has written may take to come to its log after its end. */
const DRAINED_MS = 2000;

/** Resolves when the keeper has read all that these containers, which have ended, wrote. */
export async function awaitDrained(views: readonly ContainerView[]): Promise<void> {
  for (const deadline = performance.now() + DRAINED_MS; performance.now() < deadline;) {
    if (!views.some(({ places }) => hasBytes(places.output) || hasBytes(places.errors))) break;
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
  // What it has read last it is writing now.
  await new Promise((resolve) => setTimeout(resolve, 2));
}

/** True when a pipe with this name holds something. */
function hasBytes(pathname: string): boolean {
  const fd = Number(callSync(openat({ pathname, flags: O_RDONLY | O_NONBLOCK | O_CLOEXEC })));
  if (fd < 0) return false;
  try {
    return (waitForFd({ fd, timeoutMs: 0 }) & POLLIN) !== 0;
  } finally {
    callSync(close({ fd }));
  }
}
