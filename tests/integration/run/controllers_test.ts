/** Each controller's limits as the kernel's files hold them, and what a container at its limit is told to have died of. */
import { existsSync, readFileSync } from "node:fs";
import { describe, test } from "node:test";
import { assert, assertEquals, assertRejects } from "@std/assert";
import { ContainervError, run, start } from "../../../mod.ts";
import { observeCgroups } from "../../../runtime/observe/host.ts";
import type { ContainerSpec } from "../../../spec/model/spec_type.ts";
import { controller, missing, root } from "../../support/require.ts";

/** The files of a container's group, whichever version its controller is on. */
async function held(
  spec: ContainerSpec,
  files: Readonly<Record<string, readonly [string, string]>>,
): Promise<Record<string, string>> {
  await using container = await start({ commands: [["sleep", "30"]], ...spec });
  const { v1, v2 } = observeCgroups();
  const found: Record<string, string> = {};
  for (const [name, [ofV1, ofV2]] of Object.entries(files)) {
    const mount = v1[name] ?? v2?.mount;
    const file = v1[name] === undefined ? ofV2 : ofV1;
    found[name] = readFileSync(`${mount}/containerv/${container.name}/${file}`, "utf8").trim();
  }
  return found;
}

const controllerOf = (v1: string, v2 = v1) =>
  controller(v1) === undefined ? undefined : controller(v2);

describe("each controller holds", () => {
  test("cpu: quota and weight", { skip: missing(root(), controller("cpu")) }, async () => {
    const { cpu } = await held({ limits: { cpu: { max: 0.5, weight: 200 } } }, {
      cpu: ["cpu.shares", "cpu.weight"],
    });
    assert(cpu === "2048" || cpu === "200", cpu);
  });

  test("cpuset", { skip: missing(root(), controller("cpuset")) }, async () => {
    const { stdout } = await run({
      limits: { cpuset: "0" },
      commands: [["grep", "Cpus_allowed_list", "/proc/self/status"]],
    });
    assertEquals(stdout, "Cpus_allowed_list:\t0\n");
    const error = await assertRejects(
      () => run({ limits: { cpuset: "8000" }, commands: [["true"]] }),
      ContainervError,
    );
    assertEquals(error.code, "LIMIT_NOT_HERE");
  });

  test("memory: low and swap", { skip: missing(root(), controller("memory")) }, async () => {
    const limits = { memory: { max: "32MiB", low: "8MiB" }, swap: "1MiB" };
    const { memory } = await held({ limits }, {
      memory: ["memory.soft_limit_in_bytes", "memory.low"],
    });
    assertEquals(memory, `${8 << 20}`);
    const swap = await held({ limits }, {
      memory: ["memory.memsw.limit_in_bytes", "memory.swap.max"],
    });
    assert([`${33 << 20}`, `${1 << 20}`].includes(swap["memory"] ?? ""), swap["memory"]);
  });

  const disk = ["/dev/vda", "/dev/sda", "/dev/nvme0n1"].find((path) => existsSync(path));
  const noDisk = disk === undefined ? "no disk of a known name" : undefined;
  const io = controllerOf("blkio", "io");
  test("io: two disks, each in a line", { skip: missing(root(), io, noDisk) }, async () => {
    const limits = { io: [{ device: disk ?? "", readBytes: "10MiB", writeOperations: 100 }] };
    const { blkio } = await held({ limits }, {
      blkio: ["blkio.throttle.read_bps_device", "io.max"],
    });
    assert(/^[0-9]+:0 (10485760|rbps=10485760 wbps=max riops=max wiops=100)$/.test(blkio ?? ""));
    const error = await assertRejects(
      () => run({ limits: { io: [{ path: "/proc", readBytes: "1MiB" }] }, commands: [["true"]] }),
      ContainervError,
    );
    assertEquals(error.code, "NO_DISK");
  });

  test("hugetlb, in whole pages", { skip: missing(root(), controller("hugetlb")) }, async () => {
    const { hugetlb } = await held({ limits: { hugetlb: { "2MiB": "5MiB" } } }, {
      hugetlb: ["hugetlb.2MB.limit_in_bytes", "hugetlb.2MB.max"],
    });
    assertEquals(hugetlb, `${4 << 20}`);
  });
});

