import { assert, assertEquals, assertThrows } from "@std/assert";
import { describe, test } from "node:test";
import type { Host } from "../../../../runtime/plan/host.ts";
import { HostError } from "../../../../runtime/plan/host_error.ts";
import type { Op } from "../../../../runtime/plan/ops/registry.ts";
import { compileLimits, LIMITS } from "../../../../runtime/subjects/limits/compile.ts";
import { showBytes } from "../../../../runtime/subjects/limits/memory.ts";
import { HOST_HYBRID, HOST_MIXED, HOST_NO_CGROUPS, HOST_USER, HOST_V2 } from "../support/hosts.ts";
import { planOf, wanted } from "../support/wanted.ts";

const compileFor = (limits: unknown, host: Host) =>
  compileLimits(wanted(limits === undefined ? {} : { limits }), host, "box");

const writes = (ops: readonly Op[]) =>
  ops.flatMap((op) =>
    op.kind === "cgroup.write" ? [[op.path.replace("/sys/fs/cgroup/", ""), op.value, op.holds]] : []
  );

describe("each limit, written and held, on each machine", () => {
  const rows: readonly [string, Host, unknown, readonly (readonly string[])[]][] = [
    ["memory v2", HOST_V2, { memory: "64MiB" }, [
      ["containerv/box/memory.max", "67108864", "67108864"],
    ]],
    ["memory v1", HOST_HYBRID, { memory: "64MiB" }, [
      ["memory/containerv/box/memory.limit_in_bytes", "67108864", "67108864"],
    ]],
    ["memory in whole pages", HOST_V2, { memory: "100000B" }, [
      ["containerv/box/memory.max", "100000", "98304"],
    ]],
    ["memory in pages of 64 KiB", { ...HOST_V2, pageBytes: 65536 }, { memory: "100000B" }, [
      ["containerv/box/memory.max", "100000", "65536"],
    ]],
    ["pids v2", HOST_V2, { pids: 16 }, [["containerv/box/pids.max", "16", "16"]]],
    ["pids v1", HOST_HYBRID, { pids: 16 }, [["pids/containerv/box/pids.max", "16", "16"]]],
    ["cpu v2", HOST_V2, { cpu: 1.5 }, [
      ["containerv/box/cpu.max", "150000 100000", "150000 100000"],
    ]],
    ["cpu v1, period first", HOST_HYBRID, { cpu: 1.5 }, [
      ["cpu,cpuacct/containerv/box/cpu.cfs_period_us", "100000", "100000"],
      ["cpu,cpuacct/containerv/box/cpu.cfs_quota_us", "150000", "150000"],
    ]],
    ["the least cpu", HOST_V2, { cpu: 0.01 }, [
      ["containerv/box/cpu.max", "1000 100000", "1000 100000"],
    ]],
    ["a third of a cpu", HOST_V2, { cpu: 0.3333 }, [
      ["containerv/box/cpu.max", "33330 100000", "33330 100000"],
    ]],
    ["both versions", HOST_MIXED, { memory: "1GiB", cpu: 2 }, [
      ["memory/containerv/box/memory.limit_in_bytes", "1073741824", "1073741824"],
      ["unified/containerv/box/cpu.max", "200000 100000", "200000 100000"],
    ]],
  ];
  for (const [name, host, limits, expected] of rows) {
    test(name, () => {
      const { stage } = compileFor(limits, host);
      const own = writes(stage).filter(([path]) =>
        !path?.endsWith("pids.max") || /pids/.test(name)
      );
      assertEquals(own, expected as string[][]);
    });
  }

  test("every limit has a row here", () => {
    const asked = rows.flatMap(([, , limits]) => Object.keys(limits as object));
    assertEquals(LIMITS.map(({ key }) => key).filter((key) => !asked.includes(key)), []);
  });
});

