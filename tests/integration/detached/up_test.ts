// runs-under: bun, deno
/** Containers that outlive the command that started them: up -d, ps, logs, down. */
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { spawnSync } from "node:child_process";
import process from "node:process";
import { describe, test } from "node:test";
import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { controller, missing, root } from "../../support/require.ts";
import { runCli } from "../../support/cli.ts";
import { guardWorld, IDLE_LOOP, lives, sh, statOf } from "../cli/sandbox.ts";
import { childrenOf } from "../cli/sandbox.ts";
import { keeperOf, type Project, project, untilAsync } from "./project.ts";

guardWorld();
const skip = missing(root(), controller("memory"), controller("pids"));

/** A container that goes on until it is told to end, and says so. */
const IDLE = sh(`trap 'echo bye; exit 0' TERM; echo up; ${IDLE_LOOP}`);

async function names(of: Project): Promise<Record<string, string>> {
  const list = await of.ps();
  return Object.fromEntries(list.map(({ name, state }) => [name, state]));
}

describe("up -d", { skip }, () => {
  test("leaves containers running under one keeper, which keeps their output; down removes all of it", async () => {
    await using shop = project({
      containers: {
        db: { policy: "none", commands: [IDLE], limits: { memory: "64MiB" } },
        web: { policy: "none", init: true, commands: [IDLE] },
      },
    });
    const up = await shop.cv("up", "-d");
    assertEquals(up.code, 0, up.stderr);
    assertMatch(up.stderr, /✔ db running .*\n✔ web running /);
    const list = await shop.ps();
    assertEquals(list.map(({ name, state }) => [name, state]), [
      ["db", "running"],
      ["web", "running"],
    ]);
    const keeper = keeperOf(list[0]?.id ?? "");
    for (const { pid = 0 } of list) assertEquals(statOf(pid)?.parent, keeper);
    assertEquals(childrenOf(keeper).length, 2, "a process of ours stayed per container");
    const status = readFileSync(`/proc/${keeper}/status`, "utf8");
    const rssKib = Number(/VmRSS:\s*(\d+)/.exec(status)?.[1]);
    assert(rssKib <= 1024, `the keeper has ${rssKib} KiB`);
    assertStringIncludes(readFileSync(`/proc/${list[0]?.pid}/cgroup`, "utf8"), "/containerv/");
    const said = (await shop.cv("logs")).stdout.trim().split("\n").sort();
    assertEquals(said, ["db  | up", "web | up"]);
    const again = await shop.cv("up", "-d");
    assertEquals(again.stderr, "✔ db unchanged\n✔ web unchanged\n");
    assertEquals((await shop.ps()).map(({ pid }) => pid), list.map(({ pid }) => pid));
    const down = await shop.cv("down");
    assertEquals([down.code, down.stderr], [0, "✔ 2 containers removed\n"]);
    for (const { pid = 0 } of list) assert(!lives(pid));
    assert(!lives(keeper), "the keeper is there without a container");
    assertEquals(existsSync(shop.state()), false);
  });

  test("statuses are those of the commands, also of what ended at once and of what a signal ended", async () => {
    await using jobs = project({
      containers: {
        done: { policy: "none", commands: [["true"]] },
        failed: { policy: "none", commands: [sh("sleep 0.1; exit 7")] },
        init: { policy: "none", init: true, commands: [sh("sleep 0.1; exit 9")] },
        killed: { policy: "none", commands: [sh("sleep 0.1; kill -KILL $$"), ["true"]] },
        missing: { policy: "none", commands: [["/no/such/program"]] },
      },
    });
    const up = await jobs.cv("up", "-d");
    assertEquals(up.code, 125, up.stderr);
    assertStringIncludes(up.stderr, "COMMAND_NOT_FOUND");
    await untilAsync(
      async () => !Object.values(await names(jobs)).includes("running"),
      "all ended",
    );
    const endings = Object.fromEntries(
      (await jobs.ps()).map(({ name, ending }) => [name, ending?.status]),
    );
    assertEquals(endings, { done: 0, failed: 7, init: 9, killed: 137 });
    assertEquals((await jobs.cv("down")).code, 0);
  });

  test("what has changed is replaced, what is gone is removed, what has ended well is left alone", async () => {
    await using box = project({
      containers: {
        one: { policy: "none", commands: [IDLE] },
        two: { policy: "none", commands: [IDLE] },
        once: { policy: "none", commands: [["true"]] },
      },
    });
    await box.cv("up", "-d");
    const before = await box.ps();
    box.write({
      containers: {
        one: { policy: "none", commands: [IDLE] },
        once: { policy: "none", commands: [["true"]] },
        three: { policy: "none", environment: { A: "b" }, commands: [IDLE] },
      },
    });
    const up = await box.cv("up", "-d");
    assertMatch(
      up.stderr,
      /^✔ two removed.*\n✔ one unchanged\n✔ once completed before, unchanged\n✔ three running .*\n$/,
    );
    const after = await box.ps();
    const pidOf = (list: typeof after, name: string) => list.find((one) => one.name === name)?.pid;
    assertEquals(pidOf(after, "one"), pidOf(before, "one"));
    assert(!lives(pidOf(before, "two") ?? 0));
    assertEquals((await box.cv("down")).code, 0);
  });

  test("volumes and disks outlive down, and go with down --volumes; another checkout has its own", async () => {
    const spec = {
      name: `kept-${process.pid}`,
      volumes: { data: {} },
      containers: {
        one: {
          policy: "none",
          rootfs: { writable: "disk" },
          volumes: ["data:/data"],
          commands: [[
            "/bin/sh",
            "-c",
            "cat /data/x /srv/x; echo $0 >>/data/x; echo $0 >>/srv/x",
            "1",
          ]],
        },
      },
    };
    await using box = project(spec);
    await using other = project(spec);
    const shown = async (one: typeof box): Promise<string> => {
      assertEquals((await one.cv("up", "-d")).code, 0);
      assertEquals((await one.cv("wait", "one")).code, 0);
      return (await one.cv("logs", "one")).stdout.replaceAll(/^.*cat: .*\n/gm, "");
    };
    assertEquals(await shown(box), "");
    const down = await box.cv("down");
    assertStringIncludes(down.stderr, "Data of 2 volumes kept (--volumes removes it)");
    assertEquals(await shown(box), "1\n1\n");
    assertEquals(await shown(other), "");
    assertStringIncludes(
      (await box.cv("down", "--volumes")).stderr,
      "1 container, 2 volumes removed",
    );
    assertEquals(await shown(box), "");
    await box.cv("down");
    assertStringIncludes(
      (await box.cv("down", "--volumes")).stderr,
      "0 containers, 2 volumes removed",
    );
    assertStringIncludes((await other.cv("down", "--volumes")).stderr, "2 volumes removed");
    const left = readdirSync("/var/lib/containerv/volumes").filter((name) =>
      name.startsWith(`${spec.name}-`)
    );
    assertEquals(left, []);
  });

  test("secrets reach the container and no file of the state", async () => {
    const value = "s3cret-value-of-the-test";
    await using box = project({
      policy: "none",
      secrets: { "/run/secrets/a": value, "/run/secrets/b": "other" },
      commands: [sh("cat /run/secrets/a | tr a-z A-Z; cat /run/secrets/b; sleep 100")],
    });
    assertEquals((await box.cv("up", "-d")).stderr.slice(0, 20), "✔ containerv running");
    await untilAsync(async () => (await box.cv("logs")).stdout !== "", "it said it");
    assertEquals((await box.cv("logs")).stdout, `${value.toUpperCase()}other`);
    const found = spawnSync("grep", ["-r", "-l", value, box.state()], { encoding: "utf8" });
    assertEquals(found.stdout, "");
    assertEquals((await box.cv("down", "--time", "0")).code, 0);
  });

  test("two checkouts of one spec never touch each other", async () => {
    const spec = { name: "same", policy: "none", commands: [IDLE] };
    await using first = project(spec);
    await using second = project(spec);
    await Promise.all([first.cv("up", "-d"), second.cv("up", "-d")]);
    const [a] = await first.ps();
    const [b] = await second.ps();
    assert(a?.pid !== undefined && b?.pid !== undefined && a.pid !== b.pid);
    assertEquals((await first.cv("down")).code, 0);
    assert(lives(b.pid));
    assertEquals((await second.cv("down")).code, 0);
  });
});

