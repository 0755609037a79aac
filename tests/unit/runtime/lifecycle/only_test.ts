// runs-under: bun, deno
import { assertEquals, assertThrows } from "@std/assert";
import { describe, test } from "node:test";
import { onlyContainer } from "../../../../runtime/lifecycle/only.ts";
import { ContainervError } from "../../../../runtime/plan/error.ts";
import { loadObject } from "../../../../spec/load.ts";
import type { Desired } from "../../../../spec/model/desired.ts";

function desired(spec: unknown): Desired {
  const result = loadObject(spec, { name: "box", directory: "/" });
  if (result.desired === undefined) throw new Error(JSON.stringify(result.diagnostics));
  return result.desired;
}

describe("onlyContainer()", () => {
  test("is the one that there is", () => {
    assertEquals(onlyContainer(desired({ commands: ["a"] })).name, "box");
  });
  const one = { commands: ["a"] };
  const rows: readonly (readonly [string, unknown, string])[] = [
    ["several", { containers: { a: one, b: one } }, "/containers/b"],
    ["restart", { ...one, restart: "always" }, "/restart"],
    ["health check", { ...one, healthcheck: { tcp: { port: 1 } } }, "/healthcheck"],
    ["profiles", { containers: { a: { ...one, profiles: ["x"] } } }, "/containers/a/profiles"],
  ];
  for (const [name, spec, pointer] of rows) {
    test(`${name}: for up, by its place`, () => {
      const error = assertThrows(() => onlyContainer(desired(spec)), ContainervError);
      assertEquals([error.facts.code, error.facts.pointer], ["NEEDS_UP", pointer]);
    });
  }
});