describe("groups", () => {
  test("no limits: no group, no loss", () => {
    for (const host of [HOST_V2, HOST_HYBRID, HOST_NO_CGROUPS, HOST_USER]) {
      const { stage, container, losses } = compileFor(undefined, host);
      assertEquals([stage, container, losses], [[], [], []]);
    }
  });

  test("order: groups, then values, then the ways in", () => {
    const { stage } = compileFor({ memory: "1GiB", cpu: 1, pids: 5 }, HOST_HYBRID);
    const kinds = stage.map(({ kind }) => kind);
    assertEquals(kinds, kinds.toSorted((a, b) => rank(a) - rank(b)));
    assertEquals(kinds.filter((kind) => kind === "cgroup.make").length, 3);
    assertEquals(new Set(kinds).size, 3);
  });

  const rank = (kind: string): number =>
    ["cgroup.make", "cgroup.write", "cgroup.open"].indexOf(kind);

  test("v2 is entered by clone3, v1 by the child, and the groups are named for both", () => {
    const v2 = compileFor({ memory: "1GiB" }, HOST_V2);
    assertEquals([v2.group, v2.container], ["group /sys/fs/cgroup", []]);
    const v1 = compileFor({ memory: "1GiB" }, HOST_HYBRID);
    assertEquals(v1.group, undefined);
    assert(
      v1.container.every(({ kind, where }) => kind === "cgroup.join" && where === "container"),
    );
    const both = compileFor({ memory: "1GiB", pids: 3 }, HOST_MIXED);
    assertEquals(both.group, "group /sys/fs/cgroup/unified");
    assertEquals(both.groups.map(({ version, controllers }) => [version, ...controllers]), [
      [1, "memory"],
      [2, "pids"],
    ]);
  });

  test("v2 switches on what it needs, and off only what was off", () => {
    const [make] = compileFor({ memory: "1GiB", pids: 3 }, HOST_V2).stage;
    assert(make?.kind === "cgroup.make");
    assertEquals(make.parents, [
      {
        path: "/sys/fs/cgroup",
        enable: ["memory", "pids"],
        disable: ["memory"],
        removable: false,
      },
      {
        path: "/sys/fs/cgroup/containerv",
        enable: ["memory", "pids"],
        disable: [],
        removable: true,
      },
    ]);
  });

  test("each operation says which line asked for it", () => {
    const plan = planOf({ limits: { memory: "1GiB" } });
    const origins = plan.ops.filter(({ kind }) => kind.startsWith("cgroup."))
      .map(({ kind, id, origin }) => `${kind} ${id.split("/").at(-1)} ${origin}`);
    assert(origins.includes("cgroup.write memory.max /limits/memory"), origins.join("\n"));
    assert(origins.includes("cgroup.write pids.max default"), origins.join("\n"));
  });
});

describe("what cannot be held", () => {
  const refused = (limits: unknown, host: Host) =>
    assertThrows(() => compileFor(limits, host), HostError);

  test("asked for by an ordinary user: an error at the limit", () => {
    for (const [limits, key] of [[{ memory: "1MiB" }, "memory"], [{ pids: 3 }, "pids"]] as const) {
      const error = refused(limits, HOST_USER);
      assertEquals([error.code, error.origin], ["LIMITS_NEED_ROOT", `/limits/${key}`]);
      assert(error.fix !== undefined);
    }
  });

  test("no such controller on this machine: an error at the limit", () => {
    const error = refused({ cpu: 1 }, HOST_NO_CGROUPS);
    assertEquals([error.code, error.origin], ["NO_CONTROLLER", "/limits/cpu"]);
    assertEquals(
      refused({ memory: "1MiB" }, { ...HOST_MIXED, cgroups: { v1: {} } }).code,
      error.code,
    );
  });

  test("the default of pids is no reason to refuse, but is said to be lost", () => {
    const container = wanted({ limits: { memory: "1GiB" } });
    const onlyPids = { ...container, limits: { pids: 4096, pidsIsDefault: true } };
    for (const host of [HOST_USER, HOST_NO_CGROUPS]) {
      const { stage, losses } = compileLimits(onlyPids, host, "box");
      assertEquals(stage, []);
      assertEquals(losses.map(({ code }) => code), ["DEFAULT_PIDS_NOT_HELD"]);
    }
    const { stage, losses } = compileFor({ memory: "1GiB" }, {
      ...HOST_HYBRID,
      cgroups: { v1: { memory: "/sys/fs/cgroup/memory" } },
    });
    assertEquals(writes(stage).length, 1);
    assertEquals(losses.map(({ code }) => code), ["DEFAULT_PIDS_NOT_HELD"]);
  });
});

test("the summary says what was asked for, not the default", () => {
  const text = (limits: unknown) => compileFor(limits, HOST_V2).text;
  assertEquals(text({ memory: "64MiB", pids: 16, cpu: 1.5 }), [
    "memory 64MiB",
    "pids 16",
    "cpu 1.5",
  ]);
  assertEquals(text({ memory: "1000B" }), ["memory 1000B"]);
});

test("showBytes() takes the largest unit that divides", () => {
  const rows = [[0, "0B"], [1023, "1023B"], [1024, "1KiB"], [1536, "1536B"], [3 * 2 ** 30, "3GiB"]];
  for (const [bytes, text] of rows) assertEquals(showBytes(Number(bytes)), text);
  assertEquals(showBytes(2 ** 53), "8PiB");
});
