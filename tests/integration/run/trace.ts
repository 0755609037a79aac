/** Traces a run with strace, and predicts it from the plan by running the encoded program in the simulator. */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { encode } from "../../../ffi/stage/encode.ts";
import { simulate } from "../../../ffi/stage/simulate.ts";
import { plan } from "../../../mod.ts";
import { lowerPlan } from "../../../runtime/plan/lower.ts";
import { syscallNames } from "../../../ffi/abi/syscalls.ts";
import { runCli } from "../../support/cli.ts";
import { findTool } from "../../support/require.ts";
import { tempDir } from "../../support/temp.ts";

const SPEC = { commands: [["/bin/true"]], limits: { memory: "64MiB", pids: 16 } };

/** Names of the calls of one traced process, up to its last execve that worked. */
function callsIn(log: string): readonly string[] {
  return log.split("\n").flatMap((line) => {
    const name = /^(\w+)\(/.exec(line)?.[1];
    return name === undefined ? [] : [name];
  });
}

/**
 * The calls of the container's side that the plan's program makes when the kernel answers as it did here: shields of paths
 * that are not there end at their openat2, optional binds at their open_tree.
 */
export async function traceRun(): Promise<{
  traced: readonly string[];
  planned: readonly string[];
}> {
  using directory = tempDir();
  const spec = join(directory.path, "traced.json");
  const { writeFileSync } = await import("node:fs");
  writeFileSync(spec, JSON.stringify(SPEC));
  const strace = findTool("strace") ?? "strace";
  const prefix = [strace, "-f", "-ff", "-qq", "-o", join(directory.path, "log")];
  const { code, stderr } = await runCli(["run", "-q", spec], { prefix, timeoutMs: 60_000 });
  if (code !== 0) throw new Error(stderr);
  const logs = readdirSync(directory.path).filter((name) => name.startsWith("log."))
    .map((name) => readFileSync(join(directory.path, name), "utf8"));
  const container = logs.find((log) => /^pivot_root\(/m.test(log)) ?? "";
  const end = container.indexOf('execve("/bin/true"');
  const traced = callsIn(container.slice(0, end));
  return { traced, planned: await predict(container.slice(0, end)) };
}

/** Runs the program of the plan with the results that the kernel gave. */
async function predict(log: string): Promise<readonly string[]> {
  const made = await plan(SPEC);
  const { image, architecture } = encode(lowerPlan(made), "x86_64");
  const names = syscallNames(architecture);
  const results = log.split("\n").flatMap((line) => {
    const match = /^\w+\(.*\)\s+= (-?\d+)(?: (E[A-Z]+))?/.exec(line);
    return match === null ? [] : [match[2] === "ENOENT" ? -2n : BigInt(match[1] ?? 0)];
  });
  const calls: string[] = [];
  let inContainer = false;
  let at = 0;
  simulate(image, {
    kernel: (number) => {
      const name = names.get(number) ?? `${number}`;
      if (!inContainer) {
        inContainer = name === "clone3";
        // The child of clone3 sees 0; what the stage did before it is another process's log.
        return inContainer ? 0n : answerOfStage(name);
      }
      if (name === "execve") return { stop: "exit", status: 0 };
      calls.push(name);
      return results[at++] ?? 0n;
    },
  });
  return calls;
}

const answerOfStage = (name: string): bigint => name === "read" ? 0n : 5n;
