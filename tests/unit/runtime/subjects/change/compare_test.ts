import { assertEquals } from "@std/assert";
import { describe, test } from "node:test";
import { loadObject } from "../../../../../spec/load.ts";
import type { DesiredContainer } from "../../../../../spec/model/desired.ts";
import { compareContainers } from "../../../../../runtime/subjects/change/compare.ts";
import { type SpecObject, wanted } from "../../support/wanted.ts";

const shown = (was: SpecObject, now: SpecObject) =>
  compareContainers(wanted(was), wanted(now)).map(({ key, cost, text }) =>
    text === undefined ? [key, cost] : [key, cost, text]
  );

describe("two specs of one container", () => {
  const rows: readonly [string, SpecObject, SpecObject, readonly (readonly string[])[]][] = [
    ["the same", { limits: { memory: "64MiB" } }, { limits: { memory: "65536KiB" } }, []],
    ["a limit", { limits: { memory: "64MiB" } }, { limits: { memory: "128MiB" } }, [
      ["limits.memory", "live", "64MiB → 128MiB"],
    ]],
    ["a limit that is taken out", { limits: { cpu: 1, swap: 0, memory: "1GiB" } }, {
      limits: { memory: "1GiB" },
    }, [["limits.cpu", "live", "1 → not set"], ["limits.swap", "live", "none → not set"]]],
    ["several words of one limit", { limits: { memory: "1GiB" } }, {
      limits: { memory: { max: "1GiB", high: "1MiB", low: "1KiB" } },
    }, [["limits.memory", "live", "1GiB → 1GiB high 1MiB low 1KiB"]]],
    ["the default of pids, said", { limits: { cpu: 1 } }, { limits: { cpu: 1, pids: 4096 } }, [
      ["limits.pids", "told", "4096 (default) → 4096"],
    ]],
    ["what is handed down", {}, { limits: { rlimits: { nofile: 10 } } }, [
      ["limits.pids", "live", "not set → 4096 (default)"],
      ["limits.rlimits", "recreate"],
    ]],
    ["what only the supervisor reads", { restart: "always", labels: { a: "b" } }, {
      restart: "no",
      healthcheck: { shell: "true" },
      stop: { grace: "1s" },
    }, [["labels", "told"], ["stop", "told"], ["restart", "told"], ["healthcheck", "told"]]],
    ["the environment of what runs", { environment: { A: "1", B: "2" } }, {
      environment: { A: "2", C: "3" },
    }, [
      ["environment.A", "recreate"],
      ["environment.B", "recreate"],
      ["environment.C", "recreate"],
    ]],
    ["the program", {}, { commands: [["/bin/false"]], user: 7, hostname: "x" }, [
      ["commands", "recreate"],
      ["hostname", "recreate"],
      ["user", "recreate"],
    ]],
    ["volumes", { volumes: [{ tmpfs: "1MiB", at: "/a" }, { tmpfs: "1MiB", at: "/b" }] }, {
      volumes: [{ tmpfs: "2MiB", at: "/b" }, { tmpfs: "1MiB", at: "/c" }],
    }, [["volumes", "recreate", "+ /c, - /a, ~ /b"]]],
    ["a volume more", { volumes: [{ tmpfs: "1MiB", at: "/a/b" }] }, {
      volumes: [{ tmpfs: "1MiB", at: "/a/b" }, { tmpfs: "1MiB", at: "/a/b/c" }],
    }, [["volumes", "live", "+ /a/b/c"]]],
    ["a volume that would cover another", { volumes: [{ tmpfs: "1MiB", at: "/a/b" }] }, {
      volumes: [{ tmpfs: "1MiB", at: "/a" }, { tmpfs: "1MiB", at: "/a/b" }],
    }, [["volumes", "recreate", "+ /a"]]],
  ];
  for (const [name, was, now, expected] of rows) {
    test(name, () => assertEquals(shown(was, now), expected));
  }

  test("nothing runs in an idle container: who reads its environment is yet to come", () => {
    const [was, now] = ["1", "2"].map((A) => ({ ...wanted({ environment: { A } }), commands: [] }));
    if (was === undefined || now === undefined) throw new Error("two were made");
    assertEquals(compareContainers(was, now).map(({ cost }) => cost), ["told"]);
    const image = { ...was.rootfs, layers: [{ kind: "image" }] as never };
    const [a, b] = [was, now].map((one) => ({ ...one, rootfs: image }));
    assertEquals(a && b && compareContainers(a, b).map(({ cost }) => cost), ["recreate"]);
  });

  test("where in the file it stands is no difference, and each difference says where it is now", () => {
    const spec = { commands: [["true"]], limits: { memory: "1MiB", cpu: 1 } };
    const load = (value: SpecObject): DesiredContainer => {
      const only = loadObject(value, { name: "box", directory: "/specs" }).desired?.containers[0];
      if (only === undefined) throw new Error("it is good");
      return only;
    };
    const alone = load(spec);
    const inner = load({ containers: { box: spec } });
    assertEquals(compareContainers(alone, inner), []);
    const changed = load({ containers: { box: { ...spec, limits: { memory: "2MiB" } } } });
    assertEquals(compareContainers(alone, changed).map(({ key, origin }) => [key, origin]), [
      ["limits.cpu", "/containers/box/limits"],
      ["limits.memory", "/containers/box/limits/memory"],
    ]);
  });
});
