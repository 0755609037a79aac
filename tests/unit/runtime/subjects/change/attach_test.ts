import { assertEquals, assertStringIncludes, assertThrows } from "@std/assert";
import { describe, test } from "node:test";
import { lowerPlan } from "../../../../../runtime/plan/lower.ts";
import { HostError } from "../../../../../runtime/plan/host_error.ts";
import { attachOps, volumesSettled } from "../../../../../runtime/subjects/change/attach.ts";
import { compileChange } from "../../../../../runtime/subjects/change/plan.ts";
import { ANSWERS, HOST_USER, HOST_V2 } from "../../support/hosts.ts";
import { wanted } from "../../support/wanted.ts";

const container = wanted({ volumes: ["/srv:/data:ro", { tmpfs: "1MiB", at: "/tmp/x" }] });
const found = { kind: "directory", uid: 0, gid: 0 } as const;
const machine = { host: HOST_V2, answers: { ...ANSWERS, sources: { "/srv": found } } };

describe("volumes of a container that runs", () => {
  test("are opened on the host's side, and attached by one that joins its mounts and nothing else", () => {
    const ops = attachOps(container, machine);
    assertEquals(ops.map(({ kind, where }) => `${where} ${kind}`), [
      "stage volume.open",
      "stage join.clone",
      "container join.namespaces",
      "container volume.attach",
      "container volume.new",
      "container volume.attach",
      "container join.leave",
      "stage join.adopt",
      "stage watch",
    ]);
    const [joined] = ops.flatMap((op) => op.kind === "join.namespaces" ? [op] : []);
    assertEquals([joined?.namespaces, joined?.root], [["mount"], true]);
  });

  test("their plan is handed the process that it joins, lowers, and stays", () => {
    const plan = compileChange(container, { instance: "box", ops: attachOps(container, machine) });
    const [begin] = plan.ops;
    assertEquals([begin?.kind === "prepare" && begin.passed, plan.lasting], [1, true]);
    assertEquals(lowerPlan(plan).instructions.length > 0, true);
    const limits = compileChange(container, { instance: "box", ops: [] });
    assertEquals("passed" in (limits.ops[0] ?? {}), false);
  });

  test("a source that is not there is an error before anything is done", () => {
    const answers = { ...ANSWERS, sources: { "/srv": null } };
    assertThrows(() => attachOps(container, { ...machine, answers }), HostError, "/srv");
  });

  test("where they can't be mounted it is said why", () => {
    assertEquals(volumesSettled(container, HOST_V2), undefined);
    assertStringIncludes(volumesSettled(container, HOST_USER) ?? "", "without root");
    const own = { ...container, userns: "auto" } as const;
    assertStringIncludes(volumesSettled(own, HOST_V2) ?? "", "ids of its own");
    const image = { ...container.rootfs, layers: [{ kind: "image" }] as never };
    assertStringIncludes(volumesSettled({ ...container, rootfs: image }, HOST_V2) ?? "", "image");
  });
});
