/** Standard streams of a container that the library runs: inherited, thrown away, given, or captured through a pipe. */
import { O_CLOEXEC, O_RDWR } from "../../ffi/abi/fcntl.ts";
import { close, openat } from "../../ffi/calls/open.ts";
import { memoryFile } from "../../ffi/linux/memory_file.ts";
import { openPipe } from "../../ffi/linux/pair.ts";
import { pipeSink } from "../../ffi/linux/pipe_sink.ts";
import { pipeStream } from "../../ffi/linux/pipe_stream.ts";
import { callSync, check } from "../../ffi/linux/run.ts";
import type { LogLines } from "./log_lines.ts";
import type { Stdio } from "../apply/stage.ts";

/** Where output goes: to this program, to this program's own stream, nowhere, or to a descriptor. */
export type OutputOption = "capture" | "inherit" | "ignore" | number;

export type InputOption =
  | string
  | Uint8Array
  | "inherit"
  | "ignore"
  | "pipe"
  | number
  | { readonly text: string };

/** Where the standard streams of a container come from and go to. */
export interface StdioOptions {
  /**
   * Its standard input: text or bytes, a descriptor, this program's own (`inherit`), or a pipe that the handle's `stdin` writes
   * to (`pipe`; only where there is a handle). Text that is one of these words is given as `{text}`. Default: what the spec says,
   * which is nothing.
   */
  readonly stdin?: InputOption;
  readonly stdout?: OutputOption;
  readonly stderr?: OutputOption;
}

/** The reading end of a pipe that the container writes to. Read once: as text or as a stream. */
export interface Capture {
  readonly text: () => Promise<string>;
  readonly stream: () => ReadableStream<Uint8Array>;
}

export interface OpenStdio {
  readonly fds: Stdio;
  /** The writing end of its input; absent unless that is a pipe. */
  readonly stdin: WritableStream<Uint8Array> | undefined;
  readonly stdout: Capture | undefined;
  readonly stderr: Capture | undefined;
  /** The container has its copies: ours are closed, so that the end of its output is seen. */
  readonly handOver: () => void;
  /** Closes all that is still open. */
  readonly close: () => void;
}

/** Throws SyscallError; then nothing is left open. */
export function openStdio(
  options: StdioOptions,
  output: OutputOption,
  log?: LogLines,
): OpenStdio {
  const ours = new Set<number>();
  const theirs = new Set<number>();
  const closeAll = (fds: Set<number>): void => {
    for (const fd of fds) callSync(close({ fd }));
    fds.clear();
  };
  try {
    const [input, stdin] = openInput(options.stdin ?? "ignore", { ours, theirs });
    const outputs = { ours, theirs, ...(log === undefined ? {} : { log }) };
    const [out, stdout] = openOutput(options.stdout ?? output, { own: 1, ...outputs });
    const [err, stderr] = openOutput(options.stderr ?? output, { own: 2, ...outputs });
    return {
      fds: [input, out, err],
      stdin,
      stdout,
      stderr,
      handOver: () => closeAll(theirs),
      close: () => {
        closeAll(theirs);
        closeAll(ours);
      },
    };
  } catch (error) {
    closeAll(theirs);
    closeAll(ours);
    throw error;
  }
}

function openNull(theirs: Set<number>): number {
  const fd = check(openat({ pathname: "/dev/null", flags: O_RDWR | O_CLOEXEC }));
  theirs.add(fd);
  return fd;
}

function openInput(
  input: InputOption,
  { ours, theirs }: { readonly ours: Set<number>; readonly theirs: Set<number> },
): readonly [number, WritableStream<Uint8Array> | undefined] {
  if (typeof input === "number") return [input, undefined];
  if (input === "inherit") return [0, undefined];
  if (input === "ignore") return [openNull(theirs), undefined];
  if (input !== "pipe") return [openText(input, theirs), undefined];
  const [reading, writing] = openPipe();
  theirs.add(reading);
  ours.add(writing);
  return [reading, pipeSink(writing, () => ours.delete(writing))];
}

function openText(
  input: string | Uint8Array | { readonly text: string },
  theirs: Set<number>,
): number {
  const text = typeof input === "object" && "text" in input ? input.text : input;
  const bytes = typeof text === "string" ? new TextEncoder().encode(text) : text;
  // A file in memory: whatever its length, nobody has to feed it.
  const fd = memoryFile("stdin", bytes);
  theirs.add(fd);
  return fd;
}

function openOutput(
  output: OutputOption,
  on: {
    readonly own: number;
    readonly ours: Set<number>;
    readonly theirs: Set<number>;
    readonly log?: LogLines;
  },
): readonly [number, Capture | undefined] {
  if (typeof output === "number") return [output, undefined];
  if (output === "inherit") return [on.own, undefined];
  if (output === "ignore") return [openNull(on.theirs), undefined];
  const [reading, writing] = openPipe();
  on.ours.add(reading);
  on.theirs.add(writing);
  const lines = on.log?.writer(on.own === 1 ? "stdout" : "stderr");
  const stream = (): ReadableStream<Uint8Array> =>
    pipeStream(reading, {
      isOpen: () => on.ours.has(reading),
      closed: () => on.ours.delete(reading),
      ...(lines === undefined ? {} : { seen: lines.write, ended: lines.end }),
    });
  return [writing, { stream, text: () => new Response(stream()).text() }];
}
