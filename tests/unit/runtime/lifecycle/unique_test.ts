// runs-under: bun, deno
import { assert, assertEquals, assertNotEquals } from "@std/assert";
import { describe, test } from "node:test";
import { prepare } from "../../../../runtime/lifecycle/prepare.ts";
import { uniqueStartable } from "../../../../runtime/lifecycle/unique.ts";
import { controller, missing, root } from "../../../support/require.ts";
import { wanted } from "../support/wanted.ts";

const LIMITED = wanted({ limits: { memory: "64MiB", pids: 5 }, policy: "none" });

describe("uniqueStartable()", () => {
  test("gives each container a name of its own", () => {
    const names = Array.from(
      { length: 50 },
      () => uniqueStartable(wanted(), { announce: false }).name,
    );
    assertEquals(new Set(names).size, 50);
    assert(names.every((name) => /^box-[0-9a-z]{12}$/.test(name)), names[0]);
  });

  test("its image is byte for byte the one that is planned for that name", {
    skip: missing(root(), controller("memory"), controller("pids")),
  }, () => {
    for (const announce of [false, true]) {
      for (let round = 0; round < 3; round++) {
        const { name, image } = uniqueStartable(LIMITED, { announce });
        assertEquals(image, prepare(LIMITED, { instance: name, announce }).image, name);
      }
    }
  });

  test("two images of one spec share no memory", {
    skip: missing(root(), controller("memory"), controller("pids")),
  }, () => {
    const [first, second] = [0, 1].map(() => uniqueStartable(LIMITED, { announce: false }));
    assert(first !== undefined && second !== undefined);
    const before = first.image.slice();
    assertNotEquals(second.image, before);
    second.image.fill(0);
    assertEquals(first.image, before);
  });

  test("another spec, or another way to start it, has another image", () => {
    const length = (spec: object, announce = false) =>
      uniqueStartable(wanted({ ...spec }), { announce }).image.length;
    assertNotEquals(length({}), length({ commands: [["/bin/sh", "-c", "exit 1"]] }));
    const plain = uniqueStartable(wanted(), { announce: false }).image;
    assertNotEquals(uniqueStartable(wanted(), { announce: true }).image, plain);
  });

  test("explains itself by the plan of that name", async () => {
    const startable = uniqueStartable(wanted(), { announce: false });
    const { plan, image } = await startable.explain();
    assertEquals([plan.instance, plan.container], [startable.name, "box"]);
    assertEquals(image, startable.image as typeof image);
    const renamed = await startable.rename(2);
    assertNotEquals((await renamed.explain()).plan.instance, startable.name);
  });
});
