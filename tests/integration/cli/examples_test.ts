/** Every file of examples/ is a good spec; tests/integration/examples runs them. */
import { readdirSync } from "node:fs";
import { after, describe, test } from "node:test";
import { assertEquals, assertGreater } from "@std/assert";
import { REPOSITORY, runCli } from "../../support/cli.ts";
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
  }
});
