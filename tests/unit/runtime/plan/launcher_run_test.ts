/** The launcher's program on the simulator: what it says of a run; and the files that it reads. */
import { describe, test } from "node:test";
import { assert, assertEquals } from "@std/assert";
import { type Check, encodeLaunch } from "../../../../runtime/plan/launcher/encode.ts";
import {
  CHECKED_BYTES_MAX,
  commandText,
  launchName,
  WORDS_MAX,
} from "../../../../runtime/plan/launcher/format.ts";
import { REPORT } from "../../../../runtime/plan/report.ts";
import {
  assertLeft,
  began,
  BUILD,
  ENDED,
  launch,
  type Played,
  report,
  UNDONE,
  WELL,
  withLaunch,
  words,
  type World,
} from "../support/launcher_world.ts";

describe("a run by the launcher", () => {
  const file = ["run", "a.yaml"];
  const run = (world: Partial<World>, line?: string): Played => {
    const launches = withLaunch(
      { words: file, checks: [], ...(line === undefined ? {} : { line }) },
      "/var/cache/containerv/launch",
    );
    return launch({ words: file, reports: WELL, ...world, files: { ...world.files, ...launches } });
  };

  test("says how it ended and how long it took, to the nearest millisecond", () => {
    const said = (seconds: number, nanoseconds: number) =>
      run({ took: [seconds, nanoseconds] }, " ms · memory 64MiB\n").written[2];
    assertEquals(said(0, 0), "✔ exit 0 · 0 ms · memory 64MiB\n");
    assertEquals(said(0, 499_999), "✔ exit 0 · 0 ms · memory 64MiB\n");
    assertEquals(said(0, 500_000), "✔ exit 0 · 1 ms · memory 64MiB\n");
    assertEquals(said(0, 10_000_000), "✔ exit 0 · 10 ms · memory 64MiB\n");
    assertEquals(said(1, 203_400_000), "✔ exit 0 · 1203 ms · memory 64MiB\n");
    assertEquals(said(90_000_000, 1_000_000), "✔ exit 0 · 90000000001 ms · memory 64MiB\n");
    assertEquals(run({}).written[2], undefined);
  });

  test("leaves to the runtime what ended otherwise, and what the limits did", () => {
    const counters = (a: number, text: string) => report(REPORT.counters, { a, text });
    const nothing = [
      counters(0, "oom_kill_disable 0\nunder_oom 0\noom_kill 0\n"),
      counters(1, "max 0\n"),
      counters(2, "nr_periods 3\nnr_throttled 0\nthrottled_time 0\n"),
    ];
    const line = " ms\n";
    const well = run({ reports: { stage: [...nothing, ENDED, UNDONE] } }, line);
    assertEquals([well.stop.status, well.executed], [0, []]);
    const something = [
      counters(0, "low 0\noom 1\noom_kill 1\noom_group_kill 0\n"),
      counters(0, "oom_kill_disable 0\n"),
      counters(1, "max 01\n"),
      counters(1, "xmax 0\n"),
      counters(2, "nr_periods 3\nnr_throttled 1\n"),
      counters(3, "max 0\n"),
      report(REPORT.counters, { a: 1, b: 100_000, text: "" }),
    ];
    for (const one of something) {
      const reports = { stage: [...nothing, one, ENDED, UNDONE] };
      assertEquals(run({ reports }, line).executed, ["containerv", "launched", ...file]);
      // Without a line there is nothing to say of it.
      assertEquals(run({ reports }).stop, { stop: "exit", status: 0 });
    }
    const bad = { stage: [report(REPORT.exited, { code: 1, status: 3 }), UNDONE] };
    assertEquals(run({ reports: bad }, line).executed.length, 4);
    assertEquals(run({ reports: bad }).stop, { stop: "exit", status: 3 });
  });

  test("finds its files in the cache that XDG_CACHE_HOME says", () => {
    const launches = withLaunch({ words: file, checks: [] }, "/c/containerv/launch");
    const at = (value: string): Played =>
      launch({
        words: file,
        reports: WELL,
        environment: ["A=b", `XDG_CACHE_HOME=${value}`],
        files: launches,
      });
    assert(began(at("/c")));
    assertLeft(at("/d"));
    assertLeft(at(`/${"c".repeat(5000)}`));
    // No absolute path is no place.
    assert(began(run({ environment: ["XDG_CACHE_HOME=c"] })));
  });
});

describe("encodeLaunch()", () => {
  const plain = {
    words,
    checks: [],
    image: new Uint8Array(8),
    shell: [],
    pid: 0,
    input: false,
    graceMs: 0,
    build: BUILD,
  };

  test("refuses what the launcher can't read", () => {
    assert(encodeLaunch(plain) !== undefined);
    const check = (expected: string, kind: Check["kind"] = "file") => ({
      ...plain,
      checks: [{ kind, path: "/f", expected }],
    });
    assertEquals(
      encodeLaunch({ ...plain, words: Array.from({ length: WORDS_MAX }, () => "") }),
      undefined,
    );
    assertEquals(encodeLaunch({ ...plain, image: new Uint8Array(1 << 20) }), undefined);
    assertEquals(encodeLaunch({ ...plain, line: "x".repeat(1001) }), undefined);
    assertEquals(encodeLaunch(check("x".repeat(CHECKED_BYTES_MAX))), undefined);
    assertEquals(encodeLaunch(check("seven b", "part")), undefined);
    assertEquals(encodeLaunch(check("short", "status")), undefined);
  });

  test("names differ by where words end", () => {
    const name = (...words: string[]) => launchName(commandText(words));
    assert(name("a", "b") !== name("ab"));
    assert(name("a", "") !== name("a"));
    assertEquals(name("exec", "web", "true").length, 16);
  });
});
