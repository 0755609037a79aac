/** A project of detached containers in a scratch directory; gone when its scope ends, however that ends. */
import { existsSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { type CliOptions, type CliResult, PATIENCE, runCli } from "../../support/cli.ts";
import { tempDir } from "../../support/temp.ts";
import type { SpecObject } from "../cli/sandbox.ts";

/** An entry of `ps --json`. */
export interface Listed {
  readonly name: string;
  readonly id: string;
  readonly state: string;
  readonly pid?: number;
  readonly ending?: { readonly status: number; readonly signal?: number; readonly lost: boolean };
}

export interface Project {
  readonly file: string;
  /** Runs the command line in the project's directory. */
  readonly cv: (...args: readonly string[]) => Promise<CliResult>;
  /** As `cv`, with words before the command. */
  readonly cvUnder: (
    prefix: readonly string[],
    args: readonly string[],
  ) => Promise<CliResult>;
  readonly ps: () => Promise<readonly Listed[]>;
  readonly write: (spec: SpecObject) => void;
  /** The directory of its records. */
  readonly state: () => string;
  /** Lengths of all files of its logs. */
  readonly logBytes: () => readonly number[];
  readonly [Symbol.asyncDispose]: () => Promise<void>;
}

const STATE = "/run/containerv";

export function project(spec: SpecObject, options: CliOptions = {}): Project {
  const directory = tempDir();
  const file = directory.write("containerv.yaml", JSON.stringify(spec));
  const cv = (...args: readonly string[]) => runCli(args, { cwd: directory.path, ...options });
  const state = (): string => {
    if (!existsSync(STATE)) return `${STATE}/none`;
    const found = readdirSync(STATE).filter((name) => {
      const path = `${STATE}/${name}/project.json`;
      return existsSync(path) && readFileSync(path, "utf8").includes(JSON.stringify(file));
    });
    return `${STATE}/${found[0] ?? "none"}`;
  };
  return {
    file,
    cv,
    cvUnder: (prefix, args) => runCli(args, { cwd: directory.path, ...options, prefix }),
    ps: async () => {
      const { code, stdout, stderr } = await cv("ps", "--json");
      if (code !== 0) throw new Error(`ps: ${stderr}`);
      return JSON.parse(stdout) as Listed[];
    },
    write: (next) => writeFileSync(file, JSON.stringify(next)),
    state,
    logBytes: () =>
      readdirSync(`${state()}/logs`).map((name) => statSync(`${state()}/logs/${name}`).size),
    [Symbol.asyncDispose]: async () => {
      if (existsSync(state())) await cv("down", "--time", "0");
      directory[Symbol.dispose]();
    },
  };
}

/** Pid of the keeper of the project that a container's id names. */
export function keeperOf(id: string): number {
  const record = JSON.parse(
    readFileSync(`${STATE}/${id.split("/")[0]}/project.json`, "utf8"),
  ) as { readonly keeper: { readonly pid: number } };
  return record.keeper.pid;
}

/** Waits until the condition holds, or fails. */
export async function untilAsync(
  holds: () => Promise<boolean>,
  what: string,
  withinMs = 10_000,
): Promise<void> {
  for (const begin = performance.now(); !(await holds());) {
    if (performance.now() - begin > withinMs * PATIENCE) {
      throw new Error(`not within ${withinMs} ms: ${what}`);
    }
    await sleep(20);
  }
}
