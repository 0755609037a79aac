// runs-under: bun, deno
/** `update: startFirst`: the old container goes when the new one is ready, and not before. */
import { spawn } from "node:child_process";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { describe, test } from "node:test";
import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { cliCommand } from "../../support/cli.ts";
import { controller, missing, root, tool } from "../../support/require.ts";
import { injecting } from "../../support/strace.ts";
import { guardWorld, lives, sh } from "../cli/sandbox.ts";
import { type Project, project, untilAsync } from "./project.ts";

guardWorld();
const skip = missing(root(), controller("pids"));

/** The one before has said something after it: both ran. */
const isBeside = (word: string): string => `sed -n '/${word}/,$p' /shared/said | grep -q one`;

/** Says its word every 20 ms into a file that both containers have. */
const says = (word: string, ready = isBeside(word), retries = 100) => ({
  policy: "none",
  update: "startFirst",
  limits: { pids: 50 },
  volumes: ["./shared:/shared"],
  stop: { grace: "1s" },
  healthcheck: { shell: ready, interval: "100ms", retries },
  commands: [sh(
    `trap 'exit 0' TERM; while :; do echo ${word} >> /shared/said; sleep 0.02; done`,
  )],
});

const shared = (box: Project, name: string): string => `${dirname(box.file)}/shared/${name}`;

async function only(box: Project) {
  const list = await box.ps();
  assertEquals(list.map(({ name, state }) => [name, state]), [["containerv", "running"]]);
  return { id: list[0]?.id ?? "", pid: list[0]?.pid ?? 0 };
}

function began(): Project {
  const box = project(says("one"));
  mkdirSync(dirname(shared(box, "said")));
  return box;
}

describe("startFirst", { skip }, () => {
  test("there is no moment without one; a new one that is not healthy goes, and the old one stays", async () => {
    await using box = began();
    assertEquals((await box.cv("up", "-d")).code, 0);
    const first = await only(box);
    box.write(says("two"));
    const up = await box.cv("up", "-d");
    assertEquals(up.code, 0, up.stderr);
    const second = await only(box);
    assertEquals([second.id, lives(first.pid), lives(second.pid)], [first.id, false, true]);
    const words = readFileSync(shared(box, "said"), "utf8").trim().split("\n");
    assert(words.indexOf("two") < words.lastIndexOf("one"), "the old one went first");
    assertEquals((await box.cv("diff")).stdout, "");
    box.write(says("three", "test -e /shared/ready", 2));
    const failed = await box.cv("up", "-d");
    assertEquals(failed.code, 125);
    assertStringIncludes(failed.stderr, "UNHEALTHY: containerv is unhealthy");
    assertStringIncludes(failed.stderr, "the new containerv was removed, the old one goes on");
    assertEquals(await only(box), second);
    assertEquals((await box.cv("diff")).code, 3);
    writeFileSync(shared(box, "ready"), "");
    assertEquals((await box.cv("up", "-d")).code, 0);
    assert((await only(box)).pid !== second.pid);
    // A limit goes to the groups that it has, whatever they are called.
    box.write({ ...says("three", "test -e /shared/ready", 2), limits: { pids: 60 } });
    assertStringIncludes((await box.cv("up", "-d")).stderr, "limits.pids 50 → 60");
    assertEquals((await box.cv("diff")).code, 0);
  });

  test("kill -9 on the way: the next up removes the one that was not ready, and does it again", async () => {
    await using box = began();
    await box.cv("up", "-d");
    const first = await only(box);
    box.write(says("two", "test -e /shared/ready", 1000));
    const words = [...cliCommand(), "up", "-d", box.file];
    const up = spawn(words[0] ?? "", words.slice(1), { stdio: "ignore" });
    await untilAsync(
      async () =>
        (await box.ps()).some(({ name, state }) => /~1$/.test(name) && state === "running"),
      "the new one runs",
    );
    up.kill("SIGKILL");
    assert(lives(first.pid));
    writeFileSync(shared(box, "ready"), "");
    const again = await box.cv("up", "-d");
    assertEquals(again.code, 0, again.stderr);
    assert((await only(box)).pid !== first.pid && !lives(first.pid));
    assertEquals((await box.cv("diff")).code, 0);
  });

  test("kill -9 before the new one, which runs alone by then, takes the name: gc gives it that", {
    skip: missing(tool("strace")),
  }, async () => {
    await using box = began();
    await box.cv("up", "-d");
    const first = await only(box);
    box.write(says("two"));
    const from = `${box.state()}/containers/containerv~1`;
    const strace = injecting("renameat2", "signal=KILL", "-P", from);
    const up = await box.cvUnder(strace, ["up", "-d"]);
    assert(up.signal === "SIGKILL" || up.code === 137, up.stderr);
    assertEquals((await box.cv("gc")).code, 0);
    const second = await only(box);
    assert(second.pid !== first.pid && !lives(first.pid));
    // Nothing but a supervisor is missing.
    assertEquals((await box.cv("up", "-d")).code, 0);
    assertEquals(await only(box), second);
    assertEquals((await box.cv("diff")).stdout, "");
  });
});
