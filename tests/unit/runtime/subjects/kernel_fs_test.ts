/** B3: who can rename in a shared rootfs must not lead masks and devices elsewhere while they are made. */
import { assert, assertEquals } from "@std/assert";
import { describe, test } from "node:test";
import { callsOf } from "../../../../runtime/plan/lower.ts";
import { HOST_HYBRID, HOST_USER, HOST_V2 } from "../support/hosts.ts";
import { sceneOf } from "../support/simulated.ts";

describe("the kernel's file systems", () => {
  for (const [name, host] of Object.entries({ HOST_V2, HOST_HYBRID, HOST_USER })) {
    test(`what lies in /proc, /sys and /dev is looked up from their own mounts (${name})`, () => {
      const limits = host === HOST_USER ? {} : { limits: { pids: 5 } };
      const { plan } = sceneOf(limits, { host });
      const within = plan.ops.filter((op) =>
        op.where === "container" && /^(kernel|shield)\/(proc|sys|dev)\/./.test(op.id)
      );
      assert(within.length > 20, `${within.length}`);
      for (const op of within) {
        const top = `/${op.id.split("/")[1]}`;
        const calls = callsOf(op).filter(({ name }) =>
          ["openat2", "mknodat", "mkdirat", "symlinkat"].includes(name)
        );
        for (const call of calls) {
          const directory = call.words[call.name === "symlinkat" ? 1 : 0];
          const from = typeof directory === "object" && "result" in directory
            ? directory.result
            : "";
          assert(
            [`mount ${top}`, "parent"].includes(from),
            `${op.id}: ${call.name} from "${from}"`,
          );
        }
        assertEquals(calls.length > 0, true, op.id);
      }
    });
  }
});
