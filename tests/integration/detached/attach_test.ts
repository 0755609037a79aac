// runs-under: bun, deno
/** `up -d` of a container with a terminal, or with an input that waits, and `attach`. */
import process from "node:process";
import { test } from "node:test";
import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { cliCommand, runCli } from "../../support/cli.ts";
import { openPty } from "../../support/pty.ts";
import { missing, root } from "../../support/require.ts";
import { childrenOf, guardWorld, lives, sh, until } from "../cli/sandbox.ts";
import { keeperOf, project } from "./project.ts";

guardWorld();
const skip = missing(root());

test(
  "a terminal is joined, has the caller's size, is left by ^P ^Q, and is joined again",
  { skip },
  async () => {
    await using box = project({
      name: "box",
      containers: {
        main: { policy: "none", tty: true, commands: [["/bin/sh"]], environment: { PS1: "> " } },
      },
    });
    assertEquals((await box.cv("up", "-d")).code, 0);
    using pty = openPty();
    const before = pty.settings();
    const words = [...cliCommand(), "attach", "--file", box.file, "main"];
    const first = pty.run(words);
    // What stood there unfinished when it was joined.
    await pty.until("> ");
    pty.type("until stty size | grep '^40 100'; do :; done; tty\n");
    await pty.until("\r\n/dev/pts/0\r\n");
    // ^P alone is a key like others; of ^P ^Q nothing arrives.
    pty.type("stty -echo; echo [$((6*7))] \x10\n");
    await pty.until("[42] \x10");
    pty.type("\x10\x11");
    await pty.until("detached: main runs on");
    assertEquals(await first.ended, { code: 0, signal: null });
    assertEquals(pty.settings(), before);
    assertEquals((await box.ps()).map(({ state }) => state), ["running"]);
    assertStringIncludes((await box.cv("logs")).stdout, "/dev/pts/0");
    const second = pty.run(words);
    await pty.until("> ");
    pty.type("exit 5\n");
    assertEquals((await second.ended).code, 5);
    assertEquals(pty.settings(), before);
  },
);

test(
  "an input without a terminal waits for who joins; where there is none that is said",
  { skip },
  async () => {
    await using box = project({
      name: "box",
      containers: {
        main: {
          policy: "none",
          stdin: true,
          commands: [sh("read x; echo got $x; echo e >&2; exit 4")],
        },
        deaf: { policy: "none", commands: [["sleep", "1000"]] },
      },
    });
    assertEquals((await box.cv("up", "-d")).code, 0);
    const main = await runCli(["attach", "--file", box.file, "main"], { stdin: "a word\n" });
    assertEquals([main.code, main.stdout, main.stderr], [4, "got a word\n", "e\n"]);
    using pty = openPty();
    const deaf = pty.run([...cliCommand(), "attach", "--file", box.file, "deaf"]);
    await pty.until("deaf gets no input: it was started without");
    assertEquals((await box.cv("kill", "deaf")).code, 0);
    assertEquals((await deaf.ended).code, 137);
    assertMatch((await box.cv("attach", "deaf")).stderr, /error NOT_RUNNING: /);
  },
);

test(
  "what moves a terminal's output outlives its keeper and loses nothing; its own end is the terminal's",
  { skip },
  async () => {
    const shell = {
      policy: "none",
      tty: true,
      init: true,
      commands: [["/bin/sh"]],
      environment: { PS1: "> " },
    };
    await using box = project({ containers: { main: shell } });
    assertEquals((await box.cv("up", "-d")).code, 0);
    const [{ id = "", pid: main = 0 } = {}] = await box.ps();
    const keeper = keeperOf(id);
    const newChild = (known: readonly number[]): number => {
      const [found = 0, ...more] = childrenOf(keeper).filter((child) => !known.includes(child));
      assert(found !== 0 && more.length === 0, `${found} ${more}`);
      return found;
    };
    const pump = newChild([main]);
    // Not a shell: of one that reads it is open whether it first sees the end of its input, or the signal.
    const sleeper = { ...shell, commands: [["sleep", "1000"]] };
    box.write({ containers: { main: shell, other: sleeper } });
    assertEquals((await box.cv("up", "-d")).code, 0);
    const other = (await box.ps()).find(({ name }) => name === "other")?.pid ?? 0;
    process.kill(newChild([main, pump, other]), "SIGKILL");
    // As when a terminal is closed: its session gets SIGHUP.
    assertEquals((await box.cv("wait", "other")).code, 129);

    const words = [...cliCommand(), "attach", "--file", box.file, "main"];
    using pty = openPty();
    const first = pty.run(words);
    await pty.until("> ");
    pty.type("read key; echo between $((6*7))\n");
    await pty.until("\r\n");
    process.kill(keeper, "SIGKILL");
    await until(() => !lives(keeper), "the keeper is gone");
    assertEquals([lives(pump), lives(main)], [true, true]);
    pty.type("key\n\x10\x11");
    assertEquals((await first.ended).code, 0);
    // The next that starts or looks has another keeper, which reads on from the same pipes.
    const second = pty.run(words);
    await pty.until("> ");
    pty.type("echo after $((6*7))\n");
    await pty.until("\r\nafter 42\r\n");
    pty.type("\x10\x11");
    assertEquals((await second.ended).code, 0);
    const { stdout } = await box.cv("logs", "main");
    assertStringIncludes(stdout, "between 42");
    assertStringIncludes(stdout, "after 42");
    assertEquals([lives(pump), lives(main)], [true, true]);
  },
);
