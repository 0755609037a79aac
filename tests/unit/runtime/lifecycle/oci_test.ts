// runs-under: bun, deno
import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { describe, test } from "node:test";
import { equivalentOci } from "../../../../runtime/lifecycle/oci.ts";
import { showOci } from "../../../../runtime/show/oci.ts";
import { ANSWERS, HOST_HYBRID, HOST_USER, HOST_V1, HOST_V2 } from "../support/hosts.ts";
import { plannedOf, type Situation, type SpecObject, wanted } from "../support/wanted.ts";

const equivalent = (spec: SpecObject, situation: Situation = {}) =>
  equivalentOci(wanted(spec), plannedOf(spec, situation), { here: false });

describe("equivalentOci()", () => {
  test("has the binds of the plan, in its order, and none of the kernel's own", () => {
    const layers = [{ host: "system" }, { dir: "/site", at: "/srv/www" }];
    const { config, bundle } = equivalent({ rootfs: { layers } });
    const binds = config.mounts?.filter(({ type }) => type === "bind") ?? [];
    assertEquals(binds[0]?.destination, "/usr");
    assertEquals(binds.at(-1), {
      destination: "/srv/www",
      type: "bind",
      source: "/site",
      options: ["rbind", "rro", "rnosuid", "rnodev"],
    });
    assert(binds.every(({ destination }) => !destination.startsWith("/dev")));
    assert(bundle.directories.some(({ path }) => path === "/srv/www"));
    assert(bundle.symlinks.some(({ path, target }) => path === "/bin" && target === "usr/bin"));
  });

  test("a directory that several keys want has the mode of the first", () => {
    const { directories } = equivalent({ workdir: "/tmp" }).bundle;
    assertEquals(directories.filter(({ path }) => path === "/tmp").map(({ mode }) => mode), [
      0o1777,
    ]);
  });

  test("users, environment and rights are the last command's", () => {
    const commands = [["/bin/a"], { exec: ["/bin/b"], user: "7:8", environment: { A: "1" } }];
    const { config } = equivalent({ commands, policy: { capabilities: ["KILL"] } });
    assertEquals(config.process.user, { uid: 7, gid: 8 });
    assert(config.process.env?.includes("A=1"));
    assertEquals(config.process.capabilities?.ambient, ["CAP_KILL"]);
  });

  test("an ordinary user's container has a user namespace", () => {
    const { linux } = equivalent({}, { host: HOST_USER }).config;
    assertEquals(linux?.uidMappings, [{ containerID: 0, hostID: 1000, size: 1 }]);
  });

  test("limits that are held are in it, and the groups have the container's name", () => {
    const { linux } = equivalent({ limits: { pids: 5 } }, { host: HOST_V2, answers: ANSWERS })
      .config;
    assertEquals(linux?.resources, { pids: { limit: 5 } });
    assertEquals(linux?.cgroupsPath, "/containerv/box");
  });

  test("knobs are told by their hierarchy: weights are of v2 there, shares here", () => {
    const spec = { limits: { pids: 5, cpu: { weight: 200 }, memory: { low: "1MiB" } } };
    const of = (host: typeof HOST_V2) => equivalent(spec, { host }).config.linux?.resources;
    assertEquals(of(HOST_V2)?.unified, { "cpu.weight": "200" });
    assertEquals(of(HOST_HYBRID)?.cpu, { shares: 2048 });
    assertEquals(of(HOST_HYBRID)?.unified, undefined);
  });

  test("disks and devices have the numbers that were answered", () => {
    const spec = {
      limits: {
        pids: 1,
        io: [{ device: "/dev/sda", readBytes: "1MiB" }],
        devices: ["/dev/net/tun"],
      },
    };
    const answers = {
      disks: { "/dev/sda": { major: 8, minor: 0 } },
      devices: { "/dev/net/tun": { type: "character", major: 10, minor: 200 } },
    } as const;
    for (const host of [HOST_V2, HOST_V1]) {
      const { mounts, linux } = equivalent(spec, { host, answers }).config;
      const { blockIO, devices = [] } = linux?.resources ?? {};
      assertEquals(blockIO?.throttleReadBpsDevice, [{ major: 8, minor: 0, rate: 1_048_576 }]);
      assertEquals(devices[0], { allow: false, access: "rwm" });
      assert(devices.some(({ major, minor }) => major === 136 && minor === undefined));
      const tun = { allow: true, type: "c", major: 10, minor: 200, access: "rw" } as const;
      assertEquals(devices.at(-1), tun);
      const node = mounts?.find(({ destination }) => destination === "/dev/net/tun");
      assertEquals(node?.options, ["bind", "nosuid", "noexec"]);
    }
  });

  test("mapped layers: a mount with its ids; below a root that is put together it is a loss", () => {
    const ids = [{ inside: 0, outside: 100_000, count: 65_536 }];
    const userns = { uids: ids, gids: ids };
    const layers = [{ dir: "/a" }, { dir: "/b", at: "/srv/b" }];
    const { config, losses } = equivalent({ userns, rootfs: { layers } });
    const map = [{ containerID: 0, hostID: 100_000, size: 65_536 }];
    assertEquals(config.mounts?.at(-1), {
      destination: "/srv/b",
      type: "bind",
      source: "/b",
      options: ["bind", "ro", "nosuid", "nodev", "rprivate"],
      uidMappings: map,
      gidMappings: map,
    });
    const lost = losses.filter(({ message }) => message.includes("maps no ids"));
    assertEquals(lost.map(({ origin }) => origin), ["/userns"]);
    assertStringIncludes(lost[0]?.message ?? "", "/a");
    const source = { kind: "directory", uid: 1000, gid: 1000 } as const;
    const matched = equivalent(
      { volumes: [{ bind: "/s", at: "/s", owner: "match" }] },
      { answers: { sources: { "/s": source } } },
    ).config.mounts?.at(-1);
    assertEquals(matched?.uidMappings, [{ containerID: 1000, hostID: 0, size: 1 }]);
  });
});

describe("showOci()", () => {
  const same = equivalent({ commands: ["a\x1b", "b"] });
  const options = { runtime: "crun", places: {} } as const;

  test("text: the document, the bundle, each loss by its key, no control characters", () => {
    const { out, problems } = showOci(same, { ...options, form: "text" });
    assertEquals(problems, "");
    assertStringIncludes(out, "config.json for crun:\n{");
    assertStringIncludes(out, "rootfs/bin -> usr/bin");
    assertStringIncludes(out, "and is left out commands[0]");
    assert(!out.includes("\x1b"));
  });

  test("document: JSON alone, losses apart; json: all of it", () => {
    const { out, problems } = showOci(same, { ...options, form: "document" });
    assertEquals(JSON.parse(out), JSON.parse(JSON.stringify(same.config)));
    assertStringIncludes(problems, "! OCI has one process");
    const all = showOci(same, { ...options, form: "json" });
    assertEquals(JSON.parse(all.out), JSON.parse(JSON.stringify(same)));
  });
});
