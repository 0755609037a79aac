/** `exec` and `spawn` of a container's handle: commands in a container that runs. */
import { SIGKILL, SIGNALS } from "../../ffi/abi/signal.ts";
import { keepAliveUntil } from "../../ffi/linux/children.ts";
import type { DesiredCommand } from "../../spec/model/desired.ts";
import type { CommandMap } from "../../spec/model/spec_type.ts";
import { factsOf } from "../apply/facts.ts";
import { ContainervError } from "../plan/error.ts";
import type { TerminalSize } from "../plan/report.ts";
import { type ExecTarget, startExec } from "./exec.ts";
import { endOnAbort, type Exit, exitOf, type Output, textOf } from "./exits.ts";
import type { LogLines } from "./log_lines.ts";
import { type OpenStdio, openStdio, type OutputOption, type StdioOptions } from "./stdio.ts";
import type { Started } from "./start.ts";

/** What a command in a container takes besides its words; the container's own where it is not said. */
export interface CommandOptions extends StdioOptions, Pick<CommandMap, "user" | "workdir"> {
  /**
   * A terminal of its own, of this size: what it writes comes on `stdout` alone, and keys such as `^C` go in by `stdin`. Columns and rows
   * are 1 to 65535.
   */
  readonly tty?: TerminalSize;
  /** Added to the container's. */
  readonly environment?: Readonly<Record<string, string>>;
  /** As `10s`, or milliseconds: then it is killed, and its reason is `timeout`. */
  readonly timeout?: string | number;
  /** Ends the command; `exec` then rejects with the signal's reason. */
  readonly signal?: AbortSignal;
}

/** What `exec` takes: a command's options, and whether its failure is an error. */
export interface ExecOptions extends CommandOptions {
  /** A status other than 0 is an error (`COMMAND_FAILED`). */
  readonly check?: boolean;
}

/** A command that runs in a container. */
export interface Process {
  /** Resolves with its end. */
  readonly exited: Promise<Exit>;
  /** Writes to its input; absent unless `stdin: "pipe"`. */
  readonly stdin: WritableStream<Uint8Array> | undefined;
  readonly stdout: ReadableStream<Uint8Array>;
  readonly stderr: ReadableStream<Uint8Array>;
  /** Sends it a signal. Default: `SIGTERM`. */
  readonly kill: (signal?: keyof typeof SIGNALS) => void;
  /** Changes the size of its terminal. Throws RangeError for what is no size; without `tty` there is none to be changed. */
  readonly resize: (size: TerminalSize) => void;
  /** Kills it; resolves when it is gone. */
  readonly [Symbol.asyncDispose]: () => Promise<void>;
}

/** Where commands are run, and where their lines are kept. */
export interface CommandPlace {
  /** Throws ContainervError when the container has ended. */
  readonly target: () => Promise<ExecTarget>;
  readonly log: LogLines;
}

interface Begun {
  readonly started: Started;
  readonly stdio: OpenStdio;
  readonly release: () => void;
}

async function begin(
  place: CommandPlace,
  argv: readonly string[] | string,
  options: CommandOptions & { readonly output: OutputOption; readonly announce: boolean },
): Promise<Begun> {
  options.signal?.throwIfAborted();
  const command = await commandOf(argv, options);
  const target = await place.target();
  const stdio = openStdio(options, options.output, place.log);
  try {
    const { announce } = options;
    const input = options.stdin !== undefined && options.stdin !== "ignore";
    const keep = {
      announce,
      stdio: stdio.fds,
      keepAlive: false,
      ...(options.tty === undefined ? {} : { terminal: { size: checkedSize(options.tty), input } }),
    };
    const started = startExec(target, command, keep);
    stdio.handOver();
    return { started, stdio, release: endOnAbort(started, options.signal) };
  } catch (error) {
    stdio.close();
    throw asError(error);
  }
}

const isLength = (value: number): boolean =>
  Number.isInteger(value) && value >= 1 && value <= 0xffff;

function checkedSize(size: TerminalSize): TerminalSize {
  const { columns, rows } = size;
  if (isLength(columns) && isLength(rows)) return { columns, rows };
  throw new RangeError(`a terminal has 1 to 65535 columns and rows, not ${columns} and ${rows}`);
}

const asError = (error: unknown): ContainervError =>
  error instanceof ContainervError ? error : new ContainervError(factsOf(error));

