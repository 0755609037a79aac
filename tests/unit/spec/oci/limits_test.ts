import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { describe, test } from "node:test";
import type { OciFacts } from "../../../../spec/oci/facts.ts";
import { exported, thereAndBack } from "./support.ts";

const DISKS = { disks: { "/dev/sda": { major: 8, minor: 0 }, "/srv": { major: 259, minor: 1 } } };

const resources = (limits: Readonly<Record<string, unknown>>, facts: Partial<OciFacts> = {}) =>
  exported({ limits: { pids: 1, ...limits } }, facts).config.linux?.resources;

const lost = (limits: Readonly<Record<string, unknown>>, facts: Partial<OciFacts> = {}) =>
  exported({ limits }, facts).losses.filter(({ origin }) => origin.startsWith("/limits"));

const knob = (file: string, value: string, unified = true) => ({ file, value, unified });

describe("limits: in the words of OCI", () => {
  test("memory: what is kept, and swap with memory together", () => {
    const limits = { memory: { max: "64MiB", low: "16MiB" }, swap: "32MiB" };
    assertEquals(resources(limits)?.memory, {
      limit: 67_108_864,
      reservation: 16_777_216,
      swap: 100_663_296,
    });
    assertEquals(resources({ memory: "64MiB", swap: 0 })?.memory?.swap, 67_108_864);
  });

  test("swap without memory, a threshold, all or none: files of cgroup v2", () => {
    const knobs = [
      knob("memory.swap.max", "0"),
      knob("memory.high", "1048576"),
      knob("memory.oom.group", "1"),
      knob("cpu.weight", "200"),
    ];
    const limits = { memory: { high: "1MiB", oomGroup: true }, swap: 0, cpu: { weight: 200 } };
    assertEquals(resources(limits, { knobs }), {
      pids: { limit: 1 },
      unified: {
        "memory.swap.max": "0",
        "memory.high": "1048576",
        "memory.oom.group": "1",
        "cpu.weight": "200",
      },
    });
    assertEquals(exported({ limits }, { knobs }).config.ociVersion, "1.0.2");
  });

  test("a weight of CPUs is shares with cgroup v1; CPUs and nodes are lists", () => {
    const knobs = [knob("cpu.shares", "2048", false)];
    const limits = { cpu: { max: 0.5, weight: 200 }, cpuset: { cpus: "1,0", mems: "0" } };
    const found = resources(limits, { knobs });
    assertEquals(found?.cpu, {
      quota: 50_000,
      period: 100_000,
      shares: 2048,
      cpus: "0-1",
      mems: "0",
    });
    assertEquals(found?.unified, undefined);
  });

  test("disks by their numbers: rates, a weight for each and one for all", () => {
    const io = [
      { device: "/dev/sda", readBytes: "1MiB", writeOperations: 7, weight: 20 },
      { path: "/srv", writeBytes: "2MiB", readOperations: 9 },
      { weight: 300 },
    ];
    assertEquals(resources({ io }, DISKS)?.blockIO, {
      weight: 300,
      weightDevice: [{ major: 8, minor: 0, weight: 20 }],
      throttleReadBpsDevice: [{ major: 8, minor: 0, rate: 1_048_576 }],
      throttleWriteBpsDevice: [{ major: 259, minor: 1, rate: 2_097_152 }],
      throttleReadIOPSDevice: [{ major: 259, minor: 1, rate: 9 }],
      throttleWriteIOPSDevice: [{ major: 8, minor: 0, rate: 7 }],
    });
    assertEquals(lost({ io }, DISKS), []);
  });

  test("a weight that OCI has no number for, or makes another one of, is lost by its place", () => {
    const [small] = lost({ io: [{ weight: 5 }] });
    assertEquals(small?.origin, "/limits/io/0");
    assertEquals(resources({ io: [{ weight: 5 }] })?.blockIO, undefined);
    const [rescaled] = lost({ io: [{ weight: 50 }] }, {
      knobs: [knob("io.bfq.weight", "default 50")],
    });
    assertStringIncludes(rescaled?.fix ?? "", '"io.weight": "default 50"');
  });

  test("huge pages, RDMA", () => {
    const found = resources({
      hugetlb: { "2MiB": "64MiB" },
      rdma: { mlx5_0: { handles: 2 }, mlx5_1: { objects: 3 } },
    });
    assertEquals(found?.hugepageLimits, [{ pageSize: "2MB", limit: 67_108_864 }]);
    assertEquals(found?.rdma, { mlx5_0: { hcaHandles: 2 }, mlx5_1: { hcaObjects: 3 } });
  });

  test("one resource of misc goes to cgroup v2; more are lost by name, and all of v1", () => {
    const misc = { sev: 1, sev_es: 2 };
    const knobs = [knob("misc.max", "sev 1"), knob("misc.max", "sev_es 2")];
    assertEquals(resources({ misc }, { knobs })?.unified, { "misc.max": "sev 1" });
    assertEquals(lost({ misc }, { knobs }).map(({ message }) => message), [
      "OCI has no limit of the misc controller: sev_es is not held",
    ]);
    const v1 = knobs.map((one) => ({ ...one, unified: false }));
    assertEquals(lost({ misc }, { knobs: v1 }).length, 2);
  });

  test("devices: all are denied but those of the rules, and the nodes are the host's", () => {
    const rules = [{ allow: true, type: "c", major: 10, minor: 229, access: "rw" }] as const;
    const nodes = [{
      destination: "/dev/fuse",
      type: "bind",
      source: "/dev/fuse",
      options: ["bind"],
    }];
    const { config } = exported({ limits: { devices: ["/dev/fuse"] } }, {
      devices: { rules, nodes },
    });
    const found = config.linux?.resources?.devices;
    assertEquals(found, [{ allow: false, access: "rwm" }, ...rules]);
    assert(config.mounts?.some(({ destination }) => destination === "/dev/fuse"));
  });

  test("there and back", () => {
    const limits = {
      cpu: 0.5,
      memory: { max: "67108864B", low: "1048576B" },
      swap: "1048576B",
      pids: 9,
      cpuset: { cpus: "0-1", mems: "0" },
      hugetlb: { "2MB": "2097152B" },
      rdma: { mlx5_0: { handles: 2, objects: 3 } },
    };
    assertEquals(thereAndBack({ limits }).spec.limits, limits);
    assertEquals(thereAndBack({ limits }).losses, []);
  });
});
