/** Every file of examples/: it is good, its plan can be made, it runs, and prints what stands in the golden beside the plans. */
import { readdirSync } from "node:fs";
import { after, describe, test } from "node:test";
import { assertEquals, assertGreater } from "@std/assert";
import { REPOSITORY, runCli } from "../../support/cli.ts";
import { assertGolden, normaliseOutput } from "../../support/golden.ts";
import { missing, root } from "../../support/require.ts";
import { exampleLayers, storeWithout } from "../../support/store.ts";
import { guardWorld } from "./sandbox.ts";

const store = storeWithout(exampleLayers());
after(() => store[Symbol.dispose]());
guardWorld();
const files = readdirSync(`${REPOSITORY}/examples`).filter((name) => name.endsWith(".yaml")).sort();

describe("examples", () => {
  test("there are some", () => assertGreater(files.length, 0));

  for (const name of files) {
    test(`${name} is a good spec`, async () => {
      const { code, stderr } = await runCli(["validate", `examples/${name}`]);
      assertEquals([code, stderr], [0, ""]);
    });

    test(`${name} runs and prints what is expected`, { skip: missing(root()) }, async () => {
      const { code, stdout, stderr } = await runCli(["run", `examples/${name}`], {
        timeoutMs: 100_000,
      });
      const shown = `${normaliseOutput(stdout)}--- exit ${code}, standard error:\n${
        normaliseOutput(stderr)
      }`;
      assertGolden(
        `${REPOSITORY}/tests/integration/cli/examples/${name.replace(/\.yaml$/, ".txt")}`,
        shown,
      );
    });
  }
});
