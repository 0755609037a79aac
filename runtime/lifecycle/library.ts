/** The library: specs in, containers out. What mod.ts exports. */
import { SIGKILL, signalName, SIGNALS } from "../../ffi/abi/signal.ts";
import type { Desired } from "../../spec/model/desired.ts";
import type { LoadResult } from "../../spec/model/load_result.ts";
import type { Spec } from "../../spec/model/spec_type.ts";
import type { Outcome } from "../apply/outcome.ts";
import { factsOf } from "../apply/facts.ts";
import { ContainervError } from "../plan/error.ts";
import type { Host } from "../plan/host.ts";
import type { Plan } from "../plan/plan.ts";
import { loadFile } from "./load.ts";
import { onlyContainer } from "./only.ts";
import { nearestPlace } from "./places.ts";
import { type Capture, openStdio, type OutputOption, type StdioOptions } from "./stdio.ts";
import { start as startImage, type Started, stop as stopStarted } from "./start.ts";
import { uniqueStartable } from "./unique.ts";

/** A spec that was read from a file and is good. Made by `load`. */
export interface LoadedSpec {
  readonly file: string;
  readonly desired: Desired;
  readonly places: LoadResult["places"];
  /** What is doubtful, though not wrong. */
  readonly warnings: LoadResult["diagnostics"];
}

/** How a command ended. */
export interface Exit {
  /** Exit status; 128+n when signal n ended it; 124 when its time was over. */
  readonly code: number;
  /** Name of the signal that ended it. */
  readonly signal?: string;
  readonly reason: "exited" | "signal" | "timeout";
}

/** What `run` gives. */
export interface Output extends Exit {
  /** What it wrote, decoded as UTF-8; empty unless captured. */
  readonly stdout: string;
  readonly stderr: string;
  readonly cpuMicroseconds: number;
  readonly maxRssKib: number;
}

/** What `run` and `start` take besides the spec. */
export interface RunOptions extends StdioOptions {
  /** Ends the container; `run` then rejects with the signal's reason. */
  readonly signal?: AbortSignal;
}

/** A container that runs. */
export interface Container {
  /** Unique on this machine while it runs. */
  readonly name: string;
  readonly exited: Promise<Exit>;
  /** What it writes, as it comes; absent unless captured. */
  readonly stdout: ReadableStream<Uint8Array> | undefined;
  readonly stderr: ReadableStream<Uint8Array> | undefined;
  /** Sends a signal, as `SIGHUP`, to its first process. */
  readonly kill: (signal: keyof typeof SIGNALS) => void;
  /** Its stop signal, and after its grace time SIGKILL. */
  readonly stop: () => Promise<Exit>;
  /** Ends it at once; resolves when everything of it is taken back. */
  readonly [Symbol.asyncDispose]: () => Promise<void>;
}

/**
 * Reads and checks a spec. Rejects with `SPEC_INVALID`, all diagnostics in it, when it is wrong.
 *
 * @example
 * ```ts
 * import { load, run } from "containerv";
 *
 * const { code } = await run(await load("examples/01-hello.yaml"));
 * ```
 */
export async function load(file: string): Promise<LoadedSpec> {
  return loaded(await loadFile(file, { cache: false }), file);
}

function loaded(result: LoadResult, file: string): LoadedSpec {
  const { desired, diagnostics, places } = result;
  if (desired !== undefined) return { file, desired, places, warnings: diagnostics };
  const errors = diagnostics.filter((one) => one.severity === "error");
  const [first] = errors;
  throw new ContainervError({
    code: "SPEC_INVALID",
    message: `${file}: ${first?.message ?? "the spec is wrong"}` +
      (errors.length > 1 ? ` (and ${errors.length - 1} more)` : ""),
    ...(first?.place === undefined ? {} : { place: first.place }),
    ...(first === undefined ? {} : { pointer: first.pointer }),
    ...(first?.fix === undefined ? {} : { fix: first.fix }),
    diagnostics,
  });
}

const isLoaded = (spec: Spec | LoadedSpec): spec is LoadedSpec => "desired" in spec;

/** Objects are checked by the same validator as files; a `LoadedSpec` was checked already. */
async function resolveSpec(spec: Spec | LoadedSpec): Promise<LoadedSpec> {
  if (isLoaded(spec)) return spec;
  const directory = process.cwd();
  // Data that was checked before is good: a test suite runs the same spec over and over.
  const key = JSON.stringify([directory, spec]);
  const known = checked.get(key);
  if (known !== undefined) return known;
  const { loadObject } = await import("../../spec/load.ts");
  const good = loaded(loadObject(spec, { name: "container", directory }), "spec");
  if (checked.size >= CHECKED_MAX) checked.clear();
  checked.set(key, good);
  return good;
}

const checked = new Map<string, LoadedSpec>();
const CHECKED_MAX = 32;

/**
 * What running the spec would do on this machine, or on `host`. Changes nothing.
 *
 * @example
 * ```ts
 * import { plan } from "containerv";
 *
 * const { ops } = await plan({ commands: [["true"]] });
 * console.log(ops.length, "operations");
 * ```
 */
