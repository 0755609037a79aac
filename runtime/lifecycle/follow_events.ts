/** The events of several projects in the order of time, and as they happen. */
import type { ProjectPlaces } from "../state/places.ts";
import { ownStateDirectory } from "../state/project.ts";
import { createBell } from "./bell.ts";
import { type EventReader, openEvents, type ProjectEvent } from "./events.ts";
import { watchDirectories } from "./watching.ts";

export interface EventFollowing {
  /** False: only what is there. */
  readonly follow: boolean;
  /** Nothing more is read before it is through. */
  readonly print: (events: readonly ProjectEvent[]) => Promise<void> | void;
  /** Ends it. */
  readonly signal?: AbortSignal;
}

/** Gives out the events of the projects that there are, asked for anew each time; followed, for ever: those that come are too. */
export async function giveEvents(
  projects: () => readonly ProjectPlaces[],
  { follow, print, signal }: EventFollowing,
): Promise<void> {
  const readers = new Map<string, EventReader>();
  const bell = createBell();
  const watching = watchDirectories(bell.ring);
  signal?.addEventListener("abort", bell.ring, { once: true });
  try {
    while (signal?.aborted !== true) {
      if (follow) watchAll(watching.add, projects());
      await print(nextOf(projects(), readers));
      if (!follow) return;
      await bell.wait();
    }
  } finally {
    watching.close();
    for (const reader of readers.values()) reader[Symbol.dispose]();
  }
}

function watchAll(
  add: (directory: string) => boolean,
  projects: readonly ProjectPlaces[],
): void {
  const state = ownStateDirectory();
  // Where nothing was ever recorded, its coming is seen in the directory above.
  if (!add(state)) add(state.slice(0, state.lastIndexOf("/")));
  for (const places of projects) add(places.directory);
}

/** What came in all projects, also in those that are gone since. */
function nextOf(
  projects: readonly ProjectPlaces[],
  readers: Map<string, EventReader>,
): readonly ProjectEvent[] {
  for (const places of projects) {
    if (!readers.has(places.key)) readers.set(places.key, openEvents(places));
  }
  const events = [...readers.values()].flatMap((reader) => reader.next());
  const there = new Set(projects.map(({ key }) => key));
  for (const [key, reader] of readers) {
    if (there.has(key)) continue;
    reader[Symbol.dispose]();
    readers.delete(key);
  }
  return events.sort((a, b) => a.at - b.at);
}