/** The words and options are those of a command in the YAML, and are checked as such. */
export async function commandOf(
  argv: readonly string[] | string,
  { user, workdir, environment, timeout }: CommandOptions,
): Promise<DesiredCommand> {
  const plain = user === undefined && workdir === undefined && environment === undefined;
  if (plain && timeout === undefined && typeof argv !== "string" && isProgram(argv)) {
    return { exec: argv, shell: false, once: false, origin: "command line" };
  }
  const { loadObject } = await import("../../spec/load.ts");
  const words = typeof argv === "string" ? { shell: argv } : { exec: [...argv] };
  const command = {
    ...words,
    ...(user === undefined ? {} : { user }),
    ...(workdir === undefined ? {} : { workdir }),
    ...(environment === undefined ? {} : { environment }),
    ...(timeout === undefined
      ? {}
      : { timeout: typeof timeout === "number" ? `${timeout}ms` : timeout }),
  };
  const { desired, diagnostics } = loadObject({ commands: [command] }, {
    name: "exec",
    directory: process.cwd(),
  });
  const only = desired?.containers[0]?.commands[0];
  if (only !== undefined) return { ...only, origin: "command line" };
  const [first] = diagnostics.filter(({ severity }) => severity === "error");
  throw new ContainervError({
    code: "SPEC_INVALID",
    message: first?.message ?? "the command is wrong",
    ...(first === undefined ? {} : { pointer: first.pointer.replace(/^\/commands\/0/, "") }),
    ...(first?.fix === undefined ? {} : { fix: first.fix }),
    diagnostics,
  });
}

/** Words that need no checking. */
const isProgram = (argv: readonly string[]): boolean =>
  argv.length > 0 && argv[0] !== "" &&
  argv.every((word) => typeof word === "string" && !/[\0\uD800-\uDFFF]/.test(word));

/** Runs a command to its end. */
export async function execIn(
  place: CommandPlace,
  argv: readonly string[] | string,
  options: ExecOptions = {},
): Promise<Output> {
  const { started, stdio, release } = await begin(place, argv, {
    ...options,
    output: "capture",
    announce: false,
  });
  try {
    const [outcome, stdout, stderr] = await keepAliveUntil(Promise.all([
      started.ended.finally(release),
      textOf(stdio.stdout),
      textOf(stdio.stderr),
    ]));
    options.signal?.throwIfAborted();
    const { cpuMicroseconds, maxRssKib } = outcome;
    const output = { ...exitOf(outcome), stdout, stderr, cpuMicroseconds, maxRssKib };
    if (options.check === true && output.code !== 0) throw failedCommand(argv, output);
    return output;
  } finally {
    stdio.close();
  }
}

/** How much of what it said last is told. */
const TAIL_CHARACTERS = 500;

function failedCommand(argv: readonly string[] | string, output: Output): ContainervError {
  const { code, signal, reason, stderr } = output;
  const name = typeof argv === "string" ? argv : argv[0] ?? "";
  const end = reason === "timeout"
    ? "its time was over"
    : signal === undefined
    ? `exit ${code}`
    : `ended by ${signal}`;
  const said = stderr.trim().slice(-TAIL_CHARACTERS);
  return new ContainervError({
    code: "COMMAND_FAILED",
    message: `"${name}" failed: ${end}${said === "" ? "" : `: ${said}`}`,
  });
}

/** Starts a command and gives a handle as soon as it was executed. */
export async function spawnIn(
  place: CommandPlace,
  argv: readonly string[] | string,
  options: CommandOptions = {},
): Promise<Process> {
  const begun = await begin(place, argv, { ...options, output: "capture", announce: true });
  const { started, stdio, release } = begun;
  const ended = started.ended.finally(release);
  const exited = ended.then(exitOf);
  exited.catch(() => {}); // a handle that nobody asks must not end the program
  await started.executed;
  if (started.failedEarly()) {
    stdio.close();
    await keepAliveUntil(exited);
  }
  return {
    get exited() {
      return keepAliveUntil(exited);
    },
    stdin: stdio.stdin,
    stdout: stdio.stdout?.stream() ?? emptyStream(),
    stderr: stdio.stderr?.stream() ?? emptyStream(),
    kill: (signal = "SIGTERM") => started.signal(SIGNALS[signal]),
    resize: (size) => {
      const checked = checkedSize(size);
      if (options.tty !== undefined) started.resize(checked);
    },
    [Symbol.asyncDispose]: async () => {
      started.signal(SIGKILL);
      await keepAliveUntil(ended);
      stdio.close();
    },
  };
}

function emptyStream(): ReadableStream<Uint8Array> {
  return new ReadableStream({ start: (controller) => controller.close() });
}
