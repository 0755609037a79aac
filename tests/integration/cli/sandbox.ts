/** Containers by the command line: specs in scratch files, runs to the end or in the background, and what is left after. */
import { type ChildProcess, spawn } from "node:child_process";
import { Buffer } from "node:buffer";
import { readdirSync, readFileSync } from "node:fs";
import process from "node:process";
import { after, before } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { assertEquals } from "@std/assert";
import {
  cliCommand,
  type CliOptions,
  type CliResult,
  PATIENCE,
  REPOSITORY,
  runCli,
} from "../../support/cli.ts";
import { tempDir } from "../../support/temp.ts";
import { settledDiff, snapshotWorld, type World } from "../../support/world.ts";

/** Any spec as data: JSON is YAML. Wrong ones too, so it is not the type of the library. */
export type SpecObject = Readonly<Record<string, unknown>>;

/** argv of a shell that runs a script, without the `-e` of a string command. */
export function sh(script: string): readonly string[] {
  return ["/bin/sh", "-c", script];
}

/**
 * Shell words that wait for signals, as PID 1 of a container: it hears of each at once and runs nothing meanwhile. A loop of short sleeps
 * takes most of an emulated machine's processor. What outlives PID 1 the kernel ends, so it is not for `exec`.
 */
export const IDLE_LOOP = "sleep 1000 & while :; do wait $!; done";

/** A command that goes on until it is told to end. */
export const IDLE: readonly string[] = sh(`trap 'exit 0' TERM; ${IDLE_LOOP}`);

/** Runs `verb` on the spec, written to `NAME.yaml` of a directory of its own. */
export async function runSpec(
  spec: SpecObject,
  options: CliOptions & { readonly verb?: readonly string[]; readonly name?: string } = {},
): Promise<CliResult> {
  using directory = tempDir();
  const file = directory.write(`${options.name ?? "box"}.yaml`, JSON.stringify(spec));
  return await runCli([...options.verb ?? ["run", "--quiet", "--no-cache"], file], options);
}

/** What a script prints in a container of the spec; fails unless it exits 0 and stderr stays empty. */
export async function inside(
  script: string,
  spec: SpecObject = {},
  options: CliOptions = {},
): Promise<string> {
  const { code, stdout, stderr } = await runSpec({
    policy: "none",
    ...spec,
    commands: [sh(script)],
  }, options);
  assertEquals({ code, stderr }, { code: 0, stderr: "" });
  return stdout;
}

/** `{host: /}` with a layer above is a second overlay; the kernel stacks no third. */
export function plainHostRoot(): string | undefined {
  const roots = readFileSync("/proc/self/mountinfo", "utf8").split("\n")
    .map((line) => line.split(" ")).filter((fields) => fields[4] === "/");
  const fields = roots.at(-1) ?? [];
  return fields[fields.indexOf("-") + 1] === "overlay"
    ? "needs a root file system that is no overlay"
    : undefined;
}

/** Runs in the background that have not ended: a test that fails in between must not leave its own to the next file. */
const running = new Set<ChildProcess>();

/**
 * Compares the machine before the file's first test and after its last. CONTAINERV_SHARED_MACHINE=1 leaves the comparison out, for
 * a developer whose machine runs other containers meanwhile.
 */
export function guardWorld(withinMs = 10_000): void {
  after(() => {
    for (const child of running) child.kill("SIGKILL");
  });
  if (process.env["CONTAINERV_SHARED_MACHINE"] === "1") return;
  let world: World | undefined;
  before(() => {
    world = snapshotWorld({ fds: false });
  });
  after(async () => {
    if (world === undefined) throw new Error("the machine was not looked at before");
    const within = { fds: false, withinMs: withinMs * PATIENCE };
    assertEquals(await settledDiff(world, within), [], "left behind");
  });
}

/** A run in the background. */
export interface Background {
  readonly pid: number;
  /** Resolves when standard output has the text; rejects when the run ends without it. */
  readonly says: (text: string) => Promise<void>;
  readonly ended: Promise<{ readonly code: number | null; readonly signal: string | null }>;
  readonly stdout: () => string;
  readonly stderr: () => string;
}

