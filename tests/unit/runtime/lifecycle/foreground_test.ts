/** Which containers `up` still waits for, and whose status it takes. */
import { describe, test } from "node:test";
import { assertEquals } from "@std/assert";
import type { DesiredContainer } from "../../../../spec/model/desired.ts";
import type { ContainerView } from "../../../../runtime/lifecycle/containers.ts";
import { endingOf, firstFailed } from "../../../../runtime/lifecycle/foreground.ts";

const ending = (status: number, at = 1) => ({
  status,
  at,
  lost: false,
  cpuMicroseconds: 0,
  maxRssKib: 0,
});
const process = { pid: 7, startTicks: 70 };
const view = (more: Partial<ContainerView>): ContainerView =>
  ({
    name: "web",
    state: "exited",
    ending: ending(3),
    record: { process },
    ...more,
  }) as ContainerView;
const container = (policy: string): DesiredContainer =>
  ({ restart: { policy } }) as DesiredContainer;

describe("the end of a container", () => {
  const rows: readonly [string, ContainerView | undefined, string, boolean, unknown][] = [
    ["runs", view({ state: "running" }), "no", false, undefined],
    ["is being started", view({ state: "starting" }), "no", false, undefined],
    ["is not there", undefined, "no", false, null],
    ["ended", view({}), "no", false, ending(3)],
    ["may be started again", view({}), "always", true, undefined],
    ["nobody is there to start it again", view({}), "always", false, ending(3)],
    ["was stopped", view({ stopped: true }), "always", true, ending(3)],
    [
      "its supervisor starts it no more",
      view({ supervised: { restarts: 2, process, final: true } }),
      "on-failure",
      true,
      ending(3),
    ],
    [
      "its supervisor spoke of another process",
      view({ supervised: { restarts: 2, process: { pid: 7, startTicks: 1 }, final: true } }),
      "on-failure",
      true,
      undefined,
    ],
  ];
  for (const [name, one, policy, supervised, want] of rows) {
    test(name, () => {
      assertEquals(endingOf(one, container(policy), supervised), want as never);
    });
  }

  test("the first that failed, by time", () => {
    const ended = [
      { name: "a", ending: ending(0, 1) },
      { name: "b", ending: ending(2, 9) },
      { name: "c", ending: ending(3, 5) },
    ];
    assertEquals(firstFailed(ended)?.name, "c");
    assertEquals(firstFailed(ended.slice(0, 1)), undefined);
  });
});
