/** The launcher's program on the simulator: what it compares, starts, passes on and says, against a made-up kernel. */
import { describe, test } from "node:test";
import { assert, assertEquals } from "@std/assert";
import { STAMP_WORDS } from "../../../../ffi/abi/stat.ts";
import { LEAVE_STATUS } from "../../../../ffi/stage/layout.ts";
import type { Check } from "../../../../runtime/plan/launcher/encode.ts";
import { EXEC_LAUNCHES } from "../../../../runtime/plan/launcher/format.ts";
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

function exec(checks: readonly Check[], world: Partial<World> = {}, more = {}): Played {
  const files = { ...world.files, ...withLaunch({ words, checks, ...more }, EXEC_LAUNCHES) };
  return launch({ words, reports: WELL, ...world, files });
}

describe("the launcher's program", () => {
  test("leaves what is not remembered, and has nothing open then", () => {
    assertLeft(launch({ words, files: {} }));
    assertLeft(launch({ words: ["run", "a.yaml"], files: {} }));
    // The directory is there, the file is not.
    const other = withLaunch({ words: ["exec", "other", "true"], checks: [] }, EXEC_LAUNCHES);
    assertLeft(launch({ words, files: other }));
  });

  test("a file is believed when it is root's, whole, of this build and of these words", () => {
    assertEquals(exec([]).stop, { stop: "exit", status: 0 });
    assertLeft(exec([], { directory: { mode: 0o40755, uid: 0 } }));
    assertLeft(exec([], { directory: { mode: 0o40700, uid: 1000 } }));
    assertLeft(exec([], {}, { build: BUILD + 1n }));
    const [[path = "", bytes = new Uint8Array()] = []] = Object.entries(
      withLaunch({ words, checks: [] }, EXEC_LAUNCHES),
    );
    for (const length of [0, 8, 19, 100, bytes.length - 1]) {
      assertLeft(
        launch({ words, files: { [path]: bytes.subarray(0, length) } }),
        `${length} bytes`,
      );
    }
    assertLeft(launch({ words, files: { [path]: new Uint8Array(bytes.length) } }), "zeros");
    const torn = bytes.slice();
    torn.fill(0, bytes.length - 8);
    assertLeft(launch({ words, files: { [path]: torn } }), "zeros at the end");
    for (const changed of [["exec", "web", "trux"], ["exec", "web"], ["exec", "web", "true", ""]]) {
      const [content] = Object.values(withLaunch({ words: changed, checks: [] }, EXEC_LAUNCHES));
      assertLeft(launch({ words, files: { [path]: content! } }), changed.join(" "));
    }
  });

  const ticks = (comm: string, value: string): string =>
    `42 (${comm}) S ${
      Array.from({ length: 18 }, (_, index) => `${index}`).join(" ")
    } ${value} 55 66\n`;
  const stamp = new Uint8Array(STAMP_WORDS.length * 8);
  STAMP_WORDS.forEach((_, index) => stamp[index * 8] = 9);
  const status = "Name:\tx\nUid:\t0\t0\nGid:\t0\nFDSize:\t64\nCapEff:\t1\nCapAmb:\t0\n";
  const parts: readonly Check[] = [
    { kind: "part", path: "/s", expected: "\nUid:\t0\t0\nGid:\t0\nFDSize:" },
    { kind: "more", path: "", expected: "\nCapEff:\t1\nCapAmb:" },
  ];
  const cases: readonly {
    readonly name: string;
    readonly checks: readonly Check[];
    readonly good: readonly Partial<World>[];
    readonly bad: readonly Partial<World>[];
  }[] = [
    {
      name: "a file's whole text",
      checks: [{ kind: "file", path: "/f", expected: "0123456789" }],
      good: [{ files: { "/f": "0123456789" } }],
      bad: [
        {},
        ...["", "012345678", "0123456788", "x123456789", "01234567890", "0123456789\0"]
          .map((text) => ({ files: { "/f": text } })),
      ],
    },
    {
      name: "an empty file",
      checks: [{ kind: "file", path: "/f", expected: "" }],
      good: [{ files: { "/f": "" } }],
      bad: [{}, { files: { "/f": "x" } }],
    },
    {
      name: "parts of a file, one behind the other",
      checks: parts,
      good: [{ files: { "/s": status } }, { files: { "/s": `\nUid:\t0\t1\n${status}` } }],
      bad: [
        {},
        { files: { "/s": status.replace("Gid:\t0", "Gid:\t1") } },
        { files: { "/s": status.replace("CapEff:\t1", "CapEff:\t3") } },
        { files: { "/s": status.slice(0, -12) } },
        // The second one stands in front of the first.
        { files: { "/s": `Name:\nCapEff:\t1\nCapAmb:\t0${status.slice(7, 45)}\n` } },
      ],
    },
    {
      name: "a link's target",
      checks: [{ kind: "link", path: "/l", expected: "net:[4026531833]" }],
      good: [{ links: { "/l": "net:[4026531833]" } }],
      bad: [
        {},
        ...["net:[4026531834]", "net:[402653183]", "net:[4026531833]x"].map((to) => ({
          links: { "/l": to },
        })),
      ],
    },
    {
      name: "when a process began, whatever its name is",
      checks: [{ kind: "ticks", path: "/p", expected: "123 " }],
      good: ["sh", "a b) S 1 (2", ") ) )", ""].map((comm) => ({
        files: { "/p": ticks(comm, "123") },
      })),
      bad: [
        {},
        { files: { "/p": ticks("sh", "1234") } },
        { files: { "/p": ticks("sh", "12") } },
        { files: { "/p": ticks("sh", "0123") } },
        { files: { "/p": `${ticks("sh", "7").trimEnd()} 123 ` } },
        { files: { "/p": "42 (sh) S 1 2 3" } },
        { files: { "/p": "" } },
      ],
    },
    {
      name: "which file it is and when it changed",
      checks: [{ kind: "status", path: "/d", expected: stamp }],
      good: [{ stamps: { "/d": 9 } }],
      bad: [{}, { stamps: { "/d": 8 } }],
    },
    {
      name: "a variable",
      checks: [{ kind: "variable", path: "HOME=", expected: "/root\0" }],
      good: [{ environment: ["HOME=/root"] }, {
        environment: ["A=1", "HOMES=/root", "HOME=/root", "HOME=/x"],
      }],
      bad: [
        {},
        ...["HOME=", "HOME=/roo", "HOME=/root/", "HOMES=/root", "XHOME=/root", "HOME"].map((
          text,
        ) => ({ environment: [text] })),
        { environment: ["HOME=/x", "HOME=/root"] },
      ],
    },
    {
      name: "a variable that is not there",
      checks: [{ kind: "unset", path: "HOME=", expected: "" }],
      good: [{}, { environment: ["HOMES=1", "XHOME=1"] }],
      bad: [{ environment: ["HOME="] }, { environment: ["A=1", "HOME=/root"] }],
    },
  ];
  for (const { name, checks, good, bad } of cases) {
    test(`compares ${name}`, () => {
      for (const world of good) assert(began(exec(checks, world)), JSON.stringify(world));
      for (const world of bad) assertLeft(exec(checks, world), JSON.stringify(world));
      // Behind another check as well as in front of one.
      const always: Check = { kind: "file", path: "/always", expected: "yes" };
      for (const both of [[always, ...checks], [...checks, always]]) {
        const withAlways = (world: Partial<World>) => ({
          ...world,
          files: { ...world.files, "/always": "yes" },
        });
        assert(began(exec(both, withAlways(good[0]!))));
        for (const world of bad) assertLeft(exec(both, withAlways(world)), JSON.stringify(world));
      }
    });
  }

  test("the target's pidfd is passed on, and one that has ended is left", () => {
    const played = exec([], {}, { pid: 42 });
    assertEquals(played.stop, { stop: "exit", status: 0 });
    assert(played.calls.indexOf("pidfd_open") < played.calls.indexOf("ppoll"));
    assertEquals(
      played.child.filter((call) => call.startsWith("dup3")).map((call) => call.split(" ")[2]),
      ["0", "3", "4", "6", "7"],
    );
    assertLeft(exec([], { targetEnded: true }, { pid: 42 }));
  });

  test("without a target nothing is passed; every signal has its default, and none is blocked", () => {
    const { child } = exec([], {}, { input: true });
    assertEquals(
      child.filter((call) => call.startsWith("dup3")).map((call) => call.split(" ")[2]),
      ["0", "3", "4", "6"],
    );
    assertEquals(child.filter((call) => call.startsWith("rt_sigaction")).length, 64);
    assert(child.some((call) => call.startsWith("rt_sigprocmask 2 ")));
  });

  test("a directory or nothing as a stream is left, with the standard input only where it goes along", () => {
    const directory = 0o40755;
    assertEquals(exec([], { stdio: [directory, 0o100644, 0o100644] }).stop.status, 0);
    for (const stdio of [[directory, 1, 1], [1, directory, 1], [1, 1, directory]]) {
      assertLeft(exec([], { stdio }, { input: true, pid: 42 }));
    }
  });

  test("what can't be started is left, with signals as they were and nothing open", () => {
    const refused = [
      ["fcntl", 1],
      ["signalfd4", 1],
      ["socketpair", 1],
      ["pipe2", 1],
      ["memfd_create", 3],
      ["memfd_create", 4],
      ["write", 1],
      ["pwrite64", 2],
      ["clone3", 1],
    ] as const;
    for (const [name, times] of refused) {
      const played = exec([], { refuse: { name, times } }, { pid: 42 });
      assertLeft({ ...played, calls: name === "clone3" ? [] : played.calls }, name);
      const masks = played.calls.filter((call) => call === "rt_sigprocmask").length;
      assertEquals(masks, name === "fcntl" ? 0 : 2, name);
    }
    // An older kernel knows neither MFD_EXEC nor F_SEAL_EXEC.
    assertEquals(exec([], { refuse: { name: "memfd_create", times: 1 } }).stop.status, 0);
    assertEquals(exec([], { refuse: { name: "fcntl", times: 4, after: 3 } }).stop.status, 0);
  });

  test("ends as the command did", () => {
    const end = (...stage: Uint8Array[]) => exec([], { reports: { stage } });
    assertEquals(end(report(REPORT.exited, { code: 1, status: 9 }), UNDONE).stop.status, 9);
    assertEquals(end(report(REPORT.exited, { code: 2, status: 15 }), UNDONE).stop.status, 143);
    assertEquals(end(report(REPORT.exited, { code: 3, status: 6 }), UNDONE).stop.status, 134);
    // What a container says of its own end counts before what its first process ended with.
    const step = report(REPORT.step, { code: 1, status: 3 });
    const both = exec([], { reports: { container: [step], stage: [ENDED, UNDONE] } });
    assertEquals(both.stop.status, 3);
    // Eight bits, whatever it says: no status of a command leaves the command line to the runtime.
    const lie = report(REPORT.step, { code: 1, status: LEAVE_STATUS });
    assertEquals(
      exec([], { reports: { container: [lie], stage: [ENDED, UNDONE] } }).stop.status,
      0,
    );
    const far = report(REPORT.step, { code: 2, status: 128 });
    assertEquals(
      exec([], { reports: { container: [far], stage: [ENDED, UNDONE] } }).stop.status,
      0,
    );
  });

  test("what is not plain is the runtime's: it gets the words and the reports", () => {
    const failed = report(REPORT.failed, { a: 3, b: 2 });
    const cases = [
      { stage: [] },
      { stage: [ENDED] },
      { stage: [UNDONE] },
      { stage: [failed, ENDED, UNDONE] },
      { container: [failed], stage: [ENDED, UNDONE] },
      { container: [report(REPORT.timeout)], stage: [ENDED, UNDONE] },
      { stage: [ENDED, report(99), UNDONE] },
      // A container can't say that all was taken back, or that its stage saw it end.
      { container: [UNDONE], stage: [ENDED] },
      { container: [ENDED], stage: [UNDONE] },
    ];
    for (const reports of cases) {
      const played = exec([], { reports });
      assertEquals(played.stop, { stop: "exec", status: 0 }, JSON.stringify(reports));
      assertEquals(played.executed, ["containerv", "launched", ...words]);
    }
    // A message that is none of ours is passed over.
    assertEquals(exec([], { reports: { container: [new Uint8Array(7)], ...WELL } }).stop.status, 0);
  });

  test("signals go on; after the second that ends, or the grace time, comes SIGKILL", () => {
    const sent = (...signals: (number | "time")[]) => exec([], { signals }).sent;
    assertEquals(sent(28, 10), [28, 10]);
    assertEquals(sent(15), [15]);
    assertEquals(sent(2, "time"), [2, 9]);
    assertEquals(sent(1, 15, 10, 2), [1, 15, 10, 2, 9]);
    assertEquals(sent(15, 15, 15), [15, 15, 9, 15, 9]);
  });
});
