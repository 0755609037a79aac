import { assert, assertEquals, assertNotEquals, assertThrows } from "@std/assert";
import { describe, test } from "node:test";
import type { Host } from "../../../../runtime/plan/host.ts";
import type { Namespace } from "../../../../runtime/plan/ops/namespace.ts";
import { HostError } from "../../../../runtime/plan/host_error.ts";
import { compile } from "../../../../runtime/subjects/compile.ts";
import { originOf } from "../../../../runtime/subjects/origin.ts";
import {
  ANSWERS,
  HOST_HYBRID,
  HOST_MIXED,
  HOST_NO_CGROUPS,
  HOST_USER,
  HOST_V2,
} from "../support/hosts.ts";
import { opById, opsOf, planOf, type SpecObject, wanted } from "../support/wanted.ts";

const HOSTS: Readonly<Record<string, Host>> = {
  HOST_V2,
  HOST_HYBRID,
  HOST_MIXED,
  HOST_NO_CGROUPS,
  HOST_USER,
  HOST_USER_WITHOUT_CGROUPS: { ...HOST_USER, cgroups: { v1: {} } },
};

const SPECS: readonly SpecObject[] = [
  {},
  { init: true },
  { commands: [["a"], "echo b"], network: "host" },
  { rootfs: { layers: [{ dir: "/a" }, { dir: "/b", at: "/b/c" }], writable: false } },
  { rootfs: { path: "/ready" }, workdir: "/w" },
  { rootfs: { writable: "disk" }, policy: "none", hostname: "web" },
];

describe("compile()", () => {
  test("gives whole plans for every machine: unique ids, one clone, parts in their order", () => {
    for (const [name, host] of Object.entries(HOSTS)) {
      for (const spec of SPECS) {
        const plan = planOf(spec, { host });
        const where = `${name} ${JSON.stringify(spec)}`;
        const ids = plan.ops.map(({ id }) => id);
        assertEquals(ids.filter((id, index) => ids.indexOf(id) !== index), [], where);
        const kinds = plan.ops.map(({ kind }) => kind);
        assertEquals(kinds.filter((kind) => kind === "clone").length, 1, where);
        assertEquals([kinds[0], kinds.at(-1)], ["prepare", "watch"], where);
        const order = plan.ops.slice(1, -1).map((op) => op.where);
        const rank = { stage: 0, container: 1, process: 2 };
        assertEquals(order, order.toSorted((a, b) => rank[a] - rank[b]), where);
        assertEquals(JSON.parse(JSON.stringify(plan)), plan, where);
      }
    }
  });

  test("is pure: the same three give the same plan, and change none of them", () => {
    const container = wanted({ limits: { memory: "1GiB" } });
    const before = JSON.stringify([container, HOST_HYBRID, ANSWERS]);
    assertEquals(
      compile(container, HOST_HYBRID, ANSWERS),
      compile(container, HOST_HYBRID, ANSWERS),
    );
    assertEquals(JSON.stringify([container, HOST_HYBRID, ANSWERS]), before);
  });

  test("names kernel objects by the instance, the rest by the container", () => {
    const plan = planOf({ limits: { pids: 5 } }, { answers: { instance: "box-2" } });
    assertEquals([plan.container, plan.instance], ["box", "box-2"]);
    const [group] = opsOf(plan, "cgroup.make");
    assert(group?.path.endsWith("/containerv/box-2"));
    assertEquals(opsOf(plan, "hostname")[0]?.name, "box");
  });

  test("every pointer that an operation names is in the document", () => {
    const spec = {
      hostname: "h",
      user: "5:5",
      workdir: "/w",
      limits: { memory: "1MiB", pids: 3 },
      rootfs: { layers: [{ host: "system" }, { dir: "/a", at: "/a" }], writable: "disk" },
      commands: [{ exec: ["x"], workdir: "/y", timeout: "1s" }],
      policy: { preset: "none", capabilities: ["CHOWN"] },
    };
    const value = (pointer: string): unknown =>
      pointer.split("/").slice(1).reduce<unknown>(
        (found, key) => (found as Record<string, unknown> | undefined)?.[key],
        spec,
      );
    const origins = new Set(planOf(spec).ops.map(({ origin }) => origin));
    for (const origin of origins) {
      if (origin !== "default") assertNotEquals(value(origin), undefined, origin);
    }
    for (const key of ["/hostname", "/user", "/workdir", "/limits/memory", "/commands/0"]) {
      assert(origins.has(key), `${key} of ${[...origins]}`);
    }
  });
});

