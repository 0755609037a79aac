/** Tests of the arithmetic and of the order of samples; none of them looks at a time. `node --test bench/` */
import assert from "node:assert/strict";
import { execFileSync, spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { after, before, describe, test } from "node:test";
import { fileURLToPath } from "node:url";
import { floorSteps } from "./floor.mjs";
import { describeInside, parseProbe } from "./inside.mjs";
import { cgroupHierarchies, describeCgroups } from "./machine.mjs";
import { median, parseSamples, quantile, showBars, showTable, tabulate } from "./report.mjs";
import { etcOfPlan } from "./rootfs.mjs";

const HERE = dirname(fileURLToPath(import.meta.url));

describe("report", () => {
  test("median() and quantile() of even and odd counts", () => {
    assert.equal(median([1, 2, 9]), 2);
    assert.equal(median([1, 2, 4, 9]), 3);
    assert.equal(quantile([1, 2, 3, 4, 5, 6, 7, 8, 9, 10], 0.9), 9);
    assert.equal(quantile([7], 0.99), 7);
    assert.throws(() => median([]), RangeError);
  });

  test("tabulate() leaves the warm-up out and names failed runs", () => {
    const { floorKiB, samples } = parseSamples(
      "floor\t1000\n" +
        "sample\t-1\t0\ta\t99000000\t9999\t0\t0\t1\n" +
        "sample\t0\t0\ta\t2000000\t2048\t500\t500\t0\n" +
        "sample\t1\t0\ta\t4000000\t1024\t500\t500\t137\n" +
        "sample\t0\t1\tcrun\t6000000\t1024\t500\t500\t0\n",
    );
    assert.equal(floorKiB, 1000);
    const [row, crun] = tabulate(samples, ["a", "crun"]);
    assert.deepEqual([row.n, row.median, row.maxRssKiB, row.failed], [2, 3000000, 2048, [137]]);
    assert.match(showTable([row, crun]), /^a +3\.00 .* 0\.50 +- +1\.00 +2\.0$/m);
  });

  test("parseSamples() refuses what spawn_timer does not print", () => {
    assert.throws(() => parseSamples("sample\t1\n"), /spawn_timer printed/);
  });

  test("showBars() tells a bar that holds from one that is missed, and leaves unmeasured ones out", () => {
    const bar = (value) => ({ what: "w", value, bar: 1, unit: "ms" });
    assert.equal(
      showBars([bar(1), bar(1.5), bar(NaN)]),
      "  holds   w: 1.00 ≤ 1 ms\n  MISSED  w: 1.50 > 1 ms",
    );
  });
});

describe("what is compared", () => {
  const V1 = "31 23 0:28 / /c rw - tmpfs tmpfs rw\n" +
    "35 31 0:32 / /c/memory rw,relatime - cgroup cgroup rw,memory\n" +
    "39 31 0:36 / /c/pids rw,relatime shared:4 - cgroup cgroup rw,pids,release_agent=/x\n" +
    "41 31 0:38 / /c/unified rw - cgroup2 cgroup2 rw,nsdelegate\n";

  test("cgroupHierarchies() reads a hybrid mountinfo", () => {
    assert.equal(
      describeCgroups(cgroupHierarchies(V1)),
      "v1: memory pids; v2 at /c/unified: no controllers",
    );
  });

  const plan = {
    ops: [
      {
        kind: "cgroup.make",
        path: "/c/containerv/x",
        parents: [
          { path: "/c", enable: ["pids"], disable: ["pids"], removable: false },
          { path: "/c/containerv", enable: ["pids"], disable: [], removable: true },
        ],
      },
      { kind: "cgroup.open", path: "/c/containerv/x", as: "directory", fd: "group /c" },
      { kind: "clone", namespaces: ["pid", "cgroup"], group: "group /c" },
      {
        kind: "mount.bind",
        source: "/etc/group",
        at: "/g",
        target: "file",
        attributes: ["ro", "nodev"],
        optional: true,
      },
      { kind: "file", path: "/f", mode: 0o644, text: "a\tb\n" },
    ],
  };

  test("floorSteps() keeps the plan's order, in groups of its own, and ends with what undoes it", () => {
    assert.equal(
      floorSteps(plan),
      [
        "group.control\t/c/cgroup.subtree_control\t+pids",
        "group.parent\t/c/containerv-bench-floor",
        "group.control\t/c/containerv-bench-floor/cgroup.subtree_control\t+pids",
        "group.make\t/c/containerv-bench-floor/x",
        "group.open\t/c/containerv-bench-floor/x\tdirectory",
        `clone\t${0x22000000}\t/c/containerv-bench-floor/x`,
        "mount.bind\t/g\t/etc/group\tfile\t5\t1",
        String.raw`file` + "\t/f\t420\t" + String.raw`a\tb\n`,
        "group.remove\t/c/containerv-bench-floor/x",
        "group.remove\t/c/containerv-bench-floor\tparent",
        "group.release\t/c/cgroup.subtree_control\t-pids",
        "",
      ].join("\n"),
    );
  });

  test("floorSteps() refuses an operation that floor.c has no step for", () => {
    assert.throws(() => floorSteps({ ops: [{ kind: "toString" }] }), /no step for .* toString/);
  });

  test("every step of floorSteps() is in floor.c's table", () => {
    const source = readFileSync(join(HERE, "floor.c"), "utf8");
    const translator = readFileSync(join(HERE, "floor.mjs"), "utf8");
    const named = [...translator.matchAll(/\["([a-z.]+)"/g)].map(([, name]) => name);
    assert.ok(named.length > 20);
    for (const name of named) assert.ok(source.includes(`{"${name}", `), name);
  });

  test("etcOfPlan() gives what the plan binds from /etc", () => {
    assert.deepEqual(etcOfPlan(plan), ["/etc/group"]);
  });

  test("describeInside() names the namespaces that are not the host's", () => {
    const seen = parseProbe("ns.pid pid:[2]\nns.net net:[1]\npid 1\nCapEff: 00000000a80425fb\n");
    const [namespaces, pid, caps] = describeInside(seen, { pid: "pid:[1]", net: "net:[1]" });
    assert.deepEqual([namespaces, pid, caps], ["pid", "1", "a80425fb"]);
  });
});

const compiler = spawnSync("gcc", ["--version"]).status === 0 ? false : "needs gcc";

describe("spawn_timer", { skip: compiler }, () => {
  let directory;
  before(() => {
    directory = mkdtempSync(join(tmpdir(), "bench-test-"));
    const target = join(directory, "spawn_timer");
    execFileSync("gcc", ["-Wall", "-Werror", "-o", target, join(HERE, "spawn_timer.c")]);
  });
  after(() => rmSync(directory, { recursive: true, force: true }));

  const time = (list, ...counts) => {
    const path = join(directory, "list");
    writeFileSync(path, list);
    const argv = [path, ...counts.map(String), join(directory, "stderr")];
    return spawnSync(join(directory, "spawn_timer"), argv, { encoding: "utf8" });
  };

  for (const count of [2, 3, 4, 5]) {
    test(`each of ${count} commands follows each other one equally often`, () => {
      const names = [..."abcde"].slice(0, count);
      const list = names.map((name) => `command ${name}\narg /bin/true\n`).join("");
      const { samples } = parseSamples(time(list, 2 * count, 0, 0).stdout);
      const follows = new Map();
      for (const [index, { name, round }] of samples.entries()) {
        const previous = samples[index - 1];
        if (previous?.round !== round) continue;
        const pair = previous.name + name;
        follows.set(pair, (follows.get(pair) ?? 0) + 1);
      }
      assert.equal(follows.size, count * (count - 1));
      assert.deepEqual([...new Set(follows.values())], [2]);
    });
  }

  test("statuses, warm-up rounds, emptied directories", () => {
    const cache = join(directory, "cache");
    mkdirSync(join(cache, "deep"), { recursive: true });
    writeFileSync(join(cache, "deep", "file"), "x");
    const list = "command false\narg /bin/false\n" +
      "command kill\narg /bin/sh\narg -c\narg kill -9 $$\n" +
      `command empty\narg /bin/sh\narg -c\narg test -z "$(ls -A $D)" && touch $D/left\nenv D=${cache}\nempty ${cache}\n`;
    const { samples } = parseSamples(time(list, 2, 1, 0).stdout);
    assert.deepEqual(samples.filter(({ round }) => round < 0).length, 3);
    const statuses = Object.fromEntries(samples.map(({ name, status }) => [name, status]));
    assert.deepEqual(statuses, { false: 1, kill: 137, empty: 0 });
    assert.deepEqual(readdirSync(cache), ["left"]);
  });

  test("a wrong list is refused with its line", () => {
    const done = time("command a\nargument /bin/true\n", 1, 0, 0);
    assert.equal(done.status, 2);
    assert.match(done.stderr, /list:2: unknown key `argument`/);
  });
});
