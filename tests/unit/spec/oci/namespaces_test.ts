import { assertEquals, assertStringIncludes } from "@std/assert";
import { describe, test } from "node:test";
import { fromOci } from "../../../../spec/oci/container.ts";
import { exported, IMPORT, thereAndBack } from "./support.ts";

const typesOf = (spec: Readonly<Record<string, unknown>>) =>
  exported(spec).config.linux?.namespaces?.map(({ type, path }) => path ?? type);

describe("join: in the words of OCI", () => {
  test("a path stands in place of a namespace of its own, whichever it is", () => {
    const join = Object.fromEntries(
      ["network", "ipc", "uts", "pid", "cgroup", "time", "user"].map((
        kind,
      ) => [kind, `/ns/${kind}`]),
    );
    assertEquals(typesOf({ join: { network: "/ns/net" } }), [
      "pid",
      "ipc",
      "uts",
      "mount",
      "cgroup",
      "/ns/net",
    ]);
    assertEquals([...typesOf({ join }) ?? []].sort(), [
      "/ns/cgroup",
      "/ns/ipc",
      "/ns/network",
      "/ns/pid",
      "/ns/time",
      "/ns/user",
      "/ns/uts",
      "mount",
    ]);
  });

  test("the name of another's machine is not written", () => {
    assertEquals(exported({ join: { uts: "/ns/uts" } }).config.hostname, undefined);
    assertEquals(exported({ join: { ipc: "/ns/ipc" } }).config.hostname, "box");
  });

  test("a container by name has no path: one of its own, and the loss says so", () => {
    const { config, losses } = exported({ join: { network: "db" } });
    assertEquals(config.linux?.namespaces?.at(-1), { type: "network" });
    const [lost] = losses.filter(({ origin }) => origin === "/join/network");
    assertStringIncludes(lost?.message ?? "", "no container db");
  });

  test("there and back; of a kind that is joined none is made", () => {
    const join = { network: "/ns/net", user: "/ns/user" };
    const { spec, losses } = thereAndBack({ join });
    assertEquals(losses, []);
    assertEquals([spec.join, spec.network], [join, undefined]);
  });
});

describe("time: in the words of OCI", () => {
  test("seconds and nanoseconds of both clocks, in a namespace of its own", () => {
    const { config } = exported({ time: { boottime: "1d", monotonic: "1500ms" } });
    assertEquals(config.linux?.timeOffsets, {
      monotonic: { secs: 1, nanosecs: 500_000_000 },
      boottime: { secs: 86_400, nanosecs: 0 },
    });
    assertEquals(config.linux?.namespaces?.at(-2), { type: "time" });
    assertEquals(config.ociVersion, "1.1.0");
  });

  test("there and back; a clock behind the host's is lost", () => {
    const { spec, losses } = thereAndBack({ time: { boottime: "90s" } });
    assertEquals([spec.time, losses], [{ monotonic: "0ms", boottime: "90000ms" }, []]);
    const behind = fromOci({
      linux: {
        namespaces: [{ type: "time" }],
        timeOffsets: { boottime: { secs: -1, nanosecs: 0 } },
      },
    }, IMPORT);
    const places = behind.losses.map(({ origin }) => origin);
    assertEquals(places.includes("/linux/timeOffsets/boottime"), true, `${places}`);
  });
});

describe("userns: there and back", () => {
  test("the mappings of a namespace of its own", () => {
    const ids = [{ inside: 0, outside: 100_000, count: 65_536 }];
    const { spec } = thereAndBack({ userns: { uids: ids, gids: ids } }, {
      idMaps: { uids: ids, gids: ids },
    });
    assertEquals(spec.userns, { uids: ids, gids: ids });
  });
});
