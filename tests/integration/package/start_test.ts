// runs-under: bun
/**
 * What every start pays for. An engine that begins to compile starts the threads of its compilers, which take a tenth of a start's
 * processor time (docs/benchmarks.md): a function that a remembered start calls some thirty times shows here.
 */
import process from "node:process";
import { describe, test } from "node:test";
import { assert, assertEquals } from "@std/assert";
import { type CliResult, REPOSITORY, runCli } from "../../support/cli.ts";
import { built, missing, root } from "../../support/require.ts";
import { tempDir } from "../../support/temp.ts";

const skip = missing(root(), built(`${REPOSITORY}/dist/containerv`));

/** JavaScriptCore says each function that it compiles. */
const env = { BUN_JSC_reportBaselineCompileTimes: "1" };
const compiled = ({ stdout, stderr }: CliResult): readonly string[] =>
  `${stdout}\n${stderr}`.split("\n").filter((line) => line.includes("using Baseline"));

describe("a start that was remembered sets no compiler to work", { skip }, () => {
  const spec = `name: start-${process.pid}
commands: [[sleep, "60"]]
limits: {memory: 64MiB, pids: 16}
`;

  test("run, exec", async () => {
    using dir = tempDir("containerv-start-");
    dir.write("containerv.yaml", spec);
    dir.write(
      "true.yaml",
      spec.replace("start-", "start-run-").replace(/\[\[.*\]\]/, "[[/bin/true]]"),
    );
    const cli = async (...args: string[]): Promise<CliResult> => {
      const result = await runCli(args, { runtime: "dist", cwd: dir.path, env });
      assertEquals(result.code, 0, result.stderr);
      return result;
    };
    try {
      const first = await cli("up", "-d");
      assert(compiled(first).length > 0, "the engine says what it compiles");
      const commands = [["run", "true.yaml"], ["exec", `start-${process.pid}`, "/bin/true"]];
      for (const words of commands) {
        await cli(...words);
        assertEquals(compiled(await cli(...words)), [], words.join(" "));
      }
    } finally {
      await cli("down", "--time", "0");
    }
  });
});
