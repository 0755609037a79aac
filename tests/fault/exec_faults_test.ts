// runs-under: bun, deno
/**
 * Calls of an exec's program fail that the sweep of detached_records_test.ts reaches only when it takes all: the reports, of which one is how
 * the command has ended, and the walks that others' renames may disturb. What became of it is said.
 */
import process from "node:process";
import { describe, test } from "node:test";
import { assert, assertEquals } from "@std/assert";
import { EAGAIN } from "../../ffi/abi/errno.ts";
import { syscallNames } from "../../ffi/abi/syscalls.ts";
import { guardWorld } from "../integration/cli/sandbox.ts";
import { project } from "../integration/detached/project.ts";
import { missing, root } from "../support/require.ts";
import { answerMadeUpNumbers, FIRST_MADE_UP } from "./made_up_numbers.ts";
import { runPatched } from "./patched_images.ts";

guardWorld();
const NAMES = syscallNames(process.arch === "x64" ? "x86_64" : "aarch64");

describe("exec", { skip: missing(root()) }, () => {
  test("says that its end could not be reported; a walk that was disturbed is tried again", async () => {
    answerMadeUpNumbers();
    await using box = project({
      policy: "none",
      user: "1000:1000",
      commands: [["sleep", "600"]],
      stop: { grace: "0s" },
    });
    assertEquals((await box.cv("up", "-d")).code, 0);
    const words = ["exec", "--file", box.file, "containerv", "--", "true"];
    const { code, images: [image] } = await runPatched(words);
    assertEquals(code, 0);
    const said: string[] = [];
    for (const [record, call] of image?.calls ?? []) {
      const name = NAMES.get(call) ?? "";
      if (name !== "write" && name !== "openat2") continue;
      const number = FIRST_MADE_UP + Number(EAGAIN);
      const { code, output } = await runPatched(words, { image: 0, record, number });
      const where = `record ${record}, ${name}: ${code} ${output}`;
      // A walk that others' renames disturbed is tried again, and that is not patched.
      if (name === "openat2") assertEquals(code, 0, where);
      assert(code === 0 || /error (?!BUG)[A-Z_]+:/.test(output), where);
      said.push(output);
    }
    assert(said.some((text) => text.includes("could not report how")), said.join("\n"));
  });
});
