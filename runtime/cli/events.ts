/** `containerv events`: what happened to containers, as lines of JSON or of text. */
import { SyscallError } from "../../ffi/linux/error.ts";
import { writePatiently } from "../../ffi/linux/write_patiently.ts";
import { createBell } from "../lifecycle/bell.ts";
import { type EventReader, openEvents, type ProjectEvent } from "../lifecycle/events.ts";
import { watchDirectories } from "../lifecycle/watching.ts";
import type { ProjectPlaces } from "../state/places.ts";
import { ownStateDirectory } from "../state/project.ts";
import type { Arguments } from "./arguments.ts";
import { meantFile, projectsOf } from "./project.ts";
import { timeOption } from "./time.ts";

export async function command(given: Arguments): Promise<number> {
  const { options, operands } = given;
  const file = meantFile(given);
  const since = Number((timeOption(options, "--since") ?? 0n) / 1_000_000n);
  const form = options["--text"] === true ? asText : asJson;
  const names = new Set(operands);
  const print = (events: readonly ProjectEvent[]): void => {
    const meant = events.filter(({ at, container }) =>
      at >= since && (names.size === 0 || names.has(container))
    );
    const text = meant.map((event) => `${form(event)}\n`).join("");
    if (text !== "") writePatiently(1, new TextEncoder().encode(text));
  };
  const readers = new Map<string, EventReader>();
  try {
    const next = (): readonly ProjectEvent[] => nextOf(projectsOf(file), readers);
    if (options["--follow"] === true) await followAll(file, next, print);
    else print(next());
  } catch (error) {
    // A reader that is gone ends the output, not the program.
    if (!(error instanceof SyscallError)) throw error;
  } finally {
    for (const reader of readers.values()) reader[Symbol.dispose]();
  }
  return 0;
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

/** For ever; projects that come are followed too. */
async function followAll(
  file: string | undefined,
  next: () => readonly ProjectEvent[],
  print: (events: readonly ProjectEvent[]) => void,
): Promise<never> {
  const bell = createBell();
  const watching = watchDirectories(bell.ring);
  for (;;) {
    const state = ownStateDirectory();
    // Where nothing was ever recorded, its coming is seen in the directory above.
    if (!watching.add(state)) watching.add(state.slice(0, state.lastIndexOf("/")));
    for (const places of projectsOf(file)) watching.add(places.directory);
    print(next());
    await bell.wait();
  }
}

const timeOf = (at: number): string => new Date(at).toISOString();

function asJson({ at, ...event }: ProjectEvent): string {
  return JSON.stringify({ time: timeOf(at), ...event });
}

function asText({ at, project, container, type, ...more }: ProjectEvent): string {
  const words = Object.entries(more).map(([name, value]) => `${name}=${value}`);
  return [timeOf(at), `${project}/${container}`, type, ...words].join("  ");
}
