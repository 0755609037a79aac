import { assert, assertEquals } from "@std/assert";
import { describe, test } from "node:test";
import {
  decodeReport,
  firstOwnFd,
  REPORT,
  REPORT_BYTES,
  REPORT_RUSAGE,
  REPORT_SIGINFO,
  type Reporter,
  type ReportKind,
} from "../../../../runtime/plan/report.ts";
import { chosenSeed, random } from "../../../support/random.ts";

interface Fields {
  readonly kind?: number;
  readonly a?: number;
  readonly b?: number;
}

function message({ kind = REPORT.exited, a = 0, b = 0 }: Fields): {
  bytes: Uint8Array;
  view: DataView;
} {
  const bytes = new Uint8Array(REPORT_BYTES);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, kind, true);
  view.setInt32(4, a, true);
  view.setInt32(8, b, true);
  return { bytes, view };
}

/** Who sends what. */
const SENT: readonly (readonly [ReportKind, Reporter])[] = [
  ["failed", "stage"],
  ["exited", "stage"],
  ["started", "stage"],
  ["timeout", "stage"],
  ["undone", "stage"],
  ["started", "stage"],
  ["detached", "stage"],
  ["ask", "stage"],
  ["counters", "stage"],
  ["failed", "container"],
  ["step", "container"],
  ["timeout", "container"],
];

describe("decodeReport()", () => {
  test("reads each kind", () => {
    for (const [kind, from] of SENT) {
      const report = decodeReport(message({ kind: REPORT[kind], a: -7, b: 12 }).bytes, from);
      assertEquals([report?.kind, report?.from, report?.a, report?.b], [kind, from, -7, 12]);
      assertEquals(report?.exit !== undefined, kind === "exited" || kind === "step", kind);
    }
  });

  test("S13: believes each side only what it can know", () => {
    for (const kind of Object.keys(REPORT) as ReportKind[]) {
      for (const from of ["stage", "container"] as const) {
        const known = SENT.some((one) => one[0] === kind && one[1] === from);
        const report = decodeReport(message({ kind: REPORT[kind] }).bytes, from);
        assertEquals(report !== undefined, known, `${kind} from ${from}`);
      }
    }
  });

  test("reads siginfo and rusage", () => {
    const { bytes, view } = message({});
    view.setInt32(REPORT_SIGINFO + 8, 2, true);
    view.setInt32(REPORT_SIGINFO + 24, 9, true);
    const times = [1n, 500_000n, 2n, 250_000n];
    times.forEach((value, index) => view.setBigInt64(REPORT_RUSAGE + index * 8, value, true));
    view.setBigInt64(REPORT_RUSAGE + 32, 4096n, true);
    assertEquals(decodeReport(bytes, "stage")?.exit, {
      code: 2,
      status: 9,
      cpuMicroseconds: 3_750_000,
      maxRssKib: 4096,
    });
  });

  test("reads from the middle of a buffer", () => {
    const { bytes } = message({ a: 5 });
    const larger = new Uint8Array(REPORT_BYTES + 16);
    larger.set(bytes, 8);
    assertEquals(decodeReport(larger.subarray(8, 8 + REPORT_BYTES), "stage")?.a, 5);
  });

  test("is undefined for what is not whole or not known", () => {
    const { bytes } = message({});
    for (const length of [0, 1, 4, 12, REPORT_BYTES - 1]) {
      assertEquals(decodeReport(bytes.subarray(0, length), "stage"), undefined);
    }
    assertEquals(decodeReport(new Uint8Array(REPORT_BYTES + 1), "stage"), undefined);
    for (const kind of [0, 10, 0xffffffff]) {
      assertEquals(decodeReport(message({ kind }).bytes, "stage"), undefined);
    }
  });

  test("never throws: 100,000 random buffers", () => {
    const seed = chosenSeed(20261124);
    const source = random(seed);
    const bytes = new Uint8Array(REPORT_BYTES + 8);
    const view = new DataView(bytes.buffer);
    let known = 0;
    for (let round = 0; round < 100_000; round++) {
      for (let at = 0; at < bytes.length; at += 4) view.setUint32(at, source.word(), true);
      // Most buffers get a kind that exists and the right length, so that what lies behind is read too.
      if (source.chance(0.8)) view.setUint32(0, source.below(8), true);
      const length = source.chance(0.8) ? REPORT_BYTES : source.below(bytes.length);
      const report = decodeReport(
        bytes.subarray(0, length),
        source.chance(0.5) ? "stage" : "container",
      );
      if (report === undefined) continue;
      known++;
      assert(
        [report.a, report.b].every(Number.isInteger) && report.kind in REPORT,
        `CONTAINERV_SEED=${seed} round ${round}`,
      );
      const { exit } = report;
      if (exit === undefined) continue;
      assert(Object.values(exit).every(Number.isFinite), `CONTAINERV_SEED=${seed} round ${round}`);
    }
    assert(known > 25_000, `${known}`);
  });
});

test("the stage's own descriptors begin behind those that it is given", () => {
  assertEquals([firstOwnFd(false), firstOwnFd(true)], [5, 6]);
});
