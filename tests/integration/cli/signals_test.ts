/** Signals: what the runner passes on, what ends a container, and the status that each becomes. */
import process from "node:process";
import { describe, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { assert, assertEquals, assertLess, assertStringIncludes } from "@std/assert";
import { SIGNALS } from "../../../ffi/abi/signal.ts";
import { PATIENCE } from "../../support/cli.ts";
import { missing, root } from "../../support/require.ts";
import {
  childrenOf,
  guardWorld,
  IDLE_LOOP,
  lives,
  processesOf,
  runSpec,
  sh,
  startSpec,
  until,
} from "./sandbox.ts";

guardWorld();
const skip = missing(root());
const BASE = { policy: "none" };

/** What each of them does to a program that says nothing about it: signal(7). */
const HARMLESS = new Set(["SIGCHLD", "SIGCONT", "SIGURG", "SIGWINCH"]);
const STOPPING = new Set(["SIGSTOP", "SIGTSTP", "SIGTTIN", "SIGTTOU"]);

describe("the status of each signal", { skip }, () => {
  // One container below its own PID 1 per signal: which number it was is told by the status alone.
  const deadly = Object.entries(SIGNALS).filter(([name, number]) =>
    number > 0 && number < 32 && !HARMLESS.has(name) && !STOPPING.has(name)
  );

  test("every signal that ends a program is 128 and its number", async () => {
    const numbers = [...new Set(deadly.map(([, number]) => number)), 34, 64];
    assert(numbers.length >= 24, `${numbers}`);
    const got: [number, number | null][] = [];
    for (let at = 0; at < numbers.length; at += 4) {
      got.push(
        ...await Promise.all(
          numbers.slice(at, at + 4).map(async (number): Promise<[number, number | null]> => {
            const script = `ulimit -c 0; kill -${number} $$; sleep 10`;
            const { code } = await runSpec({ ...BASE, init: true, commands: [sh(script)] });
            return [number, code];
          }),
        ),
      );
    }
    assertEquals(got, numbers.map((number) => [number, 128 + number]));
  });

  test("a program that is PID 1 itself ends by a signal from outside that it does not handle: SIGKILL", async () => {
    const run = startSpec({ ...BASE, commands: [sh("echo up; sleep 60; echo never")] });
    await run.says("up");
    process.kill(processesOf(run).first, "SIGKILL");
    assertEquals(await run.ended, { code: 137, signal: null });
  });
});

describe("the runner passes signals on", { skip }, () => {
  for (const signal of ["SIGTERM", "SIGINT", "SIGHUP", "SIGUSR1", "SIGUSR2", "SIGQUIT"] as const) {
    test(`${signal} to PID 1, which handles it`, async () => {
      const script = `trap 'echo got; exit 42' ${signal.slice(3)}; echo up; ${IDLE_LOOP}`;
      const run = startSpec({ ...BASE, commands: [sh(script)] });
      await run.says("up");
      process.kill(run.pid, signal);
      assertEquals(await run.ended, { code: 42, signal: null });
      assertStringIncludes(run.stdout(), "got");
    });
  }

  test("one that comes when the container runs, and the runner has not come to look yet", async () => {
    for (let round = 0; round < 5; round++) {
      const run = startSpec({
        ...BASE,
        commands: [sh(`trap 'exit 42' USR1; echo up; ${IDLE_LOOP}`)],
      });
      // Without a pause: it is stopped where it has just started its stage.
      while (childrenOf(run.pid).length === 0 && lives(run.pid));
      process.kill(run.pid, "SIGSTOP");
      await run.says("up");
      process.kill(run.pid, "SIGUSR1");
      process.kill(run.pid, "SIGCONT");
      assertEquals(await run.ended, { code: 42, signal: null });
    }
  });

  test("through our own PID 1 to the command, whose default it is", async () => {
    const run = startSpec({ ...BASE, init: true, commands: [sh("echo up; exec sleep 60")] });
    await run.says("up");
    process.kill(run.pid, "SIGTERM");
    assertEquals(await run.ended, { code: 143, signal: null });
  });

  test("to the second of several commands", async () => {
    const second = `trap 'exit 9' USR1; echo second; ${IDLE_LOOP}`;
    const run = startSpec({ ...BASE, commands: [sh("echo first"), sh(second), sh("echo third")] });
    await run.says("second");
    process.kill(run.pid, "SIGUSR1");
    assertEquals((await run.ended).code, 9);
    assertEquals(run.stdout(), "first\nsecond\n");
  });
});

describe("grace", { skip }, () => {
  test("who does not end is killed when the grace time is over, not before", async () => {
    const script = `trap 'echo no' TERM; echo up; ${IDLE_LOOP}`;
    const run = startSpec({ ...BASE, stop: { grace: "700ms" }, commands: [sh(script)] });
    await run.says("up");
    const begin = performance.now();
    process.kill(run.pid, "SIGTERM");
    await run.says("no");
    assertEquals((await run.ended).code, 137);
    const ms = performance.now() - begin;
    assert(ms >= 650 && ms < 5000 * PATIENCE, `${ms} ms`);
  });

  test("a second SIGINT ends it at once", async () => {
    const run = startSpec({
      ...BASE,
      stop: { grace: "60s" },
      commands: [sh(`trap 'echo no' INT; echo up; ${IDLE_LOOP}`)],
    });
    await run.says("up");
    process.kill(run.pid, "SIGINT");
    await run.says("no");
    const begin = performance.now();
    process.kill(run.pid, "SIGINT");
    assertEquals((await run.ended).code, 137);
    assertLess(performance.now() - begin, 3000 * PATIENCE);
  });

  test("nothing of a container outlives its first process, in whatever session or group", async () => {
    const script =
      "setsid sleep 61 & (setsid sh -c 'trap \"\" TERM HUP INT; sleep 61' &) ; echo up; sleep 0.2; exit 5";
    const run = startSpec({ ...BASE, commands: [sh(script)] });
    await run.says("up");
    const { first } = processesOf(run);
    assertEquals((await run.ended).code, 5);
    assertEquals(lives(first), false);
  });
});

describe("PID 1 of ours", { skip }, () => {
  test("reaps orphans while the command runs", async () => {
    const script = [
      "for i in 1 2 3 4 5 6 7 8 9 10; do (sleep 0.01 &) ; done; sleep 0.5",
      "for s in /proc/[0-9]*/stat; do read -r line < $s || continue; set -- ${line##*) }; [ $1 = Z ] && echo zombie; done",
      "echo done",
    ].join("\n");
    const { stdout } = await runSpec({ ...BASE, init: true, commands: [sh(script)] });
    assertEquals(stdout, "done\n");
  });

  test("is not killed by what the command sends it", async () => {
    const script =
      "for s in HUP INT QUIT TERM USR1 USR2 ALRM SEGV; do trap '' $s 2>/dev/null; kill -$s 1; done; kill -9 1; sleep 0.2; echo alive";
    const { code, stdout } = await runSpec({ ...BASE, init: true, commands: [sh(script)] });
    assertEquals([code, stdout], [0, "alive\n"]);
  });

  test("a stopped command goes on with SIGCONT, and its time runs on a clock that does not stop", async () => {
    const spec = {
      ...BASE,
      init: true,
      commands: [{ exec: sh("echo up; kill -STOP $$; echo on; exit 6"), timeout: "20s" }],
    };
    const run = startSpec(spec);
    await run.says("up");
    await sleep(200);
    assertEquals(run.stdout(), "up\n");
    process.kill(run.pid, "SIGCONT");
    assertEquals((await run.ended).code, 6);
    const late = startSpec({
      ...BASE,
      init: true,
      commands: [{ exec: sh("kill -STOP $$"), timeout: "300ms" }],
    });
    assertEquals((await late.ended).code, 124);
  });
});

describe("timeout", { skip }, () => {
  for (const init of [false, true]) {
    test(`ends a command that ignores every signal with 124${init ? ", below PID 1" : ""}`, async () => {
      const spec = {
        ...BASE,
        init,
        commands: [{
          exec: sh("trap '' TERM INT HUP; echo up; sleep 60 & wait; sleep 60"),
          timeout: "1s",
        }],
      };
      const run = startSpec(spec);
      await run.says("up");
      const { first } = processesOf(run);
      const begin = performance.now();
      assertEquals((await run.ended).code, 124);
      assertLess(performance.now() - begin, 4000 * PATIENCE);
      await until(() => !lives(first), "the container's first process is gone", 1000);
    });
  }
});
