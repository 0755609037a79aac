import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { describe, test } from "node:test";
import { fromOci, toOci } from "../../../../spec/oci/container.ts";
import type { OciFacts } from "../../../../spec/oci/facts.ts";
import { exported, FACTS, IMPORT, wanted } from "./support.ts";

describe("toOci()", () => {
  test("limits, with the kernel's own period", () => {
    const { config } = exported({ limits: { cpu: 1.5, memory: "64MiB", pids: 16 } });
    assertEquals(config.linux?.resources, {
      memory: { limit: 67108864 },
      cpu: { quota: 150_000, period: 100_000 },
      pids: { limit: 16 },
    });
    assertEquals(config.linux?.cgroupsPath, "/containerv/box");
  });

  test("without groups there are no resources, and /sys/fs/cgroup is not mounted", () => {
    const { config } = exported({}, { groups: false, groupsMounted: false });
    assertEquals(config.linux?.resources, undefined);
    assert(!config.mounts?.some(({ destination }) => destination === "/sys/fs/cgroup"));
  });

  test("namespaces: a network of its own unless it is the host's", () => {
    const types = (spec: Readonly<Record<string, unknown>>) =>
      exported(spec).config.linux?.namespaces?.map(({ type }) => type);
    assertEquals(types({}), ["pid", "ipc", "uts", "mount", "cgroup", "network"]);
    assertEquals(types({ network: "host" }), ["pid", "ipc", "uts", "mount", "cgroup"]);
  });

  test("root has its capabilities; another user only the bound, unless they are ambient", () => {
    const sets = (facts: Partial<OciFacts>) => exported({}, facts).config.process.capabilities;
    const both = ["CAP_CHOWN", "CAP_KILL"];
    const user = { ...FACTS.users[0], uid: 7, gid: 8, groups: [9], environment: [] };
    assertEquals(sets({}), { bounding: both, effective: both, permitted: both });
    assertEquals(sets({ users: [user] }), { bounding: both, effective: [], permitted: [] });
    assertEquals(sets({ users: [user], ambient: true })?.ambient, both);
    const { config } = exported({}, { users: [user] });
    assertEquals(config.process.user, { uid: 7, gid: 8, additionalGids: [9] });
  });

  test("an id map becomes a user namespace", () => {
    const map = (outside: number) => [{ inside: 0, outside, count: 1 }];
    const { linux } = exported({}, { idMaps: { uids: map(1000), gids: map(1001) } }).config;
    assertEquals(linux?.uidMappings, [{ containerID: 0, hostID: 1000, size: 1 }]);
    assertEquals(linux?.gidMappings, [{ containerID: 0, hostID: 1001, size: 1 }]);
    assert(linux?.namespaces?.some(({ type }) => type === "user"));
  });

  test("the bundle: layers are an overlay, a ready root is itself", () => {
    const layers = [{ dir: "/a" }, { dir: "b" }, { dir: "/c", at: "/srv" }];
    const overlay = exported({ rootfs: { layers } }).bundle.root;
    assertEquals(overlay, { kind: "overlay", lowers: ["/a", "/specs/b"] });
    const ready = exported({ rootfs: { path: "/root.d" } });
    assertEquals(ready.bundle.root, { kind: "directory", path: "/root.d" });
    assertEquals(ready.config.root, { path: "/root.d", readonly: false });
    assertEquals(ready.losses, []);
    const bounded = exported({ rootfs: { writable: { tmpfs: "1MiB" } } }).bundle;
    assertEquals(bounded.root, { kind: "tmpfs", sizeBytes: 1048576 });
    assertEquals(bounded.symlinks, FACTS.root.symlinks);
  });

  test("each thing that OCI has no word for is lost by its place", () => {
    const { config, losses } = exported({
      commands: ["first", { exec: ["/bin/last"], timeout: "3s" }],
      stop: { signal: "SIGINT" },
      init: true,
    }, { users: [...FACTS.users, ...FACTS.users] });
    assertEquals(config.process.args, ["/bin/last"]);
    const places = losses.map(({ origin }) => origin);
    for (const place of ["/commands/0", "/commands/1/timeout", "/stop", "/init"]) {
      assert(places.includes(place), `${place} of ${places}`);
    }
  });

  test("volumes are mounted last; what of them and of secrets has no word is lost", () => {
    const volumes = [{ destination: "/src", type: "bind", source: "/s", options: ["rbind"] }];
    const spec = {
      volumes: [{ bind: "/s", at: "/src", owner: "match" }],
      secrets: { "/run/secrets/a": "hunter2" },
    };
    const { config, losses } = exported(spec, { volumes });
    assertEquals(config.mounts?.at(-1), volumes[0]);
    const places = losses.map(({ origin }) => origin);
    assert(places.includes("/volumes/0"), `${places}`);
    assert(places.some((place) => place.startsWith("/secrets/")), `${places}`);
    assert(!JSON.stringify([config, losses]).includes("hunter2"));
  });

  test("a key that no subject knows is lost, not left out in silence", () => {
    const container = wanted({});
    const origins = { ...container.origins, brandNew: "/brandNew", "limits/odd": "/limits/odd" };
    const { losses } = toOci({ ...container, origins }, FACTS);
    const messages = losses.map(({ origin, message }) => `${origin} ${message}`);
    assert(messages.includes("/brandNew `brandNew` is not written to config.json"));
    assert(messages.includes("/limits/odd `limits.odd` is not written to config.json"));
  });
});

