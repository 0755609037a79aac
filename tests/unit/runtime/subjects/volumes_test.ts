import { assert, assertEquals, assertThrows } from "@std/assert";
import { describe, test } from "node:test";
import { HostError } from "../../../../runtime/plan/host_error.ts";
import type { SourceAnswer } from "../../../../runtime/plan/host.ts";
import { HOST_USER } from "../support/hosts.ts";
import { opsOf, planOf, type Situation } from "../support/wanted.ts";

const DIRECTORY: SourceAnswer = { kind: "directory", uid: 1000, gid: 100 };

const sources = (answer: SourceAnswer | null): Situation => ({
  answers: { sources: { "/specs/src": answer } },
});

function refused(volume: unknown, situation: Situation): readonly [string, string] {
  const error = assertThrows(() => planOf({ volumes: [volume] }, situation));
  assert(error instanceof HostError);
  return [error.code, error.origin];
}

describe("volumes", () => {
  test("as root sources are opened before the container, else in it; both are attached there", () => {
    for (const [host, where] of [[undefined, "stage"], [HOST_USER, "container"]] as const) {
      const situation = { ...sources(DIRECTORY), ...(host === undefined ? {} : { host }) };
      const plan = planOf({ volumes: ["./src:/a"] }, situation);
      const [open] = opsOf(plan, "volume.open");
      assertEquals([open?.where, open?.base, open?.path], [where, "/specs", "src"]);
      assertEquals(opsOf(plan, "volume.attach").map((op) => [op.where, op.slot]), [
        ["container", open?.slot],
      ]);
      const kinds = plan.ops.map(({ kind }) => kind);
      assert(kinds.indexOf("volume.attach") > kinds.lastIndexOf("mount.shield"));
      assert(kinds.indexOf("volume.attach") < kinds.indexOf("pivot"));
    }
  });

  test("nosuid and nodev always, private unless asked", () => {
    const plan = planOf({
      volumes: ["./src:/a:ro", { bind: "./src", at: "/b", propagation: "slave" }, {
        tmpfs: "1MiB",
        at: "/c",
      }],
    }, sources(DIRECTORY));
    assertEquals(opsOf(plan, "volume.open").map((op) => [op.attributes, op.propagation]), [
      [["ro", "nosuid", "nodev"], "private"],
      [["nosuid", "nodev"], "slave"],
    ]);
    assertEquals(opsOf(plan, "volume.new").map((op) => [op.attributes, op.options]), [
      [["nosuid", "nodev"], [["size", "1048576"], ["mode", "1777"]]],
    ]);
  });

  test("owner: match maps the source's owner to the user, where they differ", () => {
    const owners = (user: string, situation = sources(DIRECTORY)) =>
      opsOf(
        planOf({ user, volumes: [{ bind: "./src", at: "/a", owner: "match" }] }, situation),
        "volume.open",
      ).map(({ owner }) => owner);
    assertEquals(owners("5:6"), [{ from: { uid: 1000, gid: 100 }, to: { uid: 5, gid: 6 } }]);
    assertEquals(owners("1000:100"), [undefined]);
    const own: SourceAnswer = { kind: "directory", uid: HOST_USER.uid, gid: HOST_USER.gid };
    assertEquals(owners("0", { ...sources(own), host: HOST_USER }), [undefined]);
    assertEquals(
      refused({ bind: "./src", at: "/a", owner: "match" }, {
        ...sources(DIRECTORY),
        host: HOST_USER,
      }),
      ["OWNER_CANNOT_MATCH", "/volumes/0/owner"],
    );
  });

  test("what is missing, a link, a device: refused before anything is done", () => {
    const link: SourceAnswer = { kind: "link", uid: 0, gid: 0, real: "/x" };
    const device: SourceAnswer = { kind: "device", uid: 0, gid: 0 };
    assertEquals(refused("./src:/a", sources(null)), ["VOLUME_SOURCE_MISSING", "/volumes/0"]);
    assertEquals(refused("./src:/a", sources(link)), ["VOLUME_SOURCE_LINK", "/volumes/0"]);
    assertEquals(refused("./src:/a", sources(device)), ["VOLUME_IS_DEVICE", "/volumes/0"]);
    assertEquals(
      refused({ bind: "./src", at: "/a", propagation: "shared" }, {
        ...sources(DIRECTORY),
        host: HOST_USER,
      }),
      ["PROPAGATION_NEEDS_ROOT", "/volumes/0/propagation"],
    );
  });

  test("create makes it for the user, when it is missing", () => {
    const volumes = [{ bind: "./src", at: "/a", create: true }];
    const made = (answer: SourceAnswer | null) =>
      opsOf(planOf({ user: "5:6", volumes }, sources(answer)), "volume.open").map((op) =>
        op.create
      );
    assertEquals(made(null), [{ uid: 5, gid: 6 }]);
    assertEquals(made(DIRECTORY), [undefined]);
  });
});
