/** Standard streams of a container that the library runs: inherited, thrown away, given, or captured through a pipe. */
import { O_CLOEXEC, O_RDWR } from "../../ffi/abi/fcntl.ts";
import { close, openat } from "../../ffi/calls/open.ts";
import { memoryFile } from "../../ffi/linux/memory_file.ts";
import { openPipe } from "../../ffi/linux/pair.ts";
import { pipeStream } from "../../ffi/linux/pipe_stream.ts";
import { callSync, check } from "../../ffi/linux/run.ts";
import type { Stdio } from "../apply/stage.ts";

/** Where output goes: to this program, to this program's own stream, nowhere, or to a descriptor. */
export type OutputOption = "capture" | "inherit" | "ignore" | number;

/** Where the standard streams of a container come from and go to. */
export interface StdioOptions {
  /** Text or bytes for its standard input, a descriptor, or this program's own. Default: nothing. */
  readonly stdin?: string | Uint8Array | "inherit" | "ignore" | number | { readonly text: string };
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
  readonly stdout: Capture | undefined;
  readonly stderr: Capture | undefined;
  /** The container has its copies: ours are closed, so that the end of its output is seen. */
  readonly handOver: () => void;
  /** Closes all that is still open. */
  readonly close: () => void;
}

/** Throws SyscallError; then nothing is left open. */
export function openStdio(options: StdioOptions, output: OutputOption): OpenStdio {
  const ours = new Set<number>();
  const theirs = new Set<number>();
  const closeAll = (fds: Set<number>): void => {
    for (const fd of fds) callSync(close({ fd }));
    fds.clear();
  };
  try {
    const stdin = openInput(options.stdin ?? "ignore", theirs);
    const [out, stdout] = openOutput(options.stdout ?? output, { own: 1, ours, theirs });
    const [err, stderr] = openOutput(options.stderr ?? output, { own: 2, ours, theirs });
    return {
      fds: [stdin, out, err],
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

function openInput(input: NonNullable<StdioOptions["stdin"]>, theirs: Set<number>): number {
  if (typeof input === "number") return input;
  if (input === "inherit") return 0;
  if (input === "ignore") return openNull(theirs);
  const text = typeof input === "object" && "text" in input ? input.text : input;
  const bytes = typeof text === "string" ? new TextEncoder().encode(text) : text;
  // A file in memory: whatever its length, nobody has to feed it.
  const fd = memoryFile("stdin", bytes);
  theirs.add(fd);
  return fd;
}

function openOutput(
  output: OutputOption,
  on: { readonly own: number; readonly ours: Set<number>; readonly theirs: Set<number> },
): readonly [number, Capture | undefined] {
  if (typeof output === "number") return [output, undefined];
  if (output === "inherit") return [on.own, undefined];
  if (output === "ignore") return [openNull(on.theirs), undefined];
  const [reading, writing] = openPipe();
  on.ours.add(reading);
  on.theirs.add(writing);
  const stream = (): ReadableStream<Uint8Array> => {
    on.ours.delete(reading);
    return pipeStream(reading);
  };
  return [writing, { stream, text: () => new Response(stream()).text() }];
}
