// runs-under: bun, deno
/** What happened, in its order: noted by those who acted, followed until the project is gone. */
import process from "node:process";
import { describe, test } from "node:test";
import { assert, assertEquals, assertMatch } from "@std/assert";
import { controller, missing, root } from "../../support/require.ts";
import { guardWorld, IDLE, sh, startCli } from "../cli/sandbox.ts";
import { PATIENCE } from "../../support/cli.ts";
import { project, untilAsync } from "./project.ts";

guardWorld();
const skip = missing(root(), controller("memory"));
/** The supervisor notes that it was started again before it ends. */
const FLAKY = sh(`sleep ${0.05 * PATIENCE ** 2}; exit 5`);

/** The events are of this test, so of now. */
const RECENT_MS = 60_000 * PATIENCE;

describe("events", { skip }, () => {
  test("created, started, exited, oom, restarted, failed, removed: as lines, and followed to the end of the project", async () => {
    await using box = project({
      containers: {
        idle: { policy: "none", commands: [IDLE] },
        greedy: {
          policy: "none",
          commands: [sh("sleep 0.1; exec tail /dev/zero")],
          limits: { memory: "16MiB", swap: 0 },
        },
        flaky: {
          policy: "none",
          commands: [FLAKY],
          restart: { policy: "on-failure", maxRetries: 1, backoff: "10ms" },
        },
      },
    });
    const cwd = box.file.slice(0, box.file.lastIndexOf("/"));
    await box.cv("create");
    const follower = startCli(["events", "-f", "--since", "1h"], { cwd });
    await box.cv("up", "-d");
    await untilAsync(async () => {
      const states = (await box.ps()).map(({ state }) => state);
      return states.filter((state) => state === "exited").length === 2;
    }, "two have ended");
    const read = async () =>
      (await box.cv("events")).stdout.trim().split("\n").map((line) => JSON.parse(line));
    await untilAsync(async () => (await read()).some(({ type }) => type === "failed"), "it failed");
    const events = await read();
    const of = (name: string) =>
      events.filter(({ container }) => container === name).map(({ type }) => type);
    assertEquals(of("idle"), ["created", "started"]);
    assertEquals(of("greedy"), ["created", "started", "oom", "exited"]);
    assertEquals(of("flaky"), [
      "created",
      "started",
      "exited",
      "started",
      "restarted",
      "exited",
      "failed",
    ]);
    for (const { time } of events) assert(Math.abs(Date.parse(time) - Date.now()) < RECENT_MS);
    const end = events.find(({ container, type }) => container === "greedy" && type === "exited");
    assertEquals(end?.status, 137);
    assertEquals((await box.cv("events", "--since", "2100-01-01")).stdout, "");
    assertMatch(
      (await box.cv("events", "--text", "idle")).stdout,
      /\/idle {2}started {2}pid=\d+\n/,
    );
    await box.cv("down");
    await follower.says('"type":"removed","container":"idle"');
    process.kill(follower.pid, "SIGTERM");
    await follower.ended;
    const all = follower.stdout().trim().split("\n").map((line) => JSON.parse(line))
      .filter(({ container }) => container === "idle").map(({ type }) => type);
    assertEquals(all, ["created", "started", "stopping", "exited", "removed"]);
  });
});