describe("devices", { skip: missing(root()) }, () => {
  const capabilities = ["MKNOD"];
  const probe = "mknod /dev/z c 1 5 && head -c 1 /dev/z | od -An -tx1; " +
    "mknod /dev/k c 1 11 && head -c 1 </dev/k; mknod /dev/l b 7 0; test -e /dev/k || echo none";

  test("whoever may make nodes makes the harmless ones only", async () => {
    const { stdout, stderr } = await run({
      policy: { preset: "none", capabilities },
      commands: [["/bin/sh", "-c", probe]],
    });
    assertEquals(stdout, " 00\nnone\n", stderr);
    assertEquals(stderr.match(/Operation not permitted/g)?.length, 2, stderr);
  });

  const fuse = existsSync("/dev/fuse") ? undefined : "no /dev/fuse";
  test("a device that is asked for is there, and no other", { skip: missing(fuse) }, async () => {
    const { stdout, stderr } = await run({
      policy: { preset: "none", capabilities },
      limits: { devices: [{ device: "/dev/fuse", access: "r" }] },
      commands: [
        "stat -c '%F %t:%T' /dev/fuse; head -c 0 </dev/fuse && echo read; " +
        "(: >/dev/fuse) 2>&1 || true; (mknod /dev/mine b 8 0) 2>&1 || true",
      ],
    });
    assertEquals(stderr, "");
    const [node, read, write = "", mknod = ""] = stdout.trim().split("\n");
    assertEquals([node, read], ["character special file a:e5", "read"]);
    assert(/not permitted/.test(write) && /not permitted/.test(mknod), stdout);
  });

  test("what is no device is refused", async () => {
    const error = await assertRejects(
      () => run({ limits: { devices: ["/dev/nonesuch"] }, commands: [["true"]] }),
      ContainervError,
    );
    assertEquals(error.code, "NO_DEVICE");
  });
});

describe("the reason of an exit", () => {
  const memory = missing(root(), controller("memory"));
  const eat = "head -c 64m /dev/zero | tail >/dev/null";
  test("out of memory", { skip: memory }, async () => {
    const limits = { memory: "16MiB", swap: 0 } as const;
    const ended = await run({
      init: true,
      limits,
      commands: [["/bin/sh", "-c", `${eat}; exit $?`]],
    });
    assertEquals([ended.code, ended.reason], [137, "oom"]);
    assert((ended.pressure?.oomKills ?? 0) > 0);
    const survived = await run({
      init: true,
      limits,
      commands: [["/bin/sh", "-c", `${eat}; true`]],
    });
    assertEquals([survived.code, survived.reason], [0, "exited"]);
    assert((survived.pressure?.oomKills ?? 0) > 0);
  });

  test("too many processes", { skip: missing(root(), controller("pids")) }, async () => {
    const ended = await run({
      limits: { pids: 3 },
      commands: ["for i in 1 2 3 4 5; do sleep 0.2 & done; wait"],
    });
    assertEquals([ended.code === 0, ended.reason], [false, "pids"]);
  });

  test("throttling is told beside it", { skip: missing(root(), controller("cpu")) }, async () => {
    const ended = await run({
      limits: { cpu: 0.02 },
      commands: ["i=0; while [ $i -lt 20000 ]; do i=$((i+1)); done"],
    });
    assertEquals([ended.code, ended.reason], [0, "exited"]);
    assert((ended.pressure?.throttled ?? 0) > 0);
  });

  test("nothing of it: no word of it", { skip: memory }, async () => {
    const { pressure, reason } = await run({ limits: { memory: "64MiB" }, commands: [["false"]] });
    assertEquals([pressure, reason], [undefined, "exited"]);
  });
});
