/** The launcher's machine code on this processor: which command lines it takes, and what the runtime behind it finds when it leaves. */
import { spawnSync } from "node:child_process";
import { chmodSync, writeFileSync } from "node:fs";
import { describe, test } from "node:test";
import { assertEquals } from "@std/assert";
import type { Instruction } from "../../../ffi/stage/language.ts";
import { encode } from "../../../ffi/stage/encode.ts";
import { addLauncher } from "../../../ffi/stage/launcher_elf.ts";
import { LEAVE_STATUS } from "../../../ffi/stage/layout.ts";
import { linux, missing, processor } from "../../support/require.ts";
import { tempDir } from "../../support/temp.ts";
import { add, call, exit, madeUpExecutable, result } from "../../unit/stage/support.ts";

const skip = missing(linux(), processor("x64"));

describe("a launcher in front of an executable", { skip }, () => {
  function run(
    instructions: readonly Instruction[],
    words: readonly string[],
  ): number | string | null {
    using dir = tempDir("containerv-launcher-");
    const path = `${dir.path}/program`;
    writeFileSync(path, addLauncher(madeUpExecutable(), encode({ instructions }, "x86_64")));
    chmodSync(path, 0o755);
    const { status, signal } = spawnSync(path, words, { env: { A: "b" } });
    return status ?? signal;
  }

  test("takes exec and run, and leaves all others at once", () => {
    const program = [exit(77)];
    for (const words of [["exec", "a"], ["run", "b", "c"], ["exec", ""]]) {
      assertEquals(run(program, words), 77, words.join(" "));
    }
    const others = [
      [],
      ["exec"],
      ["run"],
      ["exe", "a"],
      ["execs", "a"],
      ["runs", "a"],
      ["r", "a"],
      ["", ""],
      ["up", "exec"],
    ];
    // The executable ends with the number of its words: argv, and all else is as the kernel made it.
    for (const words of others) {
      assertEquals(run(program, words), words.length + 1, words.join(" "));
    }
  });

  test("its program begins with the address of argc, has memory that is zero and bytes that may be written", () => {
    const bytes = { bytes: Uint8Array.of(40, 0, 0, 0, 0, 0, 0, 0), patches: [] };
    const program: Instruction[] = [
      { kind: "load", into: "argc", address: result("error.record"), width: 8 },
      {
        kind: "load",
        into: "zero",
        address: { cell: "memory", size: 300_000, offset: 299_000 },
        width: 8,
      },
      { kind: "load", into: "forty", address: bytes, width: 8 },
      add("sum", result("argc"), result("zero")),
      add("sum", result("sum"), result("forty")),
      { kind: "store", value: result("sum"), address: bytes, width: 8 },
      { kind: "load", into: "again", address: bytes, width: 8 },
      exit(result("again")),
    ];
    assertEquals(run(program, ["run", "a", "b"]), 44);
  });

  test("leaves by exit_group of a status that there is not: everything is as it was", () => {
    const program = [call("getpid", [], { into: "pid" }), exit(LEAVE_STATUS)];
    assertEquals(run(program, ["run", "a", "b", "c"]), 5);
    assertEquals(run([exit(255)], ["run", "a"]), 255);
    assertEquals(run([exit(LEAVE_STATUS + 1)], ["run", "a"]), 1);
  });
});
