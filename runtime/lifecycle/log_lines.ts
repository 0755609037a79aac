/** What the processes of a container wrote, as lines: kept in memory, the oldest thrown away when there are too many. */

/** One line that a process of the container wrote. */
export interface LogLine {
  readonly stream: "stdout" | "stderr";
  /** Without its newline, decoded as UTF-8. */
  readonly text: string;
  /** When its end was read. */
  readonly time: Date;
}

export interface LogLines {
  /** Takes what one process wrote to one of its streams; its rest at the end of it: `end`. */
  readonly writer: (stream: LogLine["stream"]) => LogWriter;
  /** The lines so far, oldest first. */
  readonly lines: () => readonly LogLine[];
}

export interface LogWriter {
  readonly write: (chunk: Uint8Array) => void;
  readonly end: () => void;
}

/** How many characters are kept of all lines. */
const KEPT_MAX = 1 << 20;
/** A line that is longer is cut into several. */
const LINE_MAX = 1 << 14;

/** An empty log. */
export function createLogLines(): LogLines {
  let kept: LogLine[] = [];
  let length = 0;
  const add = (stream: LogLine["stream"], text: string): void => {
    kept.push({ stream, text, time: new Date() });
    length += text.length;
    if (length <= KEPT_MAX) return;
    // Half is dropped at once: a line at a time would move the whole list each time.
    const half = kept.length >> 1;
    for (const line of kept.slice(0, half)) length -= line.text.length;
    kept = kept.slice(half);
  };
  return {
    lines: () => [...kept],
    writer(stream) {
      const decoder = new TextDecoder();
      let rest = "";
      const take = (text: string): void => {
        const lines = (rest + text).split("\n");
        rest = lines.pop() ?? "";
        for (const line of lines) add(stream, line);
        for (; rest.length > LINE_MAX; rest = rest.slice(LINE_MAX)) {
          add(stream, rest.slice(0, LINE_MAX));
        }
      };
      return {
        write: (chunk) => take(decoder.decode(chunk, { stream: true })),
        end() {
          take(decoder.decode());
          if (rest !== "") add(stream, rest);
          rest = "";
        },
      };
    },
  };
}