export async function plan(
  spec: Spec | LoadedSpec,
  options: { readonly host?: Host } = {},
): Promise<Plan> {
  const { planContainer } = await import("./prepare.ts");
  const resolved = await resolveSpec(spec);
  return withPlaces(resolved, () => planContainer(onlyContainer(resolved.desired), options).plan);
}

/** What is thrown inside becomes a ContainervError that says where in the YAML. */
function withPlaces<Result>(spec: LoadedSpec, make: () => Result): Result {
  try {
    return make();
  } catch (error) {
    throw located(error, spec);
  }
}

function located(error: unknown, { places }: LoadedSpec): ContainervError {
  const facts = factsOf(error);
  const place = nearestPlace(facts.pointer ?? "", places) ?? places[""];
  return new ContainervError(place === undefined ? facts : { ...facts, place });
}

/**
 * Runs a container to its end. Rejects with a ContainervError when it could not be started.
 *
 * @example
 * ```ts
 * import { run } from "containerv";
 *
 * const { code, stdout } = await run({ commands: [["echo", "hello"]] });
 * ```
 */
export async function run(spec: Spec | LoadedSpec, options: RunOptions = {}): Promise<Output> {
  options.signal?.throwIfAborted();
  const resolved = await resolveSpec(spec);
  const stdio = openStdio(options, "capture");
  try {
    const startable = uniqueStartable(onlyContainer(resolved.desired), { announce: false });
    const started = startImage(startable, stdio.fds);
    stdio.handOver();
    const release = endOnAbort(started, options.signal);
    const [outcome, stdout, stderr] = await Promise.all([
      started.ended.finally(release),
      textOf(stdio.stdout),
      textOf(stdio.stderr),
    ]);
    options.signal?.throwIfAborted();
    const { cpuMicroseconds, maxRssKib } = outcome;
    return { ...exitOf(outcome), stdout, stderr, cpuMicroseconds, maxRssKib };
  } catch (error) {
    if (options.signal?.aborted === true) throw error;
    throw located(error, resolved);
  } finally {
    stdio.close();
  }
}

function textOf(capture: Capture | undefined): Promise<string> {
  return capture === undefined ? Promise.resolve("") : capture.text();
}

/** A signal that is aborted ends the container; the result takes the listener away. */
function endOnAbort(started: Started, signal: AbortSignal | undefined): () => void {
  if (signal === undefined) return () => {};
  const end = (): void => started.signal(SIGKILL);
  if (signal.aborted) end();
  signal.addEventListener("abort", end, { once: true });
  return () => signal.removeEventListener("abort", end);
}

/** Throws when it was containerv, not the command, that failed. */
function exitOf(outcome: Outcome): Exit {
  const facts = outcome.failure ?? outcome.leftovers[0];
  if (facts !== undefined) throw new ContainervError(facts);
  const { reason, status, signal } = outcome;
  if (reason === "exited" || reason === "signal" || reason === "timeout") {
    return {
      code: status,
      ...(signal === undefined ? {} : { signal: signalName(signal) }),
      reason,
    };
  }
  throw new ContainervError({
    code: "CONTAINER_LOST",
    message: "the stage was killed from outside; the container ended with it",
  });
}

/**
 * Starts a container and gives a handle as soon as its first command was executed. Rejects when it could not be. Leaving
 * the handle's scope ends the container, and so does the death of this process.
 *
 * @example
 * ```ts
 * import { start } from "containerv";
 *
 * await using container = await start({ commands: [["sleep", "60"]] });
 * console.log(container.name);
 * ```
 */
export async function start(
  spec: Spec | LoadedSpec,
  options: RunOptions = {},
): Promise<Container> {
  options.signal?.throwIfAborted();
  const resolved = await resolveSpec(spec);
  const stdio = openStdio(options, "inherit");
  try {
    const startable = uniqueStartable(onlyContainer(resolved.desired), { announce: true });
    const started = startImage(startable, stdio.fds, { announce: true });
    stdio.handOver();
    const release = endOnAbort(started, options.signal);
    const exited = started.ended.finally(release).then(exitOf)
      .catch((error: unknown) => Promise.reject(located(error, resolved)));
    exited.catch(() => {}); // whoever asks for it sees it; a handle that nobody asks must not end the program
    await started.executed;
    if (options.signal?.aborted === true) {
      await started.ended;
      throw options.signal.reason;
    }
    if (started.failedEarly()) await exited;
    return handle(started, exited, { name: startable.name, stdio });
  } catch (error) {
    stdio.close();
    if (options.signal?.aborted === true || error instanceof ContainervError) throw error;
    throw located(error, resolved);
  }
}

function handle(
  started: Started,
  exited: Promise<Exit>,
  parts: { readonly name: string; readonly stdio: ReturnType<typeof openStdio> },
): Container {
  return {
    name: parts.name,
    exited,
    stdout: parts.stdio.stdout?.stream(),
    stderr: parts.stdio.stderr?.stream(),
    kill: (signal) => started.signal(SIGNALS[signal]),
    stop: async () => {
      await stopStarted(started);
      return await exited;
    },
    [Symbol.asyncDispose]: async () => {
      started.signal(SIGKILL);
      await started.ended;
      parts.stdio.close();
    },
  };
}

export type { OutputOption, StdioOptions };
