import { assertEquals, assertThrows } from "@std/assert";
import { describe, test } from "node:test";
import { EBUSY, ENOENT, EPERM } from "../../../../ffi/abi/errno.ts";
import type { Syscall } from "../../../../ffi/calls/call.ts";
import type { Instruction } from "../../../../ffi/stage/language.ts";
import { interpret } from "../../../../runtime/apply/interpret.ts";
import { lowerUndoOf } from "../../../../runtime/plan/lower.ts";
import { HOST_HYBRID, HOST_V2 } from "../support/hosts.ts";
import { planOf } from "../support/wanted.ts";

const call = (name: string, more: { into?: string; onError?: string } = {}): Instruction => ({
  kind: "syscall",
  call: { name, words: [], text: [] },
  step: 0,
  onError: "stage.fail",
  ...more,
});

/** Runs a program against the results of its calls, by name; what is not named gives 0. */
function run(instructions: readonly Instruction[], results: Record<string, number> = {}) {
  const made: string[] = [];
  const end = interpret({ instructions }, ({ name }: Syscall) => {
    made.push(name);
    return results[name] ?? 0;
  });
  return { made, end };
}

describe("interpret()", () => {
  test("makes the calls in order, to the end", () => {
    assertEquals(run([call("a"), call("b")]), { made: ["a", "b"], end: undefined });
  });

  test("a failure names its record and errno, and ends the program", () => {
    const failing = call("b");
    const { made, end } = run([call("a"), failing, call("c")], { b: -EPERM });
    assertEquals([made, end?.errno, end?.record === failing], [["a", "b"], EPERM, true]);
  });

  test("a failure that does not matter is passed over", () => {
    assertEquals(run([call("a", { onError: "continue" }), call("b")], { a: -EPERM }).made, [
      "a",
      "b",
    ]);
  });

  test("follows labels, jumps, branches, sums", () => {
    const program: Instruction[] = [
      { kind: "add", into: "n", left: 0, right: 0 },
      { kind: "label", name: "again" },
      call("work", { into: "r", onError: "failed" }),
      { kind: "jump", to: "end" },
      { kind: "label", name: "failed" },
      { kind: "add", into: "n", left: { result: "n" }, right: 1n },
      { kind: "branch", when: "less", left: { result: "n" }, right: 3, to: "again" },
      {
        kind: "branch",
        when: "equal",
        left: { result: "error.errno" },
        right: EBUSY,
        to: "stage.fail",
      },
      { kind: "label", name: "end" },
      call("last"),
    ];
    assertEquals(run(program).made, ["work", "last"]);
    const busy = run(program, { work: -EBUSY });
    assertEquals([busy.made, busy.end?.errno], [["work", "work", "work"], EBUSY]);
    assertEquals(run(program, { work: -EPERM }).made, ["work", "work", "work", "last"]);
  });

  test("refuses what an undo program does not have, and an endless one", () => {
    const cell = { cell: "c", size: 8 };
    assertThrows(
      () => run([{ kind: "load", into: "a", address: cell, width: 8 }]),
      Error,
      "can't load",
    );
    assertThrows(() => run([{ kind: "add", into: "a", left: cell, right: 0 }]), Error, "no memory");
    assertThrows(
      () => run([{ kind: "label", name: "a" }, { kind: "jump", to: "a" }]),
      Error,
      "does not end",
    );
  });

  test("every undo of a plan is such a program; what is gone already is done", () => {
    for (const host of [HOST_V2, HOST_HYBRID]) {
      const undo = lowerUndoOf(planOf({ limits: { memory: "1MiB", pids: 3, cpu: 1 } }, { host }));
      assertEquals(undo.length, host === HOST_V2 ? 1 : 3);
      for (const { program } of undo) {
        assertEquals(run(program.instructions).end, undefined);
        assertEquals(run(program.instructions, { unlinkat: -ENOENT }).end, undefined);
        assertEquals(run(program.instructions, { unlinkat: -EPERM }).end?.errno, EPERM);
        const busy = run(program.instructions, { unlinkat: -EBUSY });
        assertEquals(busy.end?.errno, EBUSY);
        assertEquals(busy.made.filter((name) => name === "unlinkat").length, 2001);
      }
    }
  });
});
