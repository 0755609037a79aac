import { assertEquals } from "@std/assert";
import { describe, test } from "node:test";
import type { Cost, Difference } from "../../../../../runtime/subjects/change/compare.ts";
import { decide, type Seen } from "../../../../../runtime/subjects/change/decide.ts";

const key = (name: string, cost: Cost): Difference => ({ key: name, origin: "default", cost });
const lost = { key: "rootfs", origin: "default", text: "nothing is mounted at /dev any more" };
const mended = { ...lost, text: "it holds 1", mend: { at: "/x" } };
const running: Seen = { state: "running", differences: [], drift: [] };
const exited: Seen = { ...running, state: "exited", status: 0 };

describe("what is done, and why", () => {
  const rows: readonly [string, Seen | undefined, string, string][] = [
    ["nothing of it", undefined, "start", "it is not there"],
    ["it runs", running, "none", "it runs"],
    [
      "a limit",
      { ...running, differences: [key("limits.memory", "live")] },
      "change",
      "its spec has changed: limits.memory",
    ],
    [
      "the dearest difference decides, and is named alone",
      { ...running, differences: [key("limits.cpu", "live"), key("user", "recreate")] },
      "replace",
      "its spec has changed: user",
    ],
    [
      "a limit that needs another group",
      {
        ...running,
        differences: [key("labels", "told"), key("limits.memory", "live")],
        settled: { keys: "limits.", why: "it was started without a group" },
      },
      "replace",
      "its spec has changed: limits.memory: it was started without a group",
    ],
    ["drift that can be mended", { ...running, drift: [mended] }, "change", "it holds 1"],
    ["drift that can't", { ...running, drift: [mended, lost] }, "replace", lost.text],
    ["it ended well", exited, "none", "it is completed"],
    [
      "it ended well, and a start that followed was cut off",
      { ...exited, unfinished: true },
      "replace",
      "its start was not finished",
    ],
    ["it was stopped", { ...exited, stopped: true }, "replace", "it was stopped"],
    [
      "it ended well, and its label changed",
      { ...exited, differences: [key("labels", "told")] },
      "change",
      "its spec has changed: labels",
    ],
    ["it failed", { ...exited, status: 7 }, "replace", "it ended with 7"],
    [
      "nobody saw how it ended",
      { state: "exited", differences: [], drift: [] },
      "replace",
      "it has ended, nobody saw how",
    ],
    ["created", { ...running, state: "created" }, "start", "it was not started"],
    ["starting", { ...running, state: "starting" }, "replace", "its start was not finished"],
    ["broken", { ...running, state: "broken" }, "replace", "its record is broken"],
    ["stale", { ...running, state: "stale" }, "replace", "it is of an earlier boot"],
  ];
  for (const [name, seen, action, why] of rows) {
    test(name, () => assertEquals(decide(seen), { action, why } as ReturnType<typeof decide>));
  }
});
