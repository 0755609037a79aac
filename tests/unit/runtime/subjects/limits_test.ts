import { assert, assertEquals, assertThrows } from "@std/assert";
import { describe, test } from "node:test";
import type { Host } from "../../../../runtime/plan/host.ts";
import { HostError } from "../../../../runtime/plan/host_error.ts";
import type { Op } from "../../../../runtime/plan/ops/registry.ts";
import { showRule } from "../../../../runtime/plan/ops/device_rules.ts";
import { compileLimits, LIMITS } from "../../../../runtime/subjects/limits/compile.ts";
import { showBytes } from "../../../../runtime/subjects/limits/knob.ts";
import {
  ANSWERS,
  HOST_HYBRID,
  HOST_MIXED,
  HOST_NO_CGROUPS,
  HOST_USER,
  HOST_V1,
  HOST_V2,
} from "../support/hosts.ts";
import { planOf, wanted } from "../support/wanted.ts";

const compileFor = (limits: unknown, host: Host) =>
  compileLimits(wanted(limits === undefined ? {} : { limits }), host, {
    ...ANSWERS,
    disks: { "/dev/sda": { major: 8, minor: 0 }, "/srv": { major: 8, minor: 16 } },
    devices: {
      "/dev/fuse": { type: "character", major: 10, minor: 229 },
      "/dev/null": { type: "character", major: 1, minor: 3 },
      "/dev/none": null,
    },
  });

