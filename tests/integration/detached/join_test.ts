/** Namespaces of containers by their names: of the same project first, of the very process, started in time. */
import { readFileSync, readlinkSync, writeFileSync } from "node:fs";
import process from "node:process";
import { test } from "node:test";
import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { missing, root } from "../../support/require.ts";
import { guardWorld, runSpec, sh } from "../cli/sandbox.ts";
import { project, untilAsync } from "./project.ts";

guardWorld();
const skip = missing(root());
const NAME = `join-${process.pid}`;
const COMMON = { policy: "none", stop: { grace: "0s" } };
const WAITS = { ...COMMON, commands: [sh("sleep 100")] };

test(
  "a container is in the namespaces of another that it names, which comes first; a pid that is another's now is not joined",
  {
    skip,
  },
  async () => {
    await using group = project({
      name: NAME,
      containers: {
        // In the file before it, and started after it.
        app: { ...WAITS, join: { network: "db", ipc: "db", pid: "db" } },
        db: { ...WAITS, hostname: "db" },
      },
    });
    const up = await group.cv("up", "-d");
    assertEquals(up.code, 0, up.stderr);
    const listed = await group.ps();
    const pidOf = (name: string): number => listed.find((one) => one.name === name)?.pid ?? 0;
    const kinds = ["net", "ipc", "pid", "uts", "mnt"];
    const of = (name: string) =>
      kinds.map((kind) => readlinkSync(`/proc/${pidOf(name)}/ns/${kind}`));
    const [app, db] = [of("app"), of("db")];
    assertEquals(kinds.map((_, index) => app[index] === db[index]), [
      true,
      true,
      true,
      false,
      false,
    ]);

    const id = listed.find(({ name }) => name === "db")?.id ?? "";
    const look = { ...COMMON, join: { uts: id }, commands: [["/bin/hostname"]] };
    assertEquals((await runSpec(look)).stdout, "db\n");
    const plan = await runSpec(look, { verb: ["plan"] });
    assertStringIncludes(plan.stdout, `setns(pidfd of "${id}", CLONE_NEWUTS)`);

    // The record names a process that started at another time, as after a pid came round.
    const record = `${group.state()}/containers/db/record.json`;
    const whole = readFileSync(record, "utf8");
    writeFileSync(
      record,
      whole.replace(/"startTicks":(\d+)/, (_, ticks) => `"startTicks":${Number(ticks) - 1}`),
    );
    const refused = await runSpec(look);
    writeFileSync(record, whole);
    assertEquals(refused.code, 125);
    assertStringIncludes(refused.stderr, "error NOT_RUNNING: the container");
    assert(/box\.yaml:1:\d+/.test(refused.stderr), refused.stderr);

    assertEquals((await group.cv("kill", "app")).code, 0);
    assertEquals((await group.cv("stop", "db")).code, 0);
    const stopped = await runSpec(look);
    assertEquals(stopped.code, 125);
    assertStringIncludes(stopped.stderr, "NOT_RUNNING");
  },
);

test(
  "a name that nobody has, and one that is none, are refused with the place",
  { skip },
  async () => {
    const none = await runSpec({
      ...COMMON,
      join: { network: "nobody-has-this" },
      commands: [["true"]],
    });
    assertEquals(none.code, 125);
    assertStringIncludes(none.stderr, "NO_SUCH_CONTAINER");
    assert(/box\.yaml:1:\d+/.test(none.stderr), none.stderr);
  },
);

test(
  "whoever joined a container that is started again follows it: diff says it, up and the supervisor do it",
  {
    skip,
  },
  async () => {
    const spec = (more: object) => ({
      name: `${NAME}-follow`,
      containers: {
        app: { ...WAITS, ...more, join: { network: "db" } },
        db: { ...WAITS, ...more },
      },
    });
    await using group = project(spec({}));
    assertEquals((await group.cv("up", "-d")).code, 0);
    assertEquals((await group.cv("restart", "db")).code, 0);
    const diff = await group.cv("diff");
    assertEquals(diff.code, 3);
    assertStringIncludes(
      diff.stdout,
      "app   replace: it is in the network namespace of db as that",
    );
    assertEquals((await group.cv("up", "-d")).code, 0);
    assertEquals((await group.cv("diff")).code, 0);
    group.write(spec({ restart: "always" }));
    assertEquals((await group.cv("up", "-d")).code, 0);
    const pids = async () => (await group.ps()).map(({ pid = 0 }) => pid);
    const before = await pids();
    process.kill(before[1] ?? 0, "SIGKILL");
    const isSame = async () => {
      const [app = 0, db = 0] = await pids();
      if (app === 0 || db === 0 || app === before[0] || db === before[1]) return false;
      return readlinkSync(`/proc/${app}/ns/net`) === readlinkSync(`/proc/${db}/ns/net`);
    };
    await untilAsync(isSame, "both are in one namespace again");
  },
);
