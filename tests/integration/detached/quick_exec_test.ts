// runs-under: bun, deno
/** The short way of `exec`: what is remembered, when it is good no more, and that the command runs as it would without. */
import { assert, assertEquals } from "@std/assert";
import { readdirSync, readFileSync } from "node:fs";
import process from "node:process";
import { describe, test } from "node:test";
import { findRecorded, quickStartable } from "../../../runtime/lifecycle/quick_exec.ts";
import { start } from "../../../runtime/lifecycle/start.ts";
import { openTarget } from "../../../runtime/lifecycle/target.ts";
import { missing, root } from "../../support/require.ts";
import { project } from "./project.ts";

// Only a built program remembers: this stands for its build.
const BUILD = "test";
const NAME = `quick-${process.pid}`;

/** Executes in the container, and gives the status and which image that was. */
async function execute(argv: readonly string[]): Promise<{ status: number; image: Uint8Array }> {
  const container = findRecorded(NAME);
  if (container === undefined) throw new Error("it does not plainly run");
  using pidfd = openTarget({ ...container.process, name: NAME });
  const startable = await quickStartable(container, argv, { pidfd, build: BUILD });
  const { status } = await start(startable, [2, 2, 2], { announce: false }).ended;
  return { status, image: startable.image.slice() };
}

describe("exec of a command that was executed before", { skip: missing(root()) }, () => {
  test("is joined by the image of then, as long as the container is that one", async () => {
    await using own = project({
      name: NAME,
      commands: [["sleep", "600"]],
      policy: "none",
      limits: { pids: 16 },
    });
    const up = await own.cv("up", "-d");
    assertEquals(up.code, 0, up.stderr);
    const kept = () =>
      readdirSync(`${own.state()}/containers/${NAME}`).filter((name) => name.startsWith("exec-"));
    // It is 7 only in the container's pid namespace, groups and user, with no right to mount.
    const script = "grep -q 'CapEff:.*0000' /proc/self/status && test $(cat /proc/1/comm) = sleep" +
      " && ! umount /proc 2> /dev/null && exit 7";
    const argv = ["sh", "-c", script];
    const first = await execute(argv);
    assertEquals([first.status, kept().length], [7, 1]);
    const again = await execute(argv);
    assertEquals(again.status, 7);
    assertEquals(again.image, first.image);
    assertEquals((await execute(["sh", "-c", "kill -9 $$"])).status, 137);
    assertEquals((await execute(["/no/such"])).status, 127);
    assertEquals(kept().length, 3);
    // What is remembered names the process that it is for.
    const [name] = kept();
    const { record, process: target } = findRecorded(NAME) ?? {};
    assertEquals(record?.phase, "started");
    const text = readFileSync(`${own.state()}/containers/${NAME}/${name}`, "latin1");
    assert(text.includes(`\0${target?.pid} ${target?.startTicks}\0`), text.slice(0, 200));
    const restarted = await own.cv("restart", "--time", "0", NAME);
    assertEquals(restarted.code, 0, restarted.stderr);
    assertEquals((await execute(argv)).status, 7);
    await own.cv("stop", "--time", "0", NAME);
    // Whoever asks gets the long way's answer.
    const stopped = await own.cv("exec", NAME, "--", "true");
    assertEquals(stopped.code, 125);
    assert(stopped.stderr.includes("NOT_RUNNING"), stopped.stderr);
  });
});
