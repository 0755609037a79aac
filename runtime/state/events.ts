/**
 * What happened to a project's containers: lines of JSON that those who act append to one file. There is no daemon: how a container
 * ended is noted by its keeper in the file of endings, and is put in between by who reads (runtime/lifecycle/events.ts).
 */
import { O_APPEND, O_CLOEXEC, O_CREAT, O_NOFOLLOW, O_WRONLY } from "../../ffi/abi/fcntl.ts";
import { write } from "../../ffi/calls/io.ts";
import { close, openat } from "../../ffi/calls/open.ts";
import { renameat2 } from "../../ffi/calls/path.ts";
import { fileSize } from "../../ffi/linux/file.ts";
import { callSync } from "../../ffi/linux/run.ts";
import type { ProjectPlaces } from "./places.ts";

/**
 * `stopping`: its end was asked for. `completed`, `failed`: it has ended, and its supervisor does not start it again. `oom`: it was
 * killed because its memory was used up.
 */
export type EventType =
  | "created"
  | "started"
  | "healthy"
  | "unhealthy"
  | "paused"
  | "resumed"
  | "stopping"
  | "exited"
  | "oom"
  | "restarted"
  | "completed"
  | "failed"
  | "renamed"
  | "removed";

/** One line. */
export interface ContainerEvent {
  /** Milliseconds since 1970. */
  readonly at: number;
  readonly type: EventType;
  readonly container: string;
  /** Of its first process, when it was started. */
  readonly pid?: number;
  /** Exit status; 128 + n when signal n ended it. */
  readonly status?: number;
  /** How often it was started again. */
  readonly restarts?: number;
  /** Its name before. */
  readonly from?: string;
}

/** A longer file becomes an old one, and the old one goes. */
const FILE_BYTES_MAX = 1 << 20;

const encoder = new TextEncoder();

/** Appends a line by one write(2), so that lines never mix. One that can't be written costs `events` a line, no container anything. */
export function noteEvent(places: ProjectPlaces, event: Omit<ContainerEvent, "at">): void {
  const flags = O_WRONLY | O_APPEND | O_CREAT | O_NOFOLLOW | O_CLOEXEC;
  const fd = Number(callSync(openat({ pathname: places.events, flags, mode: 0o600 })));
  if (fd < 0) return;
  const line = `${JSON.stringify({ at: Date.now(), ...event })}\n`;
  callSync(write({ fd, buf: encoder.encode(line) }));
  callSync(close({ fd }));
}

/** Name of the file before this one. */
export const oldEvents = ({ events }: ProjectPlaces): string => `${events}.1`;

/** Begins a new file when this one is long; the caller holds the project's lock. */
export function turnEvents(places: ProjectPlaces): void {
  if ((fileSize(places.events) ?? 0) < FILE_BYTES_MAX) return;
  callSync(renameat2({ oldpath: places.events, newpath: oldEvents(places) }));
}

/** Events of whole lines. What is no event (half a line on a full disk) is passed over. */
export function decodeEvents(text: string): readonly ContainerEvent[] {
  return text.split("\n").flatMap((line): ContainerEvent[] => {
    try {
      const value = JSON.parse(line) as Partial<ContainerEvent> | null;
      const whole = typeof value?.at === "number" && typeof value.type === "string" &&
        typeof value.container === "string";
      return whole ? [value as ContainerEvent] : [];
    } catch {
      return [];
    }
  });
}
