import { readFileSync } from "node:fs";
import { test } from "node:test";
import { assert, assertEquals } from "@std/assert";
import { REPOSITORY, runCli } from "../../support/cli.ts";
import { normaliseOutput } from "../../support/golden.ts";
import { linux, missing, root } from "../../support/require.ts";
import { tempDir } from "../../support/temp.ts";

/** A machine with cgroup v2 alone: the plan in the README is that machine's, wherever the test runs. */
const HOST = `${REPOSITORY}/tests/support/hosts/cgroup_v2.json`;

function blocks(): string[] {
  const text = readFileSync(`${REPOSITORY}/README.md`, "utf8");
  return [...text.matchAll(/^```\w*\n([\s\S]*?)^```$/gm)].map(([, body]) => body ?? "");
}

/** The lines of a transcript below its command. */
function transcript(command: string): string[] {
  const block = blocks().find((body) => body.startsWith(`$ ${command}\n`));
  assert(block !== undefined, `the README does not show ${command}`);
  return block.trimEnd().split("\n").slice(1);
}

/** The shown lines stand in the real output in this order and without a gap, but where `…` says that there is one. */
function assertShows(shown: readonly string[], actual: string): void {
  const lines = normaliseOutput(actual).trimEnd().split("\n");
  let at = 0;
  let gap = false;
  for (const line of shown.map(normaliseOutput)) {
    if (line === "…") {
      gap = true;
      continue;
    }
    const found: number = gap ? lines.indexOf(line, at) : at;
    assertEquals(lines[found], line, `line ${found + 1} of:\n${actual}`);
    [at, gap] = [found + 1, false];
  }
  assert(gap || at === lines.length, `the output goes on:\n${lines.slice(at).join("\n")}`);
}

test("the README's spec is the first example", () => {
  const spec = readFileSync(`${REPOSITORY}/examples/01-hello.yaml`, "utf8");
  assertEquals(blocks()[0], spec);
});

test("the README's plan is what plan prints", async () => {
  const result = await runCli(["plan", "--host", HOST, "examples/01-hello.yaml"]);
  assertEquals(result.code, 0, result.stderr);
  assertShows(transcript("containerv plan examples/01-hello.yaml"), result.stdout);
});

test("the README's run is what run prints", { skip: missing(linux(), root()) }, async () => {
  const result = await runCli(["run", "examples/01-hello.yaml"]);
  assertEquals(result.code, 0, result.stderr);
  const shown = transcript("containerv run examples/01-hello.yaml");
  assertShows(shown, result.stdout + result.stderr);
});

test("the README's error is what validate prints", async () => {
  using dir = tempDir();
  dir.write("bad.yaml", "name: x\nimage: nginx:1.27\n");
  const result = await runCli(["validate", "bad.yaml"], { cwd: dir.path });
  assertEquals(result.code, 2);
  assertShows(transcript("containerv validate bad.yaml"), result.stdout + result.stderr);
});