describe("namespaces", () => {
  const namespacesOf = (spec: SpecObject, host: Host) =>
    opsOf(planOf(spec, { host }), "clone")[0]?.namespaces;

  test("all but user for root; user too for others; none of the network for host", () => {
    const all: readonly Namespace[] = ["mount", "pid", "net", "uts", "ipc", "cgroup"];
    assertEquals(namespacesOf({}, HOST_V2), all);
    assertEquals(namespacesOf({}, HOST_USER), ["user", ...all]);
    assertEquals(
      namespacesOf({ network: "host" }, HOST_V2),
      all.filter((name) => name !== "net"),
    );
  });

  test("the cgroup namespace comes after v1 groups were joined", () => {
    const plan = planOf({ limits: { memory: "1MiB" } }, { host: HOST_HYBRID });
    assert(!opsOf(plan, "clone")[0]?.namespaces.includes("cgroup"));
    const kinds = plan.ops.map(({ kind }) => kind);
    assertEquals(kinds[kinds.lastIndexOf("cgroup.join") + 1], "unshare.cgroup");
    assertEquals(opsOf(planOf({ limits: { memory: "1MiB" } }), "unshare.cgroup"), []);
  });

  test("an ordinary user's id is mapped to the command's, to root's with an init", () => {
    const mapOf = (spec: SpecObject) => {
      const plan = planOf(spec, { host: HOST_USER });
      const [map] = opsOf(plan, "idmap");
      assertEquals(plan.ops[plan.ops.findIndex(({ kind }) => kind === "clone") + 1], map);
      return [map?.uid, map?.hostUid, map?.gid, map?.hostGid];
    };
    assertEquals(mapOf({}), [0, 1000, 0, 1001]);
    assertEquals(mapOf({ user: "5:6" }), [5, 1000, 6, 1001]);
    assertEquals(mapOf({ init: true }), [0, 1000, 0, 1001]);
  });

  test("one id cannot be several users", () => {
    for (
      const spec of [
        { init: true, user: "5:5" },
        { commands: [["a"], { exec: ["b"], user: "7:7" }] },
      ]
    ) {
      const error = assertThrows(() => planOf(spec, { host: HOST_USER }), HostError);
      assertEquals(error.code, "ONE_ID_ONLY");
      assertEquals(planOf(spec).ops.length > 0, true);
    }
  });

  test("loopback only in a network of its own", () => {
    assertEquals(opsOf(planOf(), "loopback").length, 1);
    assertEquals(opsOf(planOf({ network: "host" }), "loopback"), []);
  });
});

