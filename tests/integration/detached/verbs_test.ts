// runs-under: bun, deno
/** Single detached containers: stop, start, restart, kill, wait, rm, and what each says when it can't. */
import process from "node:process";
import { describe, test } from "node:test";
import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { missing, root } from "../../support/require.ts";
import { guardWorld, IDLE_LOOP, lives, sh } from "../cli/sandbox.ts";
import { keeperOf, project, untilAsync } from "./project.ts";

guardWorld();
const skip = missing(root());
const IDLE = sh(`trap 'exit 4' TERM; echo up; ${IDLE_LOOP}`);

describe("verbs", { skip }, () => {
  test("stop, start, restart, wait, kill and rm do what they say, with the statuses of the commands", async () => {
    await using box = project({ containers: { one: { policy: "none", commands: [IDLE] } } });
    await box.cv("up", "-d");
    const [first] = await box.ps();
    const stopped = await box.cv("stop", "one");
    assertEquals([stopped.code, stopped.stderr], [0, "✔ one exited (4)\n"]);
    assert(!lives(first?.pid ?? 0));
    assertEquals((await box.cv("start", "one")).stderr, "✔ one started\n");
    const [second] = await box.ps();
    assert(second?.state === "running" && second.pid !== first?.pid);
    const running = await box.cv("start", "one");
    assertEquals(running.code, 125);
    assertStringIncludes(running.stderr, "RUNNING");
    assertEquals((await box.cv("restart", "one")).stderr, "✔ one started again\n");
    const [third] = await box.ps();
    assert(third?.state === "running" && third.pid !== second.pid && !lives(second.pid ?? 0));
    const refused = await box.cv("rm", "one");
    assertEquals(refused.code, 125);
    assertStringIncludes(refused.stderr, "rm --force");
    assertEquals((await box.cv("kill", "one")).code, 0);
    const waited = await box.cv("wait", "one");
    assertEquals([waited.code, waited.stderr], [137, "✔ one exited (137)\n"]);
    const dead = await box.cv("kill", "one");
    assertEquals(dead.code, 125);
    assertStringIncludes(dead.stderr, "NOT_RUNNING");
    await untilAsync(async () => (await box.cv("logs")).stdout === "up\nup\nup\n", "three starts");
    assertEquals((await box.cv("rm", "one")).stderr, "✔ one removed\n");
    assertEquals(await box.ps(), []);
  });

  test("create plans and records, start runs it; rename changes nothing else, and up agrees", async () => {
    await using box = project({
      containers: {
        one: { policy: "none", commands: [IDLE] },
        two: { policy: "none", commands: [IDLE] },
        three: { policy: "none", user: "nobody-here", commands: [IDLE] },
      },
    });
    const created = await box.cv("create");
    assertEquals(created.code, 125);
    assertMatch(created.stderr, /✔ one created\n✔ two created\n.*error NO_SUCH_USER/);
    const states = async () => (await box.ps()).map(({ name, state }) => `${name} ${state}`);
    assertEquals(await states(), ["one created", "two created"]);
    assertEquals((await box.cv("start", "one")).stderr, "✔ one started\n");
    assertEquals(await states(), ["one running", "two created"]);
    assertEquals((await box.cv("rm", "two", "two")).stderr, "✔ two removed\n");
    const [before] = await box.ps();
    assertStringIncludes((await box.cv("rename", "one", "UNO")).stderr, "BAD_NAME");
    assertEquals((await box.cv("rename", "one", "uno")).stderr, "✔ one is called uno\n");
    // Its groups and its log are still called as the one that has the name now would call them.
    const uno = { policy: "none", commands: [IDLE] };
    box.write({ containers: { uno, one: { ...uno, labels: { new: "1" } } } });
    assertMatch((await box.cv("up", "-d")).stderr, /^✔ uno unchanged\n✔ one running [^\n]*\n$/);
    const there = await box.ps();
    assertEquals(there.map(({ name }) => name), ["one", "uno"]);
    assertEquals(there[1]?.pid, before?.pid);
    assertEquals((await box.cv("restart", "one")).code, 0);
    assertEquals((await box.cv("logs", "uno")).stdout, "up\n");
    assertEquals((await box.cv("logs", "one")).stdout, "up\nup\n");
    assertEquals((await box.cv("down")).stderr, "✔ 2 containers removed\n");
  });

  test("a container whose PID 1 ignores the signal is killed when its grace is over, and that is said", async () => {
    await using box = project({
      policy: "none",
      stop: { grace: "200ms" },
      commands: [sh(`trap '' TERM; ${IDLE_LOOP}`)],
    });
    await box.cv("up", "-d");
    const stopped = await box.cv("stop");
    const deaf =
      "! containerv: SIGTERM did nothing in 200 ms, its first process has no handler for it; " +
      "init: true helps\n";
    assertEquals(stopped.stderr, `${deaf}✔ containerv exited (137)\n`);
  });

  test("a lost keeper: what runs goes on, logs or gc have it kept again, its output too", async () => {
    await using box = project({
      containers: {
        ended: { policy: "none", commands: [sh(IDLE_LOOP)] },
        talks: {
          policy: "none",
          commands: [sh("n=0; while :; do n=$((n+1)); echo $n; sleep 0.05; done")],
        },
      },
    });
    await box.cv("up", "-d");
    const [ended, talks] = await box.ps();
    process.kill(keeperOf(talks?.id ?? ""), "SIGKILL");
    process.kill(ended?.pid ?? 0, "SIGKILL");
    await untilAsync(
      async () => (await box.ps())[0]?.state === "exited",
      "it is seen to have ended",
    );
    assert(lives(talks?.pid ?? 0), "a container ended with its keeper");
    const before = (await box.cv("logs", "talks")).stdout;
    const second = keeperOf(talks?.id ?? "");
    assert(lives(second), "logs has nobody keep it");
    process.kill(second, "SIGKILL");
    await untilAsync(() => Promise.resolve(!lives(second)), "it is gone");
    const gc = await box.cv("gc");
    assertMatch(gc.stderr, /1 container is kept again/);
    assertEquals((await box.ps()).map(({ state }) => state), ["exited", "running"]);
    assertEquals((await box.ps())[0]?.ending?.lost, true);
    await untilAsync(
      async () => (await box.cv("logs", "talks")).stdout.length > before.length + 20,
      "more",
    );
    const numbers = (await box.cv("logs", "talks")).stdout.trim().split("\n").map(Number);
    assertEquals(numbers, numbers.map((_, index) => index + 1), "output was lost");
    assertEquals((await box.cv("kill", "talks")).code, 0);
    assertEquals((await box.cv("wait", "talks")).code, 255);
    assertEquals((await box.cv("down")).code, 0);
  });
});
