// runs-under: bun, deno
import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { describe, test } from "node:test";
import { equivalentOci } from "../../../../runtime/lifecycle/oci.ts";
import { showOci } from "../../../../runtime/show/oci.ts";
import { ANSWERS, HOST_USER, HOST_V2 } from "../support/hosts.ts";
import { planOf, type Situation, type SpecObject, wanted } from "../support/wanted.ts";

const equivalent = (spec: SpecObject, situation: Situation = {}) =>
  equivalentOci(wanted(spec), planOf(spec, situation), { here: false });

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
