import { assertEquals } from "@std/assert";
import { describe, test } from "node:test";
import {
  BACKOFF_MAX_MS,
  decideRestart,
  LASTED_MS,
  NO_RESTARTS,
} from "../../../../../runtime/subjects/supervision/restart.ts";

const failed = { code: 1, asked: false, ranMs: 5 };
const always = { policy: "always", backoffMs: 100 } as const;

describe("decideRestart()", () => {
  const rows = [
    ["no", { policy: "no", backoffMs: 100 }, failed, "policy"],
    ["always, but it was stopped", always, { ...failed, asked: true }, "asked"],
    [
      "on-failure after success",
      { policy: "on-failure", backoffMs: 100 },
      { ...failed, code: 0 },
      "succeeded",
    ],
    ["no retry left", { ...always, maxRetries: 0 }, failed, "retries used up"],
  ] as const;
  for (const [what, restart, ending, why] of rows) {
    test(`${what}: stays down`, () => {
      assertEquals(decideRestart(restart, ending, NO_RESTARTS), { restart: false, why });
    });
  }

  test("always restarts after success too, on-failure after a signal", () => {
    assertEquals(decideRestart(always, { ...failed, code: 0 }, NO_RESTARTS).restart, true);
    const onFailure = { policy: "on-failure", backoffMs: 100 } as const;
    assertEquals(decideRestart(onFailure, { ...failed, code: 137 }, NO_RESTARTS).restart, true);
  });

  test("the pause doubles to a minute and stays there, however often", () => {
    const pauses: number[] = [];
    let history = NO_RESTARTS;
    for (let count = 0; count < 2000; count++) {
      const decision = decideRestart(always, failed, history);
      if (!decision.restart) throw new Error(decision.why);
      pauses.push(decision.afterMs);
      history = decision.history;
    }
    assertEquals(pauses.slice(0, 5), [100, 200, 400, 800, 1600]);
    assertEquals([pauses[10], pauses[1999]], [BACKOFF_MAX_MS, BACKOFF_MAX_MS]);
  });

  test("a pause of nothing stays nothing; one longer than a minute is what was asked for", () => {
    const none = { policy: "always", backoffMs: 0 } as const;
    assertEquals(decideRestart(none, failed, { inRow: 3000 }), {
      restart: true,
      afterMs: 0,
      history: { inRow: 3001 },
    });
    const long = { policy: "always", backoffMs: 90_000 } as const;
    const decision = decideRestart(long, failed, { inRow: 1 });
    assertEquals(decision.restart && decision.afterMs, 90_000);
  });

  test("what ran ten seconds has come up: the count begins anew", () => {
    const limited = { ...always, maxRetries: 2 };
    const tired = { inRow: 2 };
    assertEquals(decideRestart(limited, failed, tired).restart, false);
    assertEquals(decideRestart(limited, { ...failed, ranMs: LASTED_MS }, tired), {
      restart: true,
      afterMs: 100,
      history: { inRow: 1 },
    });
  });
});
