/** The library: specs in, containers out. What mod.ts exports. */
import { keepAliveUntil } from "../../ffi/linux/children.ts";
import type { Desired, DesiredContainer } from "../../spec/model/desired.ts";
import type { LoadResult } from "../../spec/model/load_result.ts";
import type { Spec } from "../../spec/model/spec_type.ts";
import { factsOf } from "../apply/facts.ts";
import { ContainervError } from "../plan/error.ts";
import type { Host } from "../plan/host.ts";
import type { Plan } from "../plan/plan.ts";
import { endOnAbort, type Exit, exitOf, type Output, textOf } from "./exits.ts";
import { type Container, createHandle } from "./handle.ts";
import { loadFile } from "./load.ts";
import { createLogLines } from "./log_lines.ts";
import { onlyContainer } from "./only.ts";
import { nearestPlace } from "./places.ts";
import { type InputOption, openStdio, type OutputOption, type StdioOptions } from "./stdio.ts";
import { start as startImage, withCopies } from "./start.ts";
import { joinedByName, storedLayers, surveyedLayers } from "./stored.ts";
import { uniqueStartable } from "./unique.ts";

/** A spec that was read from a file and is good. Made by `load`. */
export interface LoadedSpec {
  readonly file: string;
  readonly desired: Desired;
  readonly places: LoadResult["places"];
  /** What is doubtful, though not wrong. */
  readonly warnings: LoadResult["diagnostics"];
}

/** What `run` and `start` take besides the spec. */
export interface RunOptions extends StdioOptions {
  /** Ends the container; `run` then rejects with the signal's reason. */
  readonly signal?: AbortSignal;
  /** As `run --reproducible`: what differs between two runs is fixed, as far as it can be. */
  readonly reproducible?: boolean;
}

/** What `start` takes besides the spec. */
export interface StartOptions extends RunOptions {
  /**
   * When the handle is given: `started` (default) when the first command was executed, `healthy` when the spec's `healthcheck` has passed.
   * A container that is unhealthy, or ends before, is ended, and `start` rejects with `UNHEALTHY`. Afterwards nobody checks it.
   */
  readonly ready?: "started" | "healthy";
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
export async function load(file: string, options: LoadFileOptions = {}): Promise<LoadedSpec> {
  return loaded(await loadFile(file, { cache: false, ...options }), file);
}

/** What `load` takes besides the file. */
export interface LoadFileOptions {
  /** Values of the variables that the spec declares, before the environment and `.env`. */
  readonly variables?: Readonly<Record<string, string>>;
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
  const variables = { environment: process.env };
  const result = loadObject(spec, { name: "container", directory, variables });
  const good = loaded(result, "spec");
  if (result.volatile === true) return good;
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
  const container = onlyContainer(resolved.desired);
  try {
    const stored = await surveyedLayers(container, options.host);
    return planContainer(container, { ...options, ...stored }).plan;
  } catch (error) {
    throw located(error, resolved);
  }
}

/** What is thrown inside becomes a ContainervError that says where in the YAML. */
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
  const container = await asAsked(onlyContainer(resolved.desired), options);
  const stdio = openStdio({ ...options, stdin: inputOf(container, options) }, "capture");
  try {
    const others = { ...await storedLayers(container), ...await joinedByName(container) };
    const startable = await withCopies(
      uniqueStartable(container, { announce: false, ...others }),
    );
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

/** What the caller gives in place of the spec's words. */
async function asAsked(
  container: DesiredContainer,
  options: RunOptions,
): Promise<DesiredContainer> {
  const asked = withInput(container, options);
  if (options.reproducible !== true) return asked;
  return (await import("../subjects/reproducible.ts")).makeReproducible(asked);
}

/** Input that the caller gives counts, whatever the spec says of it. */
function withInput(container: DesiredContainer, { stdin }: StdioOptions): DesiredContainer {
  return stdin === undefined ? container : { ...container, stdin: stdin !== "ignore" };
}

function inputOf({ stdin }: DesiredContainer, options: StdioOptions): InputOption {
  return options.stdin ?? (stdin ? "inherit" : "ignore");
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
  options: StartOptions = {},
): Promise<Container> {
  options.signal?.throwIfAborted();
  const resolved = await resolveSpec(spec);
  const checked = options.ready === "healthy";
  const container = await asAsked(onlyContainer(resolved.desired, { checked }), options);
  const log = createLogLines();
  const stdio = openStdio({ ...options, stdin: inputOf(container, options) }, "inherit", log);
  try {
    const others = { ...await storedLayers(container), ...await joinedByName(container) };
    const startable = await withCopies(
      uniqueStartable(container, { announce: true, ...others }),
    );
    const started = startImage(startable, stdio.fds, { announce: true, keepAlive: false });
    stdio.handOver();
    const release = endOnAbort(started, options.signal);
    const exited = started.ended.finally(release).then(exitOf)
      .catch((error: unknown) => Promise.reject(located(error, resolved)));
    exited.catch(() => {}); // whoever asks for it sees it; a handle that nobody asks must not end the program
    await started.executed;
    if (options.signal?.aborted === true) {
      await keepAliveUntil(started.ended);
      throw options.signal.reason;
    }
    if (started.failedEarly()) await keepAliveUntil(exited);
    const parts = { name: startable.name, container, started, exited, stdio, log };
    if (checked) await (await import("./ready.ts")).awaitHealthy(parts, options.signal);
    return createHandle(parts);
  } catch (error) {
    stdio.close();
    if (options.signal?.aborted === true || error instanceof ContainervError) throw error;
    throw located(error, resolved);
  }
}

export type { CommandOptions, ExecOptions, Process } from "./commands.ts";
export type { TerminalSize } from "../plan/report.ts";
export type { CopyResult } from "./transfer.ts";
export type { LogLine } from "./log_lines.ts";
export type { Copied, Pressure } from "../apply/outcome.ts";
export type { Usage } from "../observe/usage.ts";
export type { Container, Exit, Output, OutputOption, StdioOptions };
