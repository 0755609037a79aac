// runs-under: bun, deno
/** pause and resume by the kernel's freezer, and what the other verbs make of a container that is paused. */
import { existsSync, readFileSync } from "node:fs";
import { describe, test } from "node:test";
import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { missing, root } from "../../support/require.ts";
import { guardWorld, IDLE_LOOP, lives, sh } from "../cli/sandbox.ts";
import { type Project, project, untilAsync } from "./project.ts";

guardWorld();
const skip = missing(root());
const LOOP = sh(`trap 'echo hup' HUP; trap 'exit 4' TERM; ${IDLE_LOOP}`);
const LOOPS = { policy: "none", commands: [LOOP], limits: { pids: 64 } };

/** Group of a container in cgroup v2, and whether it is frozen. */
function groupOf(pid: number): { readonly path: string; readonly frozen: boolean } {
  const [mount = ""] = ["/sys/fs/cgroup/unified", "/sys/fs/cgroup"]
    .filter((path) => existsSync(`${path}/cgroup.controllers`));
  const below = /^0::(.*)$/m.exec(readFileSync(`/proc/${pid}/cgroup`, "utf8"))?.[1];
  const path = `${mount}${below}`;
  const events = `${path}/cgroup.events`;
  const frozen = existsSync(events) && readFileSync(events, "utf8").includes("frozen 1");
  return { path, frozen };
}

async function stateOf(box: Project, name: string): Promise<string | undefined> {
  return (await box.ps()).find((one) => one.name === name)?.state;
}

describe("pause", { skip }, () => {
  test("freezes every process until resume; ps says so, exec is refused, signals are taken afterwards", async () => {
    await using box = project({
      containers: { one: { ...LOOPS }, free: { policy: "none", commands: [LOOP] } },
    });
    await box.cv("up", "-d");
    const { pid = 0 } = (await box.ps()).find(({ name }) => name === "one") ?? {};
    const before = groupOf(pid).path;
    assertEquals((await box.cv("pause", "one")).stderr, "✔ one is paused\n");
    assert(groupOf(pid).frozen);
    const frozen = groupOf(pid).path;
    assertMatch((await box.cv("ps")).stdout, /^one +paused /m);
    const exec = await box.cv("exec", "one", "--", "true");
    assertEquals(exec.code, 125);
    assertStringIncludes(exec.stderr, "PAUSED");
    assertStringIncludes((await box.cv("pause", "one")).stderr, "PAUSED");
    const free = await box.cv("pause", "free");
    assertEquals(free.code, 125);
    assertMatch(free.stderr, /NO_GROUP: .*no cgroup[^]*limits: \{pids/);
    assertEquals((await box.cv("kill", "-s", "HUP", "one")).code, 0);
    assertEquals((await box.cv("resume", "one")).stderr, "✔ one goes on\n");
    assertEquals(groupOf(pid), { path: before, frozen: false });
    if (frozen !== before) assert(!existsSync(frozen), "the group that was made for it is left");
    await untilAsync(
      async () => (await box.cv("logs", "one")).stdout === "hup\n",
      "the signal came",
    );
    assertStringIncludes((await box.cv("resume", "one")).stderr, "NOT_PAUSED");
    const types = readFileSync(`${box.state()}/events`, "utf8").trim().split("\n")
      .map((line) => JSON.parse(line)).filter(({ container }) => container === "one")
      .map(({ type }) => type);
    assertEquals(types, ["started", "paused", "resumed"]);
  });

  test("stop lets it go on first, kill ends it as it is; nothing of the group is left", async () => {
    await using box = project({
      containers: {
        one: LOOPS,
        two: LOOPS,
      },
    });
    await box.cv("up", "-d");
    const [one, two] = await box.ps();
    assertEquals((await box.cv("pause", "one", "two")).code, 0);
    const { path } = groupOf(one?.pid ?? 0);
    assertEquals((await box.cv("stop", "one")).stderr, "✔ one exited (4)\n");
    assertEquals((await box.cv("kill", "two")).code, 0);
    await untilAsync(() => Promise.resolve(!lives(two?.pid ?? 0)), "it ended");
    assertEquals(await stateOf(box, "two"), "exited");
    assertEquals((await box.cv("down")).code, 0);
    assert(!existsSync(path), path);
  });
});
