/** `validate` on every hostile spec: exit 2, a place, at once; and `run` never goes on with one. */
import { describe, test } from "node:test";
import process from "node:process";
import { assert, assertEquals, assertGreaterOrEqual, assertMatch } from "@std/assert";
import { PATIENCE, runCli } from "../../support/cli.ts";
import { HOSTILE_SPECS } from "../../support/hostile_specs.ts";
import { tempDir } from "../../support/temp.ts";
import { guardWorld } from "./sandbox.ts";

guardWorld();

/** One process per spec takes minutes: by default each tenth, and in CONTAINERV_FULL=1 all; the unit tests take all of them. */
const STRIDE = process.env["CONTAINERV_FULL"] === "1" ? 1 : 10;
/**
 * The promise is a second of our own work; a whole process on a busy machine needs its start too. Emulated processors are as slow as
 * they are patient at waiting, and as slow once more at what is all parsing.
 */
const WHOLE_PROCESS_MS = 3000 * PATIENCE ** 2;

describe("hostile specs through validate", () => {
  test("there are as many as promised", () => assertGreaterOrEqual(HOSTILE_SPECS.length, 200));

  const chosen = HOSTILE_SPECS.filter((_, index) => index % STRIDE === 0);
  test(`each of ${chosen.length}: exit 2, FILE:LINE:COLUMN, no stack, at once`, async () => {
    using directory = tempDir();
    for (let at = 0; at < chosen.length; at += 2) {
      await Promise.all(
        chosen.slice(at, at + 2).map(async ({ name, bytes }, lane) => {
          const file = directory.write(`hostile-${lane}.yaml`, bytes());
          const { code, stdout, stderr, ms } = await runCli(["validate", file], {
            timeoutMs: 30_000,
          });
          assertEquals([code, stdout], [2, ""], `${name}: ${stderr.slice(0, 300)}`);
          assertMatch(stderr, /hostile-\d\.yaml:\d+:\d+: error: \S/, name);
          assertEquals(
            /\n\s+at \w|BUG|undefined|\[object/.test(stderr),
            false,
            `${name}: ${stderr.slice(0, 600)}`,
          );
          assert(ms < WHOLE_PROCESS_MS, `${name}: ${ms} ms`);
          assert(stderr.length < 20_000, `${name}: ${stderr.length} characters`);
        }),
      );
    }
  });

  test("run refuses them with 125, from a file and from standard input", async () => {
    using directory = tempDir();
    for (const { name, bytes } of chosen.slice(0, 4)) {
      const file = directory.write("hostile.yaml", bytes());
      assertEquals((await runCli(["run", file])).code, 125, name);
      assertEquals((await runCli(["run", "-"], { stdin: bytes() })).code, 125, name);
    }
  });

  test("escapes of a spec reach no terminal: what it says is shown without them", async () => {
    const { code, stderr } = await runCli(["validate", "-"], {
      stdin: 'commands: [[x]]\n"\\e]0;owned\\a\\e[31mkey": 1\n',
    });
    assertEquals(code, 2);
    // deno-lint-ignore no-control-regex -- that is what must not be there
    assertEquals(/[\x00-\x08\x0b-\x1f\x7f]/.test(stderr), false, JSON.stringify(stderr));
  });
});
