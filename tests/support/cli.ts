/** Runs the command line as its users do, in a process of its own, with a time limit. */
import { spawn } from "node:child_process";
import { Buffer } from "node:buffer";
import { fileURLToPath } from "node:url";
import process from "node:process";

/**
 * `bun`, `deno`: under that runtime, from the bundle that `npm test` makes of the sources, or mod.ts when a file is run by itself
 * (in an emulated machine `bun` is an executable that is built before: it starts in half the time);
 * `source`: mod.ts under the test's runtime; `dist`: the built executable; `bundle`: dist/containerv.mjs under Bun.
 */
export type CliRuntime = "bun" | "deno" | "source" | "dist" | "bundle";

export interface CliOptions {
  /** Default: the runtime of the test. */
  readonly runtime?: CliRuntime;
  /** Default: the repository. */
  readonly cwd?: string;
  /** Added to a clean environment of PATH, HOME, LC_ALL, NO_COLOR; undefined removes a name. */
  readonly env?: Readonly<Record<string, string | undefined>>;
  readonly stdin?: string | Uint8Array;
  /** Then SIGKILL to the process group. Default 30 s; `CONTAINERV_PATIENCE` times as long, on an emulated machine. */
  readonly timeoutMs?: number;
  /** Words before the command, as `["strace", "-f", "-o", file]` or `["setpriv", "--reuid=65534", …]`. */
  readonly prefix?: readonly string[];
  /** Called with the pid as soon as the process runs: for signals. */
  readonly started?: (pid: number) => void;
}

export interface CliResult {
  /** Null when a signal ended it. */
  readonly code: number | null;
  readonly signal: string | null;
  readonly stdout: string;
  readonly stderr: string;
  readonly ms: number;
  readonly timedOut: boolean;
}

/** How many times as long all may take: an emulated machine's is more than 1. */
export const PATIENCE: number = Number(process.env["CONTAINERV_PATIENCE"] ?? 1);

/** The repository's directory, without a slash at the end. */
export const REPOSITORY: string = fileURLToPath(new URL("../..", import.meta.url)).replace(
  /\/$/,
  "",
);

/** Where the test itself runs; under Node (pure tests only) Bun stands in. */
export function currentRuntime(): "bun" | "deno" {
  return "Deno" in globalThis ? "deno" : "bun";
}

/** The words that start containerv on a runtime. */
export function cliCommand(runtime: CliRuntime = currentRuntime()): string[] {
  const bin = `${REPOSITORY}/node_modules/.bin`;
  if (runtime === "source") return [...launcher(currentRuntime()), `${REPOSITORY}/mod.ts`];
  if (runtime === "bundle") return [`${bin}/bun`, `${REPOSITORY}/dist/containerv.mjs`];
  const executable = process.env["CONTAINERV_TEST_EXECUTABLE"];
  if (runtime === "dist") return [executable ?? `${REPOSITORY}/dist/containerv`];
  if (runtime === "bun" && executable !== undefined) return [executable];
  return [...launcher(runtime), process.env["CONTAINERV_TEST_CLI"] ?? `${REPOSITORY}/mod.ts`];
}

function launcher(runtime: "bun" | "deno"): string[] {
  const bin = `${REPOSITORY}/node_modules/.bin`;
  // An emulated machine translates what a compiler makes once more: there V8 shall interpret.
  const flags = process.env["CONTAINERV_TEST_V8_FLAGS"];
  const interpret = flags === undefined ? [] : [`--v8-flags=${flags}`];
  return runtime === "bun" ? [`${bin}/bun`] : [`${bin}/deno`, "run", "-A", ...interpret];
}

function environment(changes: CliOptions["env"] = {}): Record<string, string> {
  const base: Record<string, string | undefined> = {
    PATH: process.env["PATH"] ?? "/usr/bin:/bin",
    HOME: process.env["HOME"] ?? "/",
    LC_ALL: "C.UTF-8",
    NO_COLOR: "1",
    XDG_RUNTIME_DIR: process.env["XDG_RUNTIME_DIR"],
    XDG_CACHE_HOME: process.env["XDG_CACHE_HOME"],
    // Deno keeps its compiled modules there: without it each run would compile anew.
    DENO_DIR: process.env["DENO_DIR"],
    ...changes,
  };
  const entries = Object.entries(base).filter((pair): pair is [string, string] =>
    pair[1] !== undefined
  );
  return Object.fromEntries(entries);
}

/** Runs any command; never rejects for its exit status. Rejects when it can't be started. */
export function runProgram(argv: readonly string[], options: CliOptions = {}): Promise<CliResult> {
  const { cwd = REPOSITORY, stdin, timeoutMs = 30_000 } = options;
  const words = [...(options.prefix ?? []), ...argv];
  const begin = performance.now();
  return new Promise((resolve, reject) => {
    const child = spawn(words[0]!, words.slice(1), {
      cwd,
      env: environment(options.env),
      detached: true,
      stdio: ["pipe", "pipe", "pipe"],
    });
    const [stdout, stderr]: [Buffer[], Buffer[]] = [[], []];
    child.stdout.on("data", (chunk: Buffer) => stdout.push(chunk));
    child.stderr.on("data", (chunk: Buffer) => stderr.push(chunk));
    // The command may end without reading its input.
    child.stdin.on("error", (error: NodeJS.ErrnoException) => {
      if (error.code !== "EPIPE") reject(error);
    });
    child.stdin.end(stdin ?? "");
    let timedOut = false;
    const timer = setTimeout(() => {
      timedOut = true;
      if (child.pid !== undefined) killGroup(child.pid);
    }, timeoutMs * PATIENCE);
    if (child.pid !== undefined) options.started?.(child.pid);
    child.once("error", reject);
    child.once("close", (code, signal) => {
      clearTimeout(timer);
      const text = (chunks: Buffer[]) => Buffer.concat(chunks).toString("utf8");
      const ms = performance.now() - begin;
      resolve({ code, signal, stdout: text(stdout), stderr: text(stderr), ms, timedOut });
    });
  });
}

function killGroup(pid: number): void {
  try {
    process.kill(-pid, "SIGKILL");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ESRCH") throw error;
  }
}

/** `await runCli(["run", "examples/01-hello.yaml"])`. */
export function runCli(args: readonly string[], options: CliOptions = {}): Promise<CliResult> {
  return runProgram([...cliCommand(options.runtime), ...args], options);
}
