// runs-under: bun, deno
import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { describe, test } from "node:test";
import { assertEquals, assertMatch } from "@std/assert";
import { REPOSITORY } from "../../../support/cli.ts";
import { runFiles } from "../../../../tools/lib/runners.mjs";

interface Case {
  readonly outcome: string;
  readonly name: string;
  readonly detail: string;
}

const HEAD = 'import { test } from "node:test";\n';

/** Runs a test file with this text under Bun, within the repository as all tests. */
async function run(text: string, timeoutMs = 20_000): Promise<Case[]> {
  const folder = `node_modules/.cache/containerv/runners-${process.pid}-${Math.random()}`;
  mkdirSync(join(REPOSITORY, folder), { recursive: true });
  try {
    writeFileSync(join(REPOSITORY, folder, "a_test.ts"), HEAD + text);
    const files = [`${folder}/a_test.ts`];
    const { cases } = await runFiles("bun", { files, timeoutMs, label: "it" });
    return cases;
  } finally {
    rmSync(join(REPOSITORY, folder), { recursive: true });
  }
}

const outcomes = (cases: readonly Case[]) => cases.map(({ outcome, name }) => `${outcome} ${name}`);

describe("runFiles() counts", () => {
  test("what passed", async () => {
    assertEquals(outcomes(await run('test("a", () => {});')), ["passed a"]);
  });

  test("a file that breaks while loading as a failure", async () => {
    const cases = await run('throw new Error("at load");');
    assertEquals(outcomes(cases), ["failed it"]);
    assertMatch(cases[0]?.detail ?? "", /exit 1 though no test failed\n[\s\S]*at load/);
  });

  test("a process that ends early as a failure", async () => {
    const cases = await run('test("a", () => {}); test("b", () => process.exit(0));');
    assertEquals(outcomes(cases), ["failed it"]);
  });

  test("a file without tests as a failure", async () => {
    const cases = await run("export {};");
    assertEquals(cases.filter(({ outcome }) => outcome === "failed").length, 1);
  });

  test("what takes too long as a failure", async () => {
    const cases = await run('test("a", () => { while (true); });', 1000);
    assertMatch(cases[0]?.detail ?? "", /time limit/);
  });

  test("a skip without a logged reason as a failure", async () => {
    const cases = await run('test("a", { skip: "no" }, () => {});');
    assertEquals(outcomes(cases), ["skipped a", "failed it"]);
    assertMatch(cases[1]?.detail ?? "", /without a reason/);
  });

  test("a skip with its reason as a skip", async () => {
    const cases = await run(
      `import { missing } from "${REPOSITORY}/tests/support/require.ts";\n` +
        'test("a", { skip: missing("needs the moon") }, () => {});',
    );
    assertEquals(outcomes(cases), ["skipped a"]);
  });
});