describe("logs", { skip }, () => {
  test("keep every byte, streams and times apart, partial lines too", async () => {
    await using box = project({
      policy: "none",
      commands: [sh("printf 'a\\nb'; echo err >&2; printf '\\377\\000c'")],
    });
    await box.cv("up", "-d");
    await untilAsync(async () => (await box.ps())[0]?.state === "exited", "it ended");
    const lines = (await box.cv("logs", "--json")).stdout.trim().split("\n")
      .map((line) => JSON.parse(line) as Record<string, unknown>);
    const of = (stream: string) => lines.filter((line) => line["stream"] === stream);
    assertEquals(of("stderr").map(({ text }) => text), ["err"]);
    assertEquals(of("stdout").map(({ text }) => text), ["a", "b\ufffd\0c"]);
    assertEquals(of("stdout")[1]?.["base64"], "Yv8AYw==");
    assertEquals(of("stdout")[1]?.["partial"], true);
    for (const { time } of lines) {
      assert(Math.abs(Date.parse(String(time)) - Date.now()) < 60_000, String(time));
    }
    await box.cv("down");
  });

  test("-f goes on until the end, --tail and --since choose", async () => {
    await using box = project({
      policy: "none",
      commands: [sh("echo 1; echo 2; sleep 0.5; echo 3")],
    });
    await box.cv("up", "-d");
    const follow = await box.cv("logs", "-f");
    assertEquals(follow.stdout, "1\n2\n3\n");
    assertEquals((await box.cv("logs", "--tail", "1")).stdout, "3\n");
    assertEquals((await box.cv("logs", "--since", "1h")).stdout, "1\n2\n3\n");
    assertEquals((await box.cv("logs", "--since", "2100-01-01")).stdout, "");
    await box.cv("down");
  });

  test("are rotated by size, and a flood does not stop the container", async () => {
    await using box = project({
      policy: "none",
      commands: [sh("yes $(printf '%01000d' 0) | head -c 45000000; echo over >&2")],
    });
    await box.cv("up", "-d");
    await untilAsync(async () => (await box.ps())[0]?.state === "exited", "it ended", 30_000);
    const bytes = box.logBytes();
    assert(bytes.length === 4, `${bytes.length} files`);
    for (const size of bytes) assert(size < 11 * 1024 * 1024, `${size} bytes`);
    assertStringIncludes((await box.cv("logs", "--tail", "2")).stdout, "over\n");
    await box.cv("down");
  });
});

describe("names", { skip }, () => {
  test("of nobody are errors with what to do", async () => {
    const result = await runCli(["logs", `nobody-${process.pid}`], { cwd: "/tmp" });
    assertEquals(result.code, 2);
    assertStringIncludes(result.stderr, "NO_SUCH_CONTAINER");
  });
});
