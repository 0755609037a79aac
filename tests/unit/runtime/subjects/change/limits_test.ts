import { assertEquals, assertThrows } from "@std/assert";
import { describe, test } from "node:test";
import type { Host } from "../../../../../runtime/plan/host.ts";
import { HostError } from "../../../../../runtime/plan/host_error.ts";
import { changeLimits } from "../../../../../runtime/subjects/change/limits.ts";
import { ANSWERS, HOST_HYBRID, HOST_NO_CGROUPS, HOST_V2 } from "../../support/hosts.ts";
import { wanted } from "../../support/wanted.ts";

const answers = { ...ANSWERS, disks: { "/dev/sda": { major: 8, minor: 0 } } };

function change(was: unknown, now: unknown, host: Host) {
  const [before, after] = [was, now].map((limits) =>
    wanted(limits === undefined ? {} : { limits })
  );
  if (before === undefined || after === undefined) throw new Error("two were made");
  const groupIn = (mount: string): string => `${mount}/elsewhere`;
  return changeLimits(before, after, { host, answers, groupIn });
}

function writes(was: unknown, now: unknown, host: Host = HOST_V2) {
  const found = change(was, now, host);
  if ("why" in found) return found.why;
  return found.ops.map((op) =>
    op.kind === "cgroup.write"
      ? [op.path.replace(/^\/sys\/fs\/cgroup\//, ""), op.value, op.holds, op.before]
      : [op.kind]
  );
}

describe("limits of a container that runs", () => {
  test("only what differs is written, read back, and knows what takes it back", () => {
    assertEquals(writes({ memory: "64MiB", cpu: 1 }, { memory: "100000B", cpu: 1 }), [
      ["containerv/box/memory.max", "100000", "98304", "67108864"],
    ]);
    assertEquals(writes({ memory: "64MiB", cpu: 1 }, { memory: "64MiB", cpu: 1 }), []);
  });

  test("what is asked for no more is lifted", () => {
    const before = { memory: { max: "1MiB", high: "1MiB", low: "1MiB" }, cpu: 1, pids: 7 };
    assertEquals(writes(before, { memory: "1MiB" }), [
      ["containerv/box/pids.max", "4096", "4096", "7"],
      ["containerv/box/memory.high", "max", "max", "1048576"],
      ["containerv/box/memory.low", "0", "0", "1048576"],
      ["containerv/box/cpu.max", "max 100000", "max 100000", "100000 100000"],
    ]);
    const io = [{ device: "/dev/sda", readBytes: "1MiB" }];
    assertEquals(writes({ io }, { cpu: 1 }), [
      ["cgroup.subtree_control", "+cpu", undefined, undefined],
      ["containerv/cgroup.subtree_control", "+cpu", undefined, undefined],
      ["containerv/box/cpu.max", "100000 100000", "100000 100000", "max 100000"],
      [
        "containerv/box/io.max",
        "8:0 rbps=max wbps=max riops=max wiops=max",
        undefined,
        "8:0 rbps=1048576",
      ],
    ]);
  });

  test("v1: memory and both together grow from above, and shrink from below", () => {
    const file = (name: string): string => `memory/containerv/box/memory.${name}_in_bytes`;
    const both = (memory: string) => ({ memory, swap: "1MiB" });
    const order = (was: string, now: string) => {
      const found = writes(both(was), both(now), HOST_HYBRID);
      return typeof found === "string" ? found : found.map(([path]) => path);
    };
    assertEquals(order("1MiB", "2MiB"), [file("memsw.limit"), file("limit")]);
    assertEquals(order("2MiB", "1MiB"), [file("limit"), file("memsw.limit")]);
    const lifted = writes(both("1MiB"), {}, HOST_HYBRID);
    assertEquals(lifted, [
      [file("memsw.limit"), "-1", undefined, "2097152"],
      [file("limit"), "-1", undefined, "1048576"],
    ]);
  });

  test("v1: a group that it is not in is for one that is made anew", () => {
    assertEquals(
      writes({ cpu: 1 }, { cpu: 1, memory: "1MiB" }, HOST_HYBRID),
      "it was started without a group for memory, where what it holds already would not count",
    );
    assertEquals(writes(undefined, { cpu: 1 }), "it was started without a group");
  });

  test("v1: into a group that counts from then on it is moved, by where all of it is, at the very end", () => {
    const found = change({ pids: 5 }, { pids: 6, cpu: 1 }, HOST_HYBRID);
    if ("why" in found) throw new Error(found.why);
    assertEquals(found.ops.map(({ kind }) => kind), [
      "cgroup.make",
      "cgroup.write",
      "cgroup.write",
      "cgroup.write",
      "cgroup.room",
    ]);
    const at = "/sys/fs/cgroup/cpu,cpuacct";
    assertEquals(found.asks, [{
      kind: "gather",
      from: "/sys/fs/cgroup/pids/containerv/box",
      to: `${at}/containerv/box`,
      back: `${at}/elsewhere`,
      origin: "/limits",
    }]);
  });

  test("what this machine can't hold is an error, as at a start", () => {
    assertThrows(() => change({}, { memory: "1MiB" }, HOST_NO_CGROUPS), HostError, "memory");
  });
});