describe("the kernel's file systems", () => {
  const mountsOf = (spec: SpecObject, host: Host) =>
    opsOf(planOf(spec, { host }), "mount.new").map(({ fs, at }) => `${fs} ${at}`);

  test("for root: its own proc, sys, dev, and each device a node of its own", () => {
    const mounts = mountsOf({}, HOST_NO_CGROUPS);
    assertEquals(mounts.slice(1), [
      "proc /proc",
      "sysfs /sys",
      "tmpfs /dev",
      "devpts /dev/pts",
      "tmpfs /dev/shm",
      "mqueue /dev/mqueue",
    ]);
    const devices = opsOf(planOf(), "device").map(({ path, major, minor }) => [path, major, minor]);
    assertEquals(devices[0], ["/dev/null", 1, 3]);
    assertEquals(devices.length, 6);
  });

  test("for others: devices are the host's by binds; devpts without the group tty", () => {
    const plan = planOf({}, { host: HOST_USER });
    assertEquals(opsOf(plan, "device"), []);
    const bound = opsOf(plan, "mount.bind").filter(({ at }) => at.startsWith("/dev/"));
    assertEquals(bound.map(({ at }) => at).includes("/dev/urandom"), true);
    assert(
      bound.every(({ target, attributes }) =>
        target === "file" && attributes.includes("noexec") && !attributes.includes("nodev")
      ),
    );
    const options = (host: Host) =>
      opsOf(planOf({}, { host }), "mount.new").find(({ fs }) => fs === "devpts")?.options
        .map(([key]) => key);
    assertEquals(options(HOST_V2), ["newinstance", "ptmxmode", "mode", "gid"]);
    assertEquals(options(HOST_USER), ["newinstance", "ptmxmode", "mode"]);
  });

  test("own groups are seen at /sys/fs/cgroup: v2 whole, v1 per hierarchy, closed afterwards", () => {
    assert(mountsOf({}, HOST_V2).includes("cgroup2 /sys/fs/cgroup"));
    const limits = { memory: "1MiB", cpu: 1 };
    assertEquals(mountsOf({ limits }, HOST_HYBRID).filter((text) => /cgroup/.test(text)), [
      "tmpfs /sys/fs/cgroup",
      "cgroup /sys/fs/cgroup/memory",
      "cgroup /sys/fs/cgroup/pids",
      "cgroup /sys/fs/cgroup/cpu,cpuacct",
    ]);
    const plan = planOf({ limits }, { host: HOST_HYBRID });
    assertEquals(opById(plan, "kernel/sys/fs/cgroup/ro").kind, "mount.readonly");
    assertEquals(mountsOf({}, HOST_HYBRID).filter((text) => /cgroup/.test(text)), []);
  });

  test("the host's network: sysfs as it is, read-only, for an ordinary user", () => {
    const plan = planOf({ network: "host" }, { host: HOST_USER });
    const sys = opById(plan, "kernel/sys/bind");
    assert(sys.kind === "mount.bind" && sys.attributes.includes("ro"));
    assert(mountsOf({ network: "host" }, HOST_V2).includes("sysfs /sys"));
  });

  test("hides what tells about the host, in directories and files, and closes the rest", () => {
    const shields = opsOf(planOf(), "mount.shield");
    const how = Object.fromEntries(shields.map((op) => [op.at, op.how]));
    assertEquals(how["/proc/kcore"], "hide file");
    assertEquals(how["/sys/firmware"], "hide directory");
    assertEquals(how["/proc/sys"], "read-only");
    assert(shields.length >= 17);
  });
});

describe("the rest of a plan", () => {
  test("pivot takes both mounts of an overlay away", () => {
    const stacked = (spec: SpecObject) => opsOf(planOf(spec), "pivot")[0]?.stacked;
    assertEquals(stacked({ rootfs: { layers: [{ dir: "/a" }] } }), 2);
    assertEquals(stacked({}), 1);
    assertEquals(stacked({ rootfs: { path: "/a" } }), 1);
  });

  test("summary and losses", () => {
    const { summary, losses } = planOf({
      commands: [{ name: "build", exec: ["make"] }, "ls"],
      limits: { memory: "64MiB" },
      stop: { signal: "SIGINT", grace: "3s" },
    });
    assertEquals(summary.commands, [
      { name: "build", origin: "/commands/0", program: "make" },
      { name: "commands[1]", origin: "/commands/1", program: "/bin/sh" },
    ]);
    assertEquals([summary.limits, summary.stop], [["memory 64MiB"], { signal: 2, graceMs: 3000 }]);
    assertEquals(losses.map(({ code }) => code), ["DEFAULT_POLICY_NOT_ENFORCED"]);
    const none = planOf({ policy: "none" });
    assertEquals([none.losses, none.summary.policy], [[], "policy none"]);
  });

  test("a signal that is none is refused at its line", () => {
    const container = { ...wanted({ stop: { signal: "SIGTERM" } }) };
    const wrong = { ...container, stop: { ...container.stop, signal: "SIGNONE" } };
    const error = assertThrows(() => compile(wrong, HOST_V2, ANSWERS), HostError, "SIGNONE");
    assertEquals([error.code, error.origin], ["NO_SUCH_SIGNAL", "/stop"]);
  });

  test("originOf() takes the first key that the document has", () => {
    const container = wanted({ limits: { memory: "1MiB" } });
    assertEquals(originOf(container, "limits/cpu", "limits"), "/limits");
    assertEquals(originOf(container, "limits/memory", "limits"), "/limits/memory");
    assertEquals(originOf(container, "user"), "default");
  });
});
