/** The reports of a stage → what `run` exits with, and why. */
import { assert, assertEquals, assertMatch } from "@std/assert";
import { describe, test } from "node:test";
import {
  EACCES,
  EEXIST,
  ENOENT,
  ENOEXEC,
  ENOMEM,
  ENOTDIR,
  EPERM,
} from "../../../../ffi/abi/errno.ts";
import { SyscallError } from "../../../../ffi/linux/error.ts";
import { explainedOutcome } from "../../../../runtime/apply/explain.ts";
import { factsOf } from "../../../../runtime/apply/facts.ts";
import { execStatus, failureOf } from "../../../../runtime/apply/failure.ts";
import { hintFor, HINTS } from "../../../../runtime/apply/hints.ts";
import { endingOutcome, plainOutcome } from "../../../../runtime/apply/outcome.ts";
import { ContainervError } from "../../../../runtime/plan/error.ts";
import { HostError } from "../../../../runtime/plan/host_error.ts";
import type { OpKind } from "../../../../runtime/plan/ops/registry.ts";
import type { Report } from "../../../../runtime/plan/report.ts";
import { HOST_V2 } from "../support/hosts.ts";
import { ALL_SAMPLES } from "../support/samples.ts";
import { play, prepareScene } from "../support/simulated.ts";
import { planOf } from "../support/wanted.ts";

const exited = (status: number, code = 1): Report => ({
  kind: "exited",
  from: "stage",
  a: 0,
  b: 0,
  exit: { code, status, cpuMicroseconds: 1500, maxRssKib: 4096 },
});
const step = (a: number, status: number, code = 1): Report => ({
  ...exited(status, code),
  kind: "step",
  from: "container",
  a,
});
const timeout = (a: number): Report => ({ kind: "timeout", from: "container", a, b: 0 });
const undone: Report = { kind: "undone", from: "stage", a: 0, b: 0 };
const failed = (a: number, b: number): Report => ({ kind: "failed", from: "stage", a, b });

describe("endings", () => {
  const rows: readonly [string, readonly Report[], readonly unknown[]][] = [
    ["exit 0", [exited(0), undone], [0, undefined, "exited", 0]],
    ["exit 7", [exited(7), undone], [7, undefined, "exited", 0]],
    ["killed by 9", [exited(9, 2), undone], [137, 9, "signal", 0]],
    ["dumped by 11", [exited(11, 3), undone], [139, 11, "signal", 0]],
    ["the second command", [step(1, 3), exited(3), undone], [3, undefined, "exited", 1]],
    ["a command killed", [step(2, 15, 2), exited(143), undone], [143, 15, "signal", 2]],
    ["time over", [timeout(1), exited(9, 2), undone], [124, 9, "timeout", 1]],
  ];
  for (const [name, reports, expected] of rows) {
    test(name, () => {
      const outcome = plainOutcome(reports);
      assert(outcome !== undefined);
      assertEquals([outcome.status, outcome.signal, outcome.reason, outcome.command], [
        ...expected,
      ]);
      assertEquals(outcome.leftovers, []);
      if (reports[0]?.kind !== "timeout") {
        assertEquals([outcome.cpuMicroseconds, outcome.maxRssKib], [1500, 4096]);
      }
    });
  }

  test("no end, or a failure, is not plain", () => {
    assertEquals(plainOutcome([]), undefined);
    assertEquals(plainOutcome([exited(0)]), undefined);
    assertEquals(plainOutcome([failed(1, 1), undone]), undefined);
    assertEquals(endingOutcome([]), {
      status: 125,
      reason: "lost",
      command: 0,
      cpuMicroseconds: 0,
      maxRssKib: 0,
      leftovers: [],
      pressure: { oomKills: 0, pidsRefused: 0, throttled: 0 },
    });
  });
});

const LIMITED = planOf({ limits: { memory: "64MiB", pids: 5 }, commands: [["a"], ["tool"]] });
const SCENE = prepareScene(LIMITED, HOST_V2);

/** What the simulator reports when the first call that `matches` fails. */
function explain(matches: (made: { name: string; path: string }) => boolean, errno: number) {
  const { reports } = play(SCENE, {
    intercept: (made) => matches(made) ? -BigInt(errno) : undefined,
  });
  assertEquals(plainOutcome(reports), undefined);
  return explainedOutcome(reports, LIMITED, SCENE.encoded.records);
}

