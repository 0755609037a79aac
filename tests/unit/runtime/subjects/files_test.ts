import { assert, assertEquals, assertThrows } from "@std/assert";
import { describe, test } from "node:test";
import { HostError } from "../../../../runtime/plan/host_error.ts";
import { HOST_USER } from "../support/hosts.ts";
import { opsOf, planOf, type Situation, type SpecObject } from "../support/wanted.ts";

const INPUTS = [{ from: "./a", to: "/in/", mode: "0640" }];
const OUTPUTS = [{ from: "/out", to: "./out" }, { from: "/log", to: "logs/", when: "always" }];

function refused(spec: SpecObject, situation: Situation = {}): readonly [string, string] {
  const error = assertThrows(() => planOf(spec, situation));
  assert(error instanceof HostError);
  return [error.code, error.origin];
}

describe("inputs and outputs", () => {
  test("neither: nothing is handed over, and nobody waits", () => {
    const plan = planOf();
    assertEquals(opsOf(plan, "root.hand"), []);
    assertEquals(plan.summary.copies, undefined);
  });

  test("the root is given away when all is mounted, before the first process; outputs come last", () => {
    const plan = planOf({ inputs: INPUTS, outputs: OUTPUTS });
    const kinds = plan.ops.map(({ kind }) => kind);
    assertEquals(kinds.indexOf("root.hand"), kinds.indexOf("pivot") + 1);
    assert(kinds.indexOf("root.hand") < kinds.indexOf("execute"));
    assertEquals(kinds.slice(-2), ["output", "output"]);
    assert(kinds.indexOf("watch") < kinds.indexOf("output"));
    const [hand] = opsOf(plan, "root.hand");
    assertEquals([hand?.origin, hand?.fd, hand?.lasting], ["/inputs", 7, true]);
    assertEquals(plan.summary.copies, {
      inputs: [...opsOf(plan, "input")],
      outputs: [...opsOf(plan, "output")],
    });
    assertEquals(
      opsOf(plan, "output").map(({ to, base, into, when }) => [to, base, into, when]),
      [["/specs/out", "/specs", false, "success"], ["/specs/logs", "/specs", true, "always"]],
    );
  });

  test("inputs alone need no copy of the mounts", () => {
    const [hand] = opsOf(planOf({ inputs: INPUTS }), "root.hand");
    assertEquals(hand?.lasting, false);
  });

  test("the disk stays locked while files are read from it", () => {
    const disk = { rootfs: { writable: "disk" } };
    assertEquals(opsOf(planOf({ ...disk, outputs: OUTPUTS }), "root.hand")[0]?.locked, true);
    assertEquals(opsOf(planOf({ ...disk, inputs: INPUTS }), "root.hand")[0]?.locked, undefined);
  });

  test("behind the secrets comes its descriptor", () => {
    const plan = planOf({ inputs: INPUTS, secrets: { "/run/a": "x", "/run/b": "y" } });
    assertEquals(opsOf(plan, "root.hand")[0]?.fd, 9);
    assertEquals(opsOf(plan, "clone")[0]?.passed, 3);
  });

  test("they belong to the user of the main command", () => {
    const [input] = opsOf(planOf({ inputs: INPUTS, user: "1000:100" }), "input");
    assertEquals([input?.owner, input?.mode], [{ uid: 1000, gid: 100 }, 0o640]);
  });

  test("nowhere to write is said before anything is done", () => {
    const none = { rootfs: { writable: false } };
    assertEquals(refused({ ...none, inputs: INPUTS }), ["INPUT_READ_ONLY", "/inputs/0/to"]);
    const over = [{ tmpfs: "1MiB", at: "/in" }];
    assertEquals(opsOf(planOf({ ...none, inputs: INPUTS, volumes: over }), "input").length, 1);
    const closed = [{ tmpfs: "1MiB", at: "/in", readonly: true }];
    assertEquals(refused({ inputs: INPUTS, volumes: closed }), ["INPUT_READ_ONLY", "/inputs/0/to"]);
    assertEquals(opsOf(planOf({ ...none, outputs: OUTPUTS }), "output").length, 2);
  });

  test("in the background too", () => {
    const plan = planOf({ inputs: INPUTS, outputs: OUTPUTS }, { answers: { detached: true } });
    assertEquals([opsOf(plan, "input").length, opsOf(plan, "output").length], [1, 2]);
    assertEquals(opsOf(plan, "root.hand")[0]?.lasting, true);
  });

  test("an ordinary user's copies are root's of the container", () => {
    const host = HOST_USER;
    assertEquals(opsOf(planOf({ inputs: INPUTS }, { host }), "input")[0]?.owner, {
      uid: host.uid,
      gid: host.gid,
    });
  });

  test("whom they are another's of the container, its first process gives them to", () => {
    const ranges = [{ first: 200_000, count: 65_536 }];
    const helpers = { newuidmap: "/usr/bin/newuidmap", newgidmap: "/usr/bin/newgidmap" };
    const answers = { ids: { uids: ranges, gids: ranges, helpers } };
    const plan = planOf({ inputs: INPUTS, user: "1000:100" }, { host: HOST_USER, answers });
    const [input] = opsOf(plan, "input");
    assertEquals([input?.owner, input?.given], [{ uid: 200_999, gid: 200_099 }, true]);
    assertEquals(opsOf(plan, "root.hand")[0]?.gives, { uid: 1000, gid: 100 });
  });
});
