/** Joining a detached container: what it writes, by its log, and what is typed for it, by its pipe. */
import { O_CLOEXEC, O_NONBLOCK, O_WRONLY } from "../../ffi/abi/fcntl.ts";
import { write } from "../../ffi/calls/io.ts";
import { close, openat } from "../../ffi/calls/open.ts";
import { pipeSink } from "../../ffi/linux/pipe_sink.ts";
import { callSync } from "../../ffi/linux/run.ts";
import { controlMessage, RESIZE, type TerminalSize } from "../plan/report.ts";
import { type Frame, openLog } from "../state/frames.ts";
import { createBell } from "./bell.ts";
import { type ContainerView, desiredOf } from "./containers.ts";
import { awaitDrained } from "./follow.ts";
import { notRunning } from "./target.ts";
import { again, awaitEnding } from "./verbs.ts";
import { watchDirectories } from "./watching.ts";

/** A container that was joined. */
export interface Attached {
  /** It has a terminal. */
  readonly terminal: boolean;
  /** What is written to it the container reads; absent where it was started without `stdin` or `tty`. */
  readonly input: WritableStream<Uint8Array> | undefined;
  /** Says how large its terminal is. */
  readonly resize: (size: TerminalSize) => void;
  /** Resolves with its status when it has ended and all that it wrote was given, with `undefined` when it was left. */
  readonly ended: Promise<number | undefined>;
  readonly leave: () => void;
}

const NEWLINE = 10;

/** Joins a container that runs; `show` gets what it writes from now on. Throws ContainervError. */
export function attach(
  view: ContainerView,
  show: (stream: Frame["stream"], bytes: Uint8Array) => void,
): Attached {
  const { project, places, record } = view;
  if (view.state !== "running" || record === undefined) throw notRunning(view.name);
  const { tty, stdin } = desiredOf(view);
  const log = openLog(project.logs, record.log);
  const bell = createBell();
  const watching = watchDirectories(() => bell.ring());
  for (const directory of [project.directory, project.logs]) watching.add(directory);
  const before = log.next();
  let left = false;
  const follow = async (): Promise<number | undefined> => {
    // The caller's terminal is made ready first.
    await Promise.resolve();
    try {
      showUnfinished(before, show);
      while (!left) {
        const now = again(view);
        const runs = now.state === "running";
        if (!runs) await awaitDrained([now]);
        for (const { stream, bytes } of log.next()) show(stream, bytes);
        if (!runs) return (await awaitEnding(now)).status;
        await bell.wait();
      }
      return undefined;
    } finally {
      watching.close();
    }
  };
  const inputFd = stdin ? openPipe(places.input) : undefined;
  return {
    terminal: tty,
    input: inputFd === undefined ? undefined : pipeSink(inputFd, () => {}),
    resize: (size) => {
      if (tty) tell(places.control, controlMessage(RESIZE, size));
    },
    ended: follow(),
    leave: () => {
      left = true;
      bell.ring();
    },
  };
}

/** A prompt stands at the end of what was written, without a newline. */
function showUnfinished(
  frames: readonly Frame[],
  show: (stream: Frame["stream"], bytes: Uint8Array) => void,
): void {
  const last = frames.findLast(({ bytes }) => bytes.length > 0);
  if (last === undefined) return;
  show(last.stream, last.bytes.subarray(last.bytes.lastIndexOf(NEWLINE) + 1));
}

/** `undefined`: nobody reads it. */
function openPipe(pathname: string): number | undefined {
  const fd = Number(callSync(openat({ pathname, flags: O_WRONLY | O_NONBLOCK | O_CLOEXEC })));
  return fd < 0 ? undefined : fd;
}

/** A container that has ended is told nothing. */
function tell(pathname: string, message: Uint8Array): void {
  const fd = openPipe(pathname);
  if (fd === undefined) return;
  callSync(write({ fd, buf: message }));
  callSync(close({ fd }));
}