describe("explainedOutcome()", () => {
  test("a call of the stage failed: the step, the call, the fix; nothing ran", () => {
    const outcome = explain(
      ({ name, path }) => name === "write" && path.endsWith("memory.max"),
      22,
    );
    assertEquals([outcome.status, outcome.reason, outcome.command], [125, "failed", 0]);
    const facts = outcome.failure;
    assertEquals(facts?.code, "SYSCALL_FAILED");
    assertMatch(facts?.message ?? "", /^cannot set the limit .*memory\.max: Invalid argument$/);
    assertMatch(facts?.syscall ?? "", /^write\(.*"67108864".* = -1 EINVAL \(Invalid argument\)$/);
    assertEquals(facts?.pointer, "/limits/memory");
    assertEquals(facts?.undone, "everything was taken back");
    assert(facts?.fix !== undefined && facts.step !== undefined);
    assertEquals(LIMITED.ops[facts.step.number - 1]?.id, "limits/memory/memory.max");
    assertEquals(facts.step.of, LIMITED.ops.length);
  });

  test("a command that is not found, not allowed, or no program", () => {
    const rows = [
      [ENOENT, 127, "COMMAND_NOT_FOUND"],
      [ENOTDIR, 127, "COMMAND_NOT_FOUND"],
      [EACCES, 126, "COMMAND_NOT_EXECUTABLE"],
      [ENOEXEC, 126, "COMMAND_FAILED_TO_START"],
    ] as const;
    for (const [errno, status, code] of rows) {
      const outcome = explain(
        ({ name, path }) => name === "execve" && path.endsWith("/tool"),
        errno,
      );
      assertEquals([outcome.status, outcome.reason, outcome.command], [status, "not started", 1]);
      assertEquals(outcome.failure?.code, code);
      assertEquals(outcome.failure?.message.startsWith('cannot execute "tool": '), true);
      assertEquals(execStatus(errno), status);
    }
  });

  test("what fails after the end is left over and does not change the ending", () => {
    const outcome = explain(
      ({ name, path }) => name === "unlinkat" && path.endsWith("/box"),
      EPERM,
    );
    assertEquals([outcome.status, outcome.reason, outcome.failure], [0, "exited", undefined]);
    assertEquals(outcome.leftovers.length, 1);
    assertMatch(outcome.leftovers[0]?.syscall ?? "", /^unlinkat\(.*EPERM/);
  });

  test("a stage that was killed while it took things back: said so", () => {
    const reports = [failed(0, ENOMEM)];
    const outcome = explainedOutcome(reports, LIMITED, SCENE.encoded.records);
    assertMatch(outcome.failure?.undone ?? "", /the runner did it/);
  });

  test("a report that names no record of ours explains nothing, and is a failure", () => {
    for (
      const record of [
        -1,
        99_999,
        SCENE.encoded.records.findIndex(({ kind }) => kind === "jump"),
      ]
    ) {
      const outcome = explainedOutcome(
        [failed(record, EPERM), undone],
        LIMITED,
        SCENE.encoded.records,
      );
      assertEquals([outcome.status, outcome.reason, outcome.failure], [125, "failed", undefined]);
    }
  });

  test("S13: a container that names a call of the stage is not believed: nothing is started again", () => {
    const record = SCENE.encoded.records.findIndex((one) =>
      one.kind === "syscall" && LIMITED.ops[one.step]?.kind === "cgroup.make"
    );
    const forged: Report = { ...failed(record, EEXIST), from: "container" };
    assertEquals(failureOf(forged, LIMITED, SCENE.encoded.records), undefined);
    assert(failureOf({ ...forged, from: "stage" }, LIMITED, SCENE.encoded.records) !== undefined);
    const outcome = explainedOutcome([forged, exited(0), undone], LIMITED, SCENE.encoded.records);
    assertEquals([outcome.status, outcome.reason, outcome.failure], [125, "failed", undefined]);
  });

  test("a limit that is not held is told apart from a call that failed", () => {
    const { reports } = play(SCENE, {
      rounds: (path, value) => path.endsWith("max") ? "max" : value,
    });
    const outcome = explainedOutcome(reports, LIMITED, SCENE.encoded.records);
    assertEquals(outcome.failure?.code, "LIMIT_NOT_HELD");
    assertMatch(outcome.failure?.message ?? "", /took the value but does not hold it$/);
    assertEquals(outcome.failure?.syscall, undefined);
  });

  test("every call of the program that fails is explained, in words and with its line", () => {
    SCENE.encoded.records.forEach((record, index) => {
      if (record.kind !== "syscall" || record.step < 0) return;
      const failure = failureOf(failed(index, EPERM), LIMITED, SCENE.encoded.records);
      assert(failure !== undefined, `${index}`);
      assertMatch(failure.facts.message, /^cannot \S/);
      assertEquals(failure.op, LIMITED.ops[record.step]);
    });
  });
});

describe("hints", () => {
  test("each can be reached by an operation of its kind", () => {
    const unreached = HINTS.filter(({ errno, fix }) =>
      !ALL_SAMPLES.some((op) => hintFor(op, errno) === fix)
    );
    assertEquals(unreached.map(({ kind, errno }) => `${kind} ${errno}`), []);
  });

  test("each errno of a kind has one hint, unless its condition tells them apart", () => {
    const keys = HINTS.filter(({ when }) => when === undefined).map(({ kind, errno }) =>
      `${kind} ${errno}`
    );
    assertEquals(keys.filter((key, index) => keys.indexOf(key) !== index), []);
  });

  test("the kind's own comes before any kind's; nothing is made up", () => {
    const sample = (kind: OpKind) => {
      const found = ALL_SAMPLES.find((op) => op.kind === kind);
      assert(found !== undefined);
      return found;
    };
    assertMatch(hintFor(sample("mount.new"), EPERM) ?? "", /refuses this mount/);
    assertMatch(hintFor(sample("hostname"), EPERM) ?? "", /doctor/);
    assertEquals(hintFor(sample("hostname"), 999), undefined);
  });
});

describe("factsOf()", () => {
  test("keeps what our errors know", () => {
    const facts = { code: "X", message: "m" };
    assertEquals(factsOf(new ContainervError(facts)), facts);
    const host = new HostError("NO", { origin: "/user", message: "no", fix: "yes" });
    assertEquals(factsOf(host), {
      code: "NO",
      message: "no",
      pointer: "/user",
      fix: "yes",
      undone: "nothing was done",
    });
    assertEquals(factsOf(new HostError("NO", { origin: "default", message: "no" })).pointer, "");
    const call = { name: "close", words: [-1], text: ["-1"] };
    const system = factsOf(new SyscallError(call, 9));
    assertEquals([system.code, system.errno], ["SYSCALL_FAILED", 9]);
    assertMatch(system.syscall ?? "", /^close\(-1\) = -1 EBADF/);
  });

  test("anything else is a fault of ours, with its stack", () => {
    const facts = factsOf(new TypeError("oops"));
    assertEquals(facts.code, "BUG");
    assertMatch(facts.message, /TypeError: oops\n\s+at /);
    assertMatch(factsOf("text").message, /happened: text$/);
  });
});
