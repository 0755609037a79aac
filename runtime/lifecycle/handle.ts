/** A container that this program started: its handle. It dies with the program, and its handle keeps none from ending. */
import { SIGKILL, SIGNALS } from "../../ffi/abi/signal.ts";
import { keepAliveUntil } from "../../ffi/linux/children.ts";
import type { DesiredContainer } from "../../spec/model/desired.ts";
import type { Usage } from "../observe/usage.ts";
import { ContainervError } from "../plan/error.ts";
import type { CommandOptions, CommandPlace, ExecOptions, Process } from "./commands.ts";
import type { ExecTarget } from "./exec.ts";
import type { Frozen } from "../state/record.ts";
import type { Exit, Output } from "./exits.ts";
import type { LogLine, LogLines } from "./log_lines.ts";
import { identify } from "../state/identity.ts";
import { type Started, stop as stopStarted } from "./start.ts";
import type { OpenStdio } from "./stdio.ts";
import type { CopyResult } from "./transfer.ts";

/** A container that runs. */
export interface Container {
  /** Unique on this machine while it runs. */
  readonly name: string;
  /** Resolves with its end. */
  readonly exited: Promise<Exit>;
  /** What its own commands write, as it comes; absent unless captured. */
  readonly stdout: ReadableStream<Uint8Array> | undefined;
  readonly stderr: ReadableStream<Uint8Array> | undefined;
  /** Writes to its input; absent unless `stdin: "pipe"`. */
  readonly stdin: WritableStream<Uint8Array> | undefined;
  /** Runs a command in it to its end. A list is a program with its arguments, a text is for `/bin/sh -ec`. */
  readonly exec: (argv: readonly string[] | string, options?: ExecOptions) => Promise<Output>;
  /** Starts a command in it. */
  readonly spawn: (
    argv: readonly string[] | string,
    options?: CommandOptions,
  ) => Promise<Process>;
  /** Copies a file or a directory of the host, or bytes, to a path in the container. */
  readonly upload: (from: string | Uint8Array, to: string) => Promise<CopyResult>;
  /** Copies a file or a directory of the container to a path of the host. */
  readonly download: (from: string, to: string) => Promise<CopyResult>;
  /** The lines that were captured so far, of its own commands and of those run in it. */
  readonly logs: () => AsyncIterable<LogLine>;
  /** What it uses now. */
  readonly stats: () => Promise<Usage>;
  /** The host's port that leads to a port of the container. Throws `NO_SUCH_PORT`: there are no networks yet. */
  readonly port: (port: number) => number;
  /** Sends a signal, as `SIGHUP`, to its first process. */
  readonly kill: (signal: keyof typeof SIGNALS) => void;
  /** The same as `kill`. */
  readonly signal: (signal: keyof typeof SIGNALS) => void;
  /** Stops every process of it, by the kernel's freezer, until `resume`. Throws `NO_GROUP` when it has no cgroup. */
  readonly pause: () => Promise<void>;
  readonly resume: () => Promise<void>;
  /** The same as `exited`. */
  readonly wait: () => Promise<Exit>;
  /** Its stop signal, and after its grace time SIGKILL. */
  readonly stop: () => Promise<Exit>;
  /** Ends it at once; resolves when everything of it is taken back. */
  readonly destroy: () => Promise<void>;
  /** The same as `destroy`. */
  readonly [Symbol.asyncDispose]: () => Promise<void>;
}

export interface HandleParts {
  readonly name: string;
  readonly container: DesiredContainer;
  readonly started: Started;
  readonly exited: Promise<Exit>;
  readonly stdio: OpenStdio;
  readonly log: LogLines;
}

/** The handle of a container whose first command was executed. */
export function createHandle(parts: HandleParts): Container {
  const { name, started, exited, stdio, log } = parts;
  const place: CommandPlace = { log, target: targetOf(parts) };
  const signal = (wanted: keyof typeof SIGNALS): void => started.signal(SIGNALS[wanted]);
  const wait = (): Promise<Exit> => keepAliveUntil(exited);
  let frozen: Frozen | undefined;
  const pause = async (): Promise<void> => {
    const target = await place.target();
    if (frozen !== undefined) return;
    await (await import("./pause.ts")).pause(target, (made) => frozen = made);
  };
  const resume = async (): Promise<void> => {
    const was = frozen;
    frozen = undefined;
    if (was !== undefined) await (await import("./pause.ts")).resume(was);
  };
  const stop = async (): Promise<Exit> => {
    await resume();
    await keepAliveUntil(stopStarted(started));
    return await exited;
  };
  const destroy = async (): Promise<void> => {
    started.signal(SIGKILL);
    await resume();
    await keepAliveUntil(started.ended);
    stdio.close();
  };
  return {
    name,
    get exited() {
      return wait();
    },
    stdout: stdio.stdout?.stream(),
    stderr: stdio.stderr?.stream(),
    stdin: stdio.stdin,
    exec: async (argv, options) => (await import("./commands.ts")).execIn(place, argv, options),
    spawn: async (argv, options) => (await import("./commands.ts")).spawnIn(place, argv, options),
    upload: async (from, to) =>
      (await import("./transfer.ts")).upload(await place.target(), from, to),
    download: async (from, to) =>
      (await import("./transfer.ts")).download(await place.target(), from, to),
    logs: () => linesOf(log),
    stats: async () => (await import("../observe/usage.ts")).observeUsage(await place.target()),
    port: (port) => refusePort(name, port),
    kill: signal,
    signal,
    pause,
    resume,
    wait,
    stop,
    destroy,
    [Symbol.asyncDispose]: destroy,
  };
}

/** Its first process is told apart from all others the first time that somebody wants to join it. */
export function targetOf(
  { name, container, started, exited }: HandleParts,
): () => Promise<ExecTarget> {
  let known: ExecTarget | undefined;
  let ended = false;
  const end = (): void => {
    ended = true;
  };
  exited.then(end, end);
  return async () => {
    const { notRunning } = await import("./exec.ts");
    if (ended) throw notRunning(name);
    if (known !== undefined) return known;
    for (let pid = started.firstPid();; pid = started.firstPid()) {
      const process = pid === undefined ? undefined : identify(pid);
      if (process !== undefined) return known = { ...process, name, container };
      if (ended || pid !== undefined) throw notRunning(name);
      // The stage reports it right after the clone.
      await new Promise((resolve) => setTimeout(resolve, 1));
    }
  };
}

async function* linesOf(log: LogLines): AsyncGenerator<LogLine> {
  // What has just been read is in the list already; nothing is waited for.
  await Promise.resolve();
  yield* log.lines();
}

function refusePort(name: string, port: number): never {
  throw new ContainervError({
    code: "NO_SUCH_PORT",
    message: `the container ${name} publishes no port ${port}: there are no networks yet`,
    fix: "run what talks to it inside, by exec()",
  });
}
