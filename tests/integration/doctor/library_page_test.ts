// timeout-seconds: 180
/** Every block of docs/library.md type-checks, runs, and prints what stands below it. */
import { readFileSync, rmSync, writeFileSync } from "node:fs";
import process from "node:process";
import { describe, test } from "node:test";
import { assert, assertEquals } from "@std/assert";
import { currentRuntime, REPOSITORY, runProgram } from "../../support/cli.ts";
import { missing, root, runtime } from "../../support/require.ts";
import { guardWorld } from "../cli/sandbox.ts";

guardWorld();
const page = readFileSync(`${REPOSITORY}/docs/library.md`, "utf8");
const blocks = [...page.matchAll(/^```ts\n([\s\S]*?)^```\n```\n([\s\S]*?)^```$/gm)]
  .map(([, source = "", output = ""]) => ({ source, output }));

/** Writes programs beside mod.ts, where the packages are found from; they are gone afterwards. */
async function withFiles<Result>(
  sources: readonly string[],
  use: (files: readonly string[]) => Promise<Result>,
): Promise<Result> {
  const files = sources.map((_, index) => `${REPOSITORY}/.page-${process.pid}-${index}.ts`);
  try {
    sources.forEach((source, index) =>
      writeFileSync(files[index] ?? "", source.replace('from "containerv"', 'from "./mod.ts"'))
    );
    return await use(files);
  } finally {
    for (const file of files) rmSync(file, { force: true });
  }
}

/** Each runtime prints lists in its own way. */
function flat(text: string): string {
  return text.replace(/\[\s+/g, "[").replace(/,?\s+\]/g, "]").replace(/,\s+/g, ", ");
}

describe("docs/library.md", { skip: missing(root()) }, () => {
  test("each program has its output below it", () => {
    assert(blocks.length >= 6);
    assertEquals(page.split("```ts\n").length - 1, blocks.length);
  });

  for (const [index, { source, output }] of blocks.entries()) {
    test(`program ${index + 1}: ${source.split("\n")[2]}`, async () => {
      const argv = currentRuntime() === "bun" ? [] : ["run", "-A", "--no-check"];
      const { code, stdout, stderr } = await withFiles(
        [source],
        (files) => runProgram([process.execPath, ...argv, ...files]),
      );
      assertEquals([code, flat(stdout)], [0, flat(output)], stderr);
    });
  }
});

test("the types of all are right", { skip: missing(runtime("deno")) }, async () => {
  const sources = blocks.map(({ source }) => source);
  const { code, stderr } = await withFiles(
    sources,
    (files) => runProgram([process.execPath, "check", "--quiet", ...files], { timeoutMs: 150_000 }),
  );
  assertEquals(code, 0, stderr);
});