const DISKS = [
  { device: "/dev/sda", readBytes: "1MiB", writeOperations: 5 },
  { path: "/srv", writeBytes: "2kB" },
];

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
    ["weights v2", HOST_V2, { cpu: { weight: 200 }, io: [{ weight: 300 }] }, [
      ["containerv/box/cpu.weight", "200", "200"],
      ["containerv/box/io.bfq.weight", "default 300", "default 300"],
      ["containerv/box/io.weight", "default 300", "default 300"],
    ]],
    ["weights v1", HOST_V1, { cpu: { max: 1, weight: 200 }, io: [{ weight: 300 }] }, [
      ["cpu/containerv/box/cpu.cfs_period_us", "100000", "100000"],
      ["cpu/containerv/box/cpu.cfs_quota_us", "100000", "100000"],
      ["cpu/containerv/box/cpu.shares", "2048", "2048"],
      ["blkio/containerv/box/blkio.bfq.weight", "300", "300"],
    ]],
    [
      "all of memory v2",
      HOST_V2,
      { memory: { max: "64MiB", high: "60MiB", low: "4MiB", oomGroup: true }, swap: 0 },
      [
        ["containerv/box/memory.max", "67108864", "67108864"],
        ["containerv/box/memory.high", "62914560", "62914560"],
        ["containerv/box/memory.low", "4194304", "4194304"],
        ["containerv/box/memory.oom.group", "1", "1"],
        ["containerv/box/memory.swap.max", "0", "0"],
      ],
    ],
    ["memory and swap v1", HOST_V1, { memory: { max: "64MiB", low: "4MiB" }, swap: "1MiB" }, [
      ["memory/containerv/box/memory.limit_in_bytes", "67108864", "67108864"],
      ["memory/containerv/box/memory.soft_limit_in_bytes", "4194304", "4194304"],
      ["memory/containerv/box/memory.memsw.limit_in_bytes", "68157440", "68157440"],
    ]],
    ["cpuset v2", HOST_V2, { cpuset: "1,0" }, [["containerv/box/cpuset.cpus", "0-1", "0-1"]]],
    ["cpuset v1, which needs both", HOST_V1, { cpuset: { cpus: "1" } }, [
      ["cpuset/containerv/box/cpuset.cpus", "1", "1"],
      ["cpuset/containerv/box/cpuset.mems", "0", "0"],
    ]],
    ["io v2", HOST_V2, { io: DISKS }, [
      [
        "containerv/box/io.max",
        "8:0 rbps=1048576 wiops=5",
        "8:0 rbps=1048576 wbps=max riops=max wiops=5",
      ],
      ["containerv/box/io.max", "8:16 wbps=2000", "8:16 rbps=max wbps=2000 riops=max wiops=max"],
    ]],
    ["io v1", HOST_V1, { io: DISKS }, [
      ["blkio/containerv/box/blkio.throttle.read_bps_device", "8:0 1048576", "8:0 1048576"],
      ["blkio/containerv/box/blkio.throttle.write_iops_device", "8:0 5", "8:0 5"],
      ["blkio/containerv/box/blkio.throttle.write_bps_device", "8:16 2000", "8:16 2000"],
    ]],
    ["hugetlb v2, in whole pages", HOST_V2, { hugetlb: { "2MiB": "5MiB" } }, [
      ["containerv/box/hugetlb.2MB.max", "5242880", "4194304"],
    ]],
    ["hugetlb v1", HOST_V1, { hugetlb: { "1GB": "1GiB" } }, [
      ["hugetlb/containerv/box/hugetlb.1GB.limit_in_bytes", "1073741824", "1073741824"],
    ]],
    ["devices v2 have no file", HOST_V2, { devices: ["/dev/fuse"] }, []],
    ["rdma and misc", HOST_V2, { rdma: { mlx: { handles: 2 } }, misc: { sev: 3 } }, [
      ["containerv/box/rdma.max", "mlx hca_handle=2", "mlx hca_handle=2 hca_object=max"],
      ["containerv/box/misc.max", "sev 3", "sev 3"],
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

  test("what this version of cgroups, or this machine, does not have: an error that says so", () => {
    for (
      const [limits, host, key] of [
        [{ memory: { high: "1MiB" } }, HOST_V1, "memory"],
        [{ memory: { oomGroup: true } }, HOST_V1, "memory"],
        [{ swap: 0 }, HOST_V1, "swap"],
        [{ cpuset: "7" }, HOST_V2, "cpuset"],
        [{ cpuset: { mems: "1" } }, HOST_V1, "cpuset"],
      ] as const
    ) {
      const error = refused(limits, host);
      assertEquals([error.code, error.origin], ["LIMIT_NOT_HERE", `/limits/${key}`]);
    }
    const disk = refused({ io: [{ path: "/nowhere", readBytes: "1MiB" }] }, HOST_V2);
    assertEquals([disk.code, disk.origin], ["NO_DISK", "/limits/io/0"]);
  });

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
      const { stage, losses } = compileLimits(onlyPids, host, ANSWERS);
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

describe("devices", () => {
  const rules = (limits: unknown, host = HOST_V2) =>
    compileFor(limits, host).stage.flatMap((op) =>
      op.kind === "cgroup.devices" ? op.rules.map(showRule) : []
    );

  test("v2: a program with the harmless ones and what was asked for, once each", () => {
    const devices = [
      "/dev/null",
      { device: "/dev/fuse", access: "r" },
      { device: "/dev/fuse", access: "wm" },
    ];
    assertEquals(rules({ devices }), [
      ...["1:3", "1:5", "1:7", "1:8", "1:9", "5:0", "5:2", "136:*"].map((one) => `c ${one} rwm`),
      "c 10:229 rwm",
    ]);
  });

  test("v2: the program is attached to a group without a controller", () => {
    const { stage, group } = compileFor({ devices: [] }, {
      ...HOST_V2,
      cgroups: {
        v1: {},
        v2: { mount: "/sys/fs/cgroup", controllers: ["pids"], enabled: ["pids"] },
      },
    });
    const make = stage.find(({ kind }) => kind === "cgroup.make");
    assert(make?.kind === "cgroup.make");
    assertEquals(make.parents.map(({ enable }) => enable), [["pids"], ["pids"]]);
    const program = stage.at(-1);
    assert(program?.kind === "cgroup.devices" && program.group === group);
  });

  test("v1: all are denied, then some allowed; the whole list is read back at the end", () => {
    const written = writes(compileFor({ devices: ["/dev/fuse"] }, HOST_V1).stage)
      .filter(([path]) => path?.startsWith("devices"));
    assertEquals(written.map(([, value]) => value).slice(0, 2), ["a", "c 1:3 rwm"]);
    assertEquals(written.at(-1)?.[2]?.split("\n").at(-1), "c 10:229 rw");
    assertEquals(written.slice(0, -1).every(([, , holds]) => holds === undefined), true);
  });

  test("whoever may make nodes is kept from all others, also when nothing was asked", () => {
    const plan = (capabilities: readonly string[]) =>
      planOf({ policy: { preset: "none", capabilities } }).ops
        .filter(({ kind }) => kind === "cgroup.devices").length;
    assertEquals([plan(["CHOWN"]), plan(["MKNOD"])], [0, 1]);
  });

  test("what is no device is an error at its line", () => {
    const error = assertThrows(() => rules({ devices: ["/dev/none"] }), HostError);
    assertEquals([error.code, error.origin], ["NO_DEVICE", "/limits/devices/0"]);
  });

  test("an ordinary user has the node, and needs no program", () => {
    const plan = planOf({ limits: undefined, userns: "auto" }, { host: HOST_USER });
    assertEquals(plan.ops.filter(({ kind }) => kind.startsWith("cgroup.")), []);
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
