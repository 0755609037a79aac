/** The output of detached containers: frames → lines, several containers in the order of time. */
import { joinBytes } from "../../ffi/memory/bytes.ts";
import { type Frame, type LogReader, openLog } from "../state/frames.ts";
import type { ContainerView } from "./containers.ts";

/** A line that a container wrote. */
export interface LogLine {
  readonly container: string;
  /** When its last piece came: nanoseconds since 1970. */
  readonly timeNs: bigint;
  readonly stream: "stdout" | "stderr";
  /** Without its newline. */
  readonly bytes: Uint8Array;
  /** False: what stands here is only the beginning of a line. */
  readonly whole: boolean;
  /** Bytes before it that were lost because the disk was full. */
  readonly lostBytes: number;
}

const NEWLINE = 10;

export interface NextOptions {
  /** Also the beginnings of lines: of all containers, or of those of these names. */
  readonly rest?: boolean | ReadonlySet<string>;
  /** False: nothing has come to this log, it is not looked at. Default: all are. */
  readonly hasMore?: (logs: string, name: string) => boolean;
}

/** The logs of several containers, read together. */
export interface Logs {
  /** Reads these too; those that it knows stay as they are. True: there were others among them. */
  readonly add: (views: readonly ContainerView[]) => boolean;
  /** Lines that came since the last call, by time. */
  readonly next: (options?: NextOptions) => readonly LogLine[];
}

/** A beginning of a line that is as long is given out: a reader must not hold a whole flood. */
const LINE_BYTES_MAX = 1 << 18;

interface Beginning {
  readonly parts: readonly Uint8Array[];
  readonly bytes: number;
  readonly timeNs: bigint;
  /** Lost before or in it. */
  readonly lostBytes: number;
}

interface Stream {
  readonly container: string;
  /** Directory and name of its log. */
  readonly logs: string;
  readonly log: string;
  readonly reader: LogReader;
  readonly open: Map<Frame["stream"], Beginning>;
}

const NOTHING: Beginning = { parts: [], bytes: 0, timeNs: 0n, lostBytes: 0 };

/** Opens the logs of these containers; those that are broken have none. */
export function openLogs(views: readonly ContainerView[]): Logs {
  const streams = new Map<string, Stream>();
  const add: Logs["add"] = (more) => {
    const before = streams.size;
    for (const { name, id, record, project: { logs } } of more) {
      if (record === undefined || streams.has(id)) continue;
      const reader = openLog(logs, record.log);
      streams.set(id, { container: name, logs, log: record.log, reader, open: new Map() });
    }
    return streams.size > before;
  };
  add(views);
  return {
    add,
    next: ({ rest = false, hasMore = () => true } = {}) => {
      const lines = [...streams.values()].flatMap((stream) => [
        ...(hasMore(stream.logs, stream.log) ? stream.reader.next() : [])
          .flatMap((frame) => linesOf(stream, frame)),
        ...(rest === true || (rest !== false && rest.has(stream.container)) ? restOf(stream) : []),
      ]);
      return lines.sort((a, b) => a.timeNs < b.timeNs ? -1 : a.timeNs > b.timeNs ? 1 : 0);
    },
  };
}

function linesOf(of: Stream, { bytes, timeNs, stream, ...frame }: Frame): LogLine[] {
  const lines: LogLine[] = [];
  const common = { container: of.container, timeNs, stream };
  let { lostBytes } = frame;
  const give = (parts: readonly Uint8Array[], whole: boolean): void => {
    const before = of.open.get(stream)?.lostBytes ?? 0;
    lines.push({ ...common, whole, lostBytes: before + lostBytes, bytes: joinBytes(parts) });
    of.open.delete(stream);
    lostBytes = 0;
  };
  if (bytes.length === 0) give(of.open.get(stream)?.parts ?? [], false);
  for (let at = 0; at < bytes.length;) {
    const end = bytes.indexOf(NEWLINE, at);
    const piece = bytes.subarray(at, end < 0 ? bytes.length : end);
    const before = of.open.get(stream) ?? NOTHING;
    const parts = [...before.parts, piece];
    if (end >= 0) give(parts, true);
    else if (before.bytes + piece.length >= LINE_BYTES_MAX) give(parts, false);
    else {
      const bytes = before.bytes + piece.length;
      of.open.set(stream, { parts, bytes, timeNs, lostBytes: before.lostBytes + lostBytes });
      lostBytes = 0;
    }
    at = end < 0 ? bytes.length : end + 1;
  }
  return lines;
}

/** What was written without a newline so far. */
function restOf({ container, open }: Stream): LogLine[] {
  const lines = [...open].map(([stream, { parts, timeNs, lostBytes }]): LogLine => ({
    container,
    timeNs,
    stream,
    bytes: joinBytes(parts),
    whole: false,
    lostBytes,
  }));
  open.clear();
  return lines;
}