/** Starts `containerv run` on the spec; the file stays until it ends. */
export function startSpec(spec: SpecObject, name = "box"): Background {
  const directory = tempDir();
  const file = directory.write(`${name}.yaml`, JSON.stringify(spec));
  const release = (): void => directory[Symbol.dispose]();
  return startCli(["run", "--quiet", "--no-cache", file], { release });
}

/** Starts a command that goes on until it is ended; `release` is called then. */
export function startCli(
  args: readonly string[],
  options: { readonly cwd?: string; readonly release?: () => void } = {},
): Background {
  const words = [...cliCommand(), ...args];
  const child = spawn(words[0] ?? "", words.slice(1), {
    cwd: options.cwd ?? REPOSITORY,
    detached: true,
    stdio: ["ignore", "pipe", "pipe"],
    env: { ...process.env, NO_COLOR: "1" },
  });
  return follow(child, options.release);
}

function follow(child: ChildProcess, release: () => void = () => {}): Background {
  const out: Buffer[] = [];
  const err: Buffer[] = [];
  child.stdout?.on("data", (chunk: Buffer) => out.push(chunk));
  child.stderr?.on("data", (chunk: Buffer) => err.push(chunk));
  const text = (chunks: Buffer[]): string => Buffer.concat(chunks).toString("utf8");
  let over = false;
  running.add(child);
  const ended = new Promise<{ code: number | null; signal: string | null }>((resolve, reject) => {
    child.once("error", reject);
    child.once("close", (code, signal) => {
      over = true;
      running.delete(child);
      release();
      resolve({ code, signal });
    });
  });
  const says = async (wanted: string): Promise<void> => {
    for (const deadline = performance.now() + 20_000 * PATIENCE; performance.now() < deadline;) {
      if (text(out).includes(wanted)) return;
      if (over) break;
      await sleep(5);
    }
    throw new Error(`did not say "${wanted}": ${text(out)}${text(err)}`);
  };
  if (child.pid === undefined) throw new Error("the command line was not started");
  return { pid: child.pid, says, ended, stdout: () => text(out), stderr: () => text(err) };
}

/** Process ids of the children, by /proc; a zombie is none. */
export function childrenOf(pid: number): readonly number[] {
  const found: number[] = [];
  for (const name of readdirSync("/proc")) {
    if (!/^\d+$/.test(name)) continue;
    const fields = statOf(Number(name));
    if (fields !== undefined && fields.parent === pid && fields.state !== "Z") {
      found.push(Number(name));
    }
  }
  return found;
}

/** State and parent of a process; `undefined` when there is none. */
export function statOf(
  pid: number,
): { readonly state: string; readonly parent: number } | undefined {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, "utf8");
    // The name is in parentheses and may contain some itself.
    const [state = "", parent = ""] = text.slice(text.lastIndexOf(")") + 2).split(" ");
    return { state, parent: Number(parent) };
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === "ENOENT" || code === "ESRCH") return undefined;
    throw error;
  }
}

/** True while the process is there and is no zombie. */
export function lives(pid: number): boolean {
  const stat = statOf(pid);
  return stat !== undefined && stat.state !== "Z" && stat.state !== "X";
}

/** The stage of a run, and the container's first process. */
export function processesOf(run: Background): { readonly stage: number; readonly first: number } {
  for (const stage of childrenOf(run.pid)) {
    const [first] = childrenOf(stage);
    if (first !== undefined) return { stage, first };
  }
  throw new Error(`the run ${run.pid} has no container`);
}

/** Waits until the condition holds; gives the milliseconds it took, or fails. */
export async function until(holds: () => boolean, what: string, withinMs = 5000): Promise<number> {
  const begin = performance.now();
  while (!holds()) {
    if (performance.now() - begin > withinMs * PATIENCE) {
      throw new Error(`not within ${withinMs} ms: ${what}`);
    }
    await sleep(5);
  }
  return performance.now() - begin;
}
