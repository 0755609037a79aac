/**
 * What happened to the containers of projects: the lines that those who acted have noted, and between them the endings that the
 * keepers noted. Read as it grows, over rotations and to the very end of a project.
 */
import { O_CLOEXEC, O_NOFOLLOW, O_RDONLY } from "../../ffi/abi/fcntl.ts";
import { openat } from "../../ffi/calls/open.ts";
import { Fd } from "../../ffi/linux/fd.ts";
import { fileIdentity, readBytes, readFrom } from "../../ffi/linux/file.ts";
import { oomKills } from "../observe/oom.ts";
import { decodeEndings, ENDING_BYTES, type NotedEnding } from "../state/endings.ts";
import { type ContainerEvent, decodeEvents, oldEvents } from "../state/events.ts";
import { joinBytes } from "../../ffi/memory/bytes.ts";
import type { ProjectPlaces } from "../state/places.ts";
import { type ContainerRecord, groupsOf, isBroken } from "../state/record.ts";
import { listContainers, readContainer } from "../state/project.ts";

/** An event, and whose container it is about. */
export interface ProjectEvent extends ContainerEvent {
  /** Key of the project: `shop-3f2a91c04d7e`. */
  readonly project: string;
}

export interface EventReader {
  /** Events that came since the last call, by time; at first all that are kept. */
  readonly next: () => readonly ProjectEvent[];
  readonly [Symbol.dispose]: () => void;
}

/** Reads the events of a project. */
export function openEvents(places: ProjectPlaces): EventReader {
  const noted = openTail(places.events, () => readBytes(oldEvents(places)) ?? new Uint8Array());
  const endings = openTail(places.endings);
  /** Which container a process is the first of, by what was noted of its start. */
  const names = new Map<number, string>();
  const said = new Set<number>();
  const decoder = new TextDecoder();
  return {
    next() {
      const ended = decodeEndings(endings.next((length) => length - length % ENDING_BYTES));
      const bytes = noted.next((length, all) => all.lastIndexOf(NEWLINE, length - 1) + 1);
      const events = decodeEvents(decoder.decode(bytes));
      for (const { type, pid, container } of events) {
        if (type === "started" && pid !== undefined) names.set(pid, container);
        if (type === "oom" && pid !== undefined) said.add(pid);
      }
      const exits = ended.flatMap((one) => exitEvents(places, one, { names, said }));
      return [...events, ...exits]
        .map((event) => ({ project: places.key, ...event }))
        .sort((a, b) => a.at - b.at);
    },
    [Symbol.dispose]() {
      noted.close();
      endings.close();
    },
  };
}

const NEWLINE = 10;

interface Known {
  readonly names: ReadonlyMap<number, string>;
  /** Processes whose end by want of memory was noted. */
  readonly said: ReadonlySet<number>;
}

/** Endings of what was no container's first process are nobody's business. */
function exitEvents(
  places: ProjectPlaces,
  { pid, ending }: NotedEnding,
  { names, said }: Known,
): readonly ContainerEvent[] {
  const record = names.has(pid) ? undefined : recordOf(places, pid);
  const container = names.get(pid) ?? record?.name;
  if (container === undefined) return [];
  const { at, status } = ending;
  const exited = { at, type: "exited", container, pid, status } as const;
  const known = record ?? recordOf(places, pid);
  const isOom = status !== 0 && !said.has(pid) && known !== undefined &&
    oomKills(groupsOf(known)) > 0;
  return isOom ? [{ at, type: "oom", container, pid }, exited] : [exited];
}

function recordOf(places: ProjectPlaces, pid: number): ContainerRecord | undefined {
  for (const name of listContainers(places)) {
    const record = readContainer(places, name);
    if (record !== undefined && !isBroken(record) && record.process?.pid === pid) return record;
  }
  return undefined;
}

interface Tail {
  /** What came since; `whole` says how much of what is there is. */
  readonly next: (whole: (length: number, all: Uint8Array) => number) => Uint8Array;
  readonly close: () => void;
}

/** A file that grows and is kept open: what is written before it is removed is read afterwards too. */
function openTail(path: string, before?: () => Uint8Array): Tail {
  let open: { readonly fd: Fd; readonly identity: string } | undefined;
  let position = 0;
  let first = true;
  const take = (whole: (length: number, all: Uint8Array) => number): Uint8Array => {
    if (open === undefined) return new Uint8Array();
    const bytes = readFrom(open.fd.number, position);
    const end = whole(bytes.length, bytes);
    position += end;
    return bytes.subarray(0, end);
  };
  return {
    next(whole) {
      const parts: Uint8Array[] = first && before !== undefined ? [before()] : [];
      first = false;
      parts.push(take(whole));
      const fd = openIfThere(path);
      const identity = fd === undefined ? "" : fileIdentity(fd.number) ?? "";
      if (fd !== undefined && identity !== open?.identity) {
        open?.fd[Symbol.dispose]();
        open = { fd, identity };
        position = 0;
        parts.push(take(whole));
      } else fd?.[Symbol.dispose]();
      return joinBytes(parts);
    },
    close: () => open?.fd[Symbol.dispose](),
  };
}

/** `undefined`: nothing was noted yet. Throws SyscallError. */
function openIfThere(pathname: string): Fd | undefined {
  return Fd.openIfThere(openat({ pathname, flags: O_RDONLY | O_NOFOLLOW | O_CLOEXEC }));
}