describe("fromOci()", () => {
  test("there and back: the same container, but for the root that became a directory", () => {
    const spec = {
      commands: [["/bin/echo", "a b", ""]],
      environment: { A: "1=2" },
      workdir: "/srv",
      hostname: "other",
      labels: { team: "web" },
      limits: { cpu: 0.5, memory: "32MiB", pids: 9 },
      policy: { preset: "none", capabilities: ["CHOWN", "KILL"] },
      rootfs: { path: "/bundle/rootfs" },
    };
    const environment = ["A=1=2"];
    const facts = { users: [{ uid: 0, gid: 0, groups: [], environment }] };
    const config = JSON.parse(JSON.stringify(exported(spec, facts).config));
    const without = { ...FACTS.root, mounts: [] };
    const plain = JSON.parse(
      JSON.stringify(exported(spec, { ...facts, root: without }).config),
    );
    const back = fromOci(plain, IMPORT);
    assertEquals(back.losses, []);
    const { origins: _there, ...there } = wanted(spec);
    const { origins: _back, ...loaded } = wanted({ ...back.spec });
    assertEquals(loaded, there);
    assertEquals(fromOci(config, IMPORT).losses.map(({ origin }) => origin), ["/mounts/0"]);
  });

  test("what nobody reads is lost, at the outermost place", () => {
    const { losses } = fromOci({
      ociVersion: "1.0.2",
      process: {
        user: { uid: 0, gid: 0, username: "root" },
        args: ["/bin/sh"],
        cwd: "/",
        noNewPrivileges: true,
        rlimits: [{ type: "RLIMIT_NEW", soft: 1, hard: 1 }],
      },
      root: { path: "rootfs", readonly: true },
      hooks: { prestart: [{ path: "/bin/x" }] },
      linux: {
        namespaces: [{ type: "pid" }, { type: "new", path: "/var/run/netns/a" }],
        maskedPaths: ["/proc/kcore", "/proc/other"],
        seccomp: { defaultAction: "SCMP_ACT_ERRNO" },
      },
    }, IMPORT);
    const places = losses.map(({ origin }) => origin);
    for (
      const place of [
        "/process/user/username",
        "/process/rlimits",
        "/root/readonly",
        "/hooks",
        "/linux/namespaces/1",
        "/linux/maskedPaths/1",
        "/linux/seccomp",
      ]
    ) assert(places.includes(place), `${place} of ${places}`);
    assertEquals(places.filter((place) => place === "/linux/namespaces").length, 4);
  });

  test("a process that may gain privileges: here it may not, and that is said", () => {
    const { losses } = fromOci({ process: { args: ["/a"] } }, IMPORT);
    const text = losses.map(({ message }) => message).join("\n");
    assertStringIncludes(text, "may gain privileges by setuid");
  });

  test("another shape of a kernel mount is lost, the same one is not", () => {
    const mount = {
      destination: "/dev/shm",
      type: "tmpfs",
      source: "shm",
      options: ["nosuid", "noexec", "nodev", "mode=1777", "size=1k"],
    };
    const { losses } = fromOci({ mounts: [mount] }, IMPORT);
    assert(losses.some(({ origin }) => origin === "/mounts/0/options"));
  });

  test("of something that is no document, everything is lost and nothing thrown", () => {
    for (const value of [null, 3, [], "text", { process: 3, mounts: "x", linux: [1] }]) {
      assert(fromOci(value, IMPORT).losses.length > 0);
    }
  });
});
