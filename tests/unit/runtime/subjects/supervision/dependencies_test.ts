import { assertEquals } from "@std/assert";
import { describe, test } from "node:test";
import { type Known, readiness } from "../../../../../runtime/subjects/supervision/dependencies.ts";

type Condition = "started" | "healthy" | "completed";

const needs = (container: string, condition: Condition) => ({ container, condition, origin: "" });

/** `ready`, `waits for NAME`, or why it never can. */
function verdict(condition: Condition, known: Known): string {
  const found = readiness({ dependsOn: [needs("db", condition)] }, () => known);
  if (found.kind === "ready") return "ready";
  return found.kind === "waits" ? `waits for ${found.for.container}` : found.why;
}

describe("readiness()", () => {
  const rows: readonly (readonly [Condition, Known, string])[] = [
    ["started", { state: "absent" }, "waits for db"],
    ["started", { state: "running" }, "ready"],
    ["started", { state: "ended", code: 0 }, "ready"],
    ["started", { state: "ended", code: 3 }, "db ended with 3"],
    ["started", { state: "ended", code: 3, restarting: true }, "waits for db"],
    ["healthy", { state: "running" }, "waits for db"],
    ["healthy", { state: "running", health: "starting" }, "waits for db"],
    ["healthy", { state: "running", health: "unhealthy" }, "db is unhealthy"],
    ["healthy", { state: "running", health: "unhealthy", restarting: true }, "waits for db"],
    ["healthy", { state: "running", health: "healthy" }, "ready"],
    ["healthy", { state: "ended", code: 0 }, "db ended with 0 before it was healthy"],
    ["completed", { state: "running" }, "waits for db"],
    ["completed", { state: "ended", code: 0 }, "ready"],
    ["completed", { state: "ended", code: 7 }, "db ended with 7"],
    ["completed", { state: "ended" }, "db ended with no status"],
  ];
  for (const [condition, known, expected] of rows) {
    test(`${condition}, ${JSON.stringify(known)}: ${expected}`, () => {
      assertEquals(verdict(condition, known), expected);
    });
  }

  test("what can never be comes before what may still become true", () => {
    const states: Readonly<Record<string, Known>> = {
      slow: { state: "absent" },
      broken: { state: "ended", code: 1 },
    };
    const dependsOn = [needs("slow", "started"), needs("broken", "completed")];
    const found = readiness({ dependsOn }, (name) => states[name] ?? { state: "absent" });
    assertEquals(found.kind === "never" && found.because.container, "broken");
  });
});
