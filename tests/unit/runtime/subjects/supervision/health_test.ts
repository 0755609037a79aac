import { assertEquals } from "@std/assert";
import { describe, test } from "node:test";
import {
  type Health,
  judge,
  JUST_STARTED,
} from "../../../../../runtime/subjects/supervision/health.ts";

const CHECK = {
  test: { kind: "tcp", port: 80 },
  intervalMs: 2000,
  timeoutMs: 500,
  retries: 3,
  startPeriodMs: 5000,
  onFailure: "restart",
  origin: "/healthcheck",
} as const;

/** The health after each result, and every action that was asked for. */
function follow(results: readonly (readonly [boolean, number])[], check = CHECK) {
  let health: Health = JUST_STARTED;
  const seen: string[] = [];
  const actions: string[] = [];
  for (const [passed, atMs] of results) {
    const next = judge(check, health, { passed, atMs });
    health = next.health;
    seen.push(`${health.status} ${health.failures}`);
    if (next.action !== "none") actions.push(`${next.action} at ${atMs}`);
  }
  return { seen, actions, dueMs: health.dueMs };
}

describe("judge()", () => {
  test("failures of the start period do not count", () => {
    const { seen, actions } = follow([[false, 100], [false, 4999], [false, 5000], [true, 6000]]);
    assertEquals(seen, ["starting 0", "starting 0", "starting 1", "healthy 0"]);
    assertEquals(actions, []);
  });

  test("one success ends the starting, also of what fails from then on", () => {
    const { seen } = follow([[true, 100], [false, 200], [false, 300], [false, 400]]);
    assertEquals(seen, ["healthy 0", "healthy 1", "healthy 2", "unhealthy 3"]);
  });

  test("unhealthy after as many failures in a row as are allowed; the action comes once", () => {
    const failures = [6000, 7000, 8000, 9000, 10_000].map((at) => [false, at] as const);
    const { seen, actions } = follow(failures);
    assertEquals(seen.slice(1), ["starting 2", "unhealthy 3", "unhealthy 4", "unhealthy 5"]);
    assertEquals(actions, ["restart at 8000"]);
  });

  test("it recovers, and may fail again", () => {
    const { seen, actions } = follow([
      [false, 6000],
      [false, 6100],
      [false, 6200],
      [true, 6300],
      [false, 6400],
      [false, 6500],
      [false, 6600],
    ]);
    assertEquals(seen[3], "healthy 0");
    assertEquals(actions, ["restart at 6200", "restart at 6600"]);
  });

  test("who waits for it waits a second at most between two looks; then the interval holds", () => {
    assertEquals(follow([[false, 100]]).dueMs, 1100);
    assertEquals(follow([[true, 100]]).dueMs, 2100);
    const quick = { ...CHECK, intervalMs: 200 };
    assertEquals(judge(quick, JUST_STARTED, { passed: false, atMs: 100 }).health.dueMs, 300);
  });
});
