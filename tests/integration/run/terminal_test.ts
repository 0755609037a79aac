// runs-under: bun, deno
/** `tty: true` and `run -t`: a terminal of the container's own, shown on the caller's. */
import { readFileSync } from "node:fs";
import process from "node:process";
import { describe, test } from "node:test";
import { assert, assertEquals, assertMatch, assertStringIncludes, assertThrows } from "@std/assert";
import { cliCommand, PATIENCE, runCli } from "../../support/cli.ts";
import { openPty, type Pty, type PtyProgram } from "../../support/pty.ts";
import { missing, root, userns } from "../../support/require.ts";
import { tempDir } from "../../support/temp.ts";
import { start } from "../../../mod.ts";
import { project } from "../detached/project.ts";
import {
  childrenOf,
  guardWorld,
  IDLE_LOOP,
  inside,
  lives,
  sh,
  type SpecObject,
} from "../cli/sandbox.ts";

guardWorld();
const skip = missing(root());

/** A container with a terminal on a terminal of the test's. */
function onPty(pty: Pty, spec: SpecObject): PtyProgram & { readonly [Symbol.dispose]: () => void } {
  const directory = tempDir();
  const file = directory.write(
    "box.yaml",
    JSON.stringify({ policy: "none", tty: true, ...spec }),
  );
  const program = pty.run([...cliCommand(), "run", "--quiet", "--no-cache", file]);
  return { ...program, [Symbol.dispose]: () => directory[Symbol.dispose]() };
}

function descendants(pid: number): readonly number[] {
  return childrenOf(pid).flatMap((child) => [child, ...descendants(child)]);
}

/** Until a program of that name has the container's terminal: comm, …, pgrp, session, tty, tpgid in proc(5). */
async function untilForeground(runner: number, program: string): Promise<void> {
  for (const end = performance.now() + 20_000 * PATIENCE; performance.now() < end;) {
    for (const pid of descendants(runner)) {
      const stat = readStat(pid);
      if (!stat.startsWith(`${pid} (${program}) `)) continue;
      const [, , group, , , foreground] = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
      if (group === foreground) return;
    }
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  throw new Error(`${program} does not run in the foreground`);
}

function readStat(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/stat`, "utf8");
  } catch {
    return "";
  }
}

const SHELL = { commands: [["/bin/sh"]], environment: { PS1: "> " } };

describe("on a terminal", { skip }, () => {
  test("a shell has one of its own: size, name, console, job control, its status; ours is as before", async () => {
    using pty = openPty();
    const before = pty.settings();
    using run = onPty(pty, SHELL);
    await pty.until("> ");
    assertEquals(pty.settings()[3], 0, "the caller's terminal is not raw");
    const ask = async (text: string, said: string): Promise<string> => {
      pty.type(`${text}\n`);
      await pty.until(`${text}\r\n`);
      return await pty.until(said);
    };
    assertEquals(await ask("stty size; echo $TERM", "> "), "40 100\r\nxterm\r\n> ");
    assertEquals(await ask("tty; stat -c %t:%T /dev/console", "> "), "/dev/pts/0\r\n88:0\r\n> ");
    pty.resize({ columns: 77, rows: 33 });
    process.kill(run.child.pid ?? 0, "SIGWINCH");
    assertEquals(
      await ask("until stty size | grep 33; do :; done", "> "),
      "33 77\r\n> ",
    );
    // No process of the container has anything open that is not the container's.
    const open = await ask(
      "ls -l /proc/[0-9]*/fd/ 2>/dev/null | grep -o '/dev/.*' | sort -u",
      "> ",
    );
    assertEquals(open.split("\r\n").filter((line) => !/^\/dev\/(null|tty)$/.test(line)), [
      "/dev/pts/0",
      "> ",
    ]);
    pty.type("sleep 1000\n");
    await untilForeground(run.child.pid ?? 0, "sleep");
    pty.type("\x03");
    await pty.until("^C");
    await pty.until("> ");
    assertEquals(await ask("echo $?", "> "), "130\r\n> ");
    pty.type("sleep 1000\n");
    await untilForeground(run.child.pid ?? 0, "sleep");
    pty.type("\x1a");
    await pty.until("Stopped");
    await pty.until("> ");
    pty.type("fg\n");
    await untilForeground(run.child.pid ?? 0, "sleep");
    pty.type("\x1c");
    await pty.until("Quit");
    await pty.until("> ");
    pty.type("exit 7\n");
    assertEquals(await run.ended, { code: 7, signal: null });
    assertEquals(pty.settings(), before);
  });

  test("what is said at the very end is shown, and ours is as before when nothing could be run", async () => {
    using pty = openPty();
    const before = pty.settings();
    using run = onPty(pty, { commands: [sh("seq 3000")] });
    const said = await pty.until("\n3000\r\n");
    const all = Array.from({ length: 3000 }, (_, index) => `${index + 1}\r\n`).join("");
    assert(said.endsWith(all), said.slice(0, 200));
    assertEquals((await run.ended).code, 0);
    using lost = onPty(pty, { commands: [["/no/such/program"]] });
    assertEquals((await lost.ended).code, 127);
    assertEquals(pty.settings(), before);
  });

  test("the death of the runner ends the container, and ours is as before", async () => {
    using pty = openPty();
    const before = pty.settings();
    using run = onPty(pty, SHELL);
    await pty.until("> ");
    const stages = descendants(run.child.pid ?? 0);
    assert(stages.length >= 3, `${stages}`);
    run.child.kill("SIGKILL");
    await run.ended;
    for (const end = performance.now() + 10_000 * PATIENCE; stages.some(lives);) {
      assert(performance.now() < end, "the container goes on");
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    assertEquals(pty.settings(), before);
  });

  test("when ours is closed, the container's session hears of it", async () => {
    using pty = openPty();
    using run = onPty(pty, {
      commands: [sh(`trap 'exit 9' HUP; echo up; ${IDLE_LOOP}`)],
    });
    await pty.until("up");
    pty.hangUp();
    assertEquals((await run.ended).code, 9);
  });
});

describe("without a terminal", { skip }, () => {
  test("input and output are whatever they are; the end of the input is that of the terminal's", async () => {
    const spec = { policy: "none", tty: true, ...SHELL };
    using directory = tempDir();
    const file = directory.write("box.yaml", JSON.stringify(spec));
    // No newline at the end: the line is given away all the same.
    const run = await runCli(["run", "-q", file], { stdin: "stty size; tty; test -t 2; exit $?" });
    assertEquals([run.code, run.stderr], [0, ""]);
    assertStringIncludes(run.stdout.replaceAll("\r", ""), "24 80\n/dev/pts/0\n");
  });

  test("who stops reading hangs up", async () => {
    const { code, stdout } = await runCli(["run", "-q", "-t", "--", "/bin/sh", "-c", "yes"], {
      prefix: ["/bin/sh", "-c", `"$@" | head -n 2`, "sh"],
    });
    assertEquals([code, stdout], [0, "y\r\ny\r\n"]);
  });

  test("it belongs to the command's user and to the group tty, where that has an id", async () => {
    const told = await inside("stat -c '%u %g %a' /dev/pts/0; test -w /dev/stdout", {
      tty: true,
      user: "1000",
    });
    assertEquals(told, "1000 5 620\r\n");
  });

  test("in a user namespace too", { skip: missing(userns()) }, async () => {
    const uids = [{ inside: 0, outside: 100_000, count: 65_536 }];
    const told = await inside("tty; stat -c '%u %g %a' /dev/pts/0; stty size </dev/console", {
      tty: true,
      userns: { uids, gids: uids },
    });
    assertEquals(told, "/dev/pts/0\r\n0 5 620\r\n24 80\r\n");
    const few = [{ inside: 0, outside: 100_000, count: 3 }];
    const without = await inside("stat -c '%u %g' /dev/pts/0", {
      tty: true,
      userns: { uids: few, gids: few },
    });
    assertEquals(without, "0 0\r\n");
  });

  test("each of several commands gets it", async () => {
    const spec = {
      policy: "none",
      tty: true,
      commands: [["tty"], ["sh", "-c", "ps -o tty= -p $$ || tty"]],
    };
    using directory = tempDir();
    const run = await runCli(["run", "-q", directory.write("box.yaml", JSON.stringify(spec))]);
    assertEquals([run.code, run.stderr], [0, ""]);
    assertMatch(run.stdout, /^\/dev\/pts\/0\r\n(\/dev\/)?pts\/0\s*$/);
  });
});

describe("a command in a container that runs", { skip }, () => {
  test("spawn with tty: as large as it was said, keys by stdin, and it changes", async () => {
    await using box = await start({ policy: "none" });
    await using shell = await box.spawn(["/bin/sh"], {
      stdin: "pipe",
      tty: { columns: 132, rows: 43 },
      user: "1000",
      environment: { PS1: "> " },
    });
    const shown = shell.stdout.getReader();
    const keys = shell.stdin?.getWriter();
    let said = "";
    const until = async (text: string): Promise<string> => {
      while (!said.includes(text)) {
        const { value, done } = await shown.read();
        if (done) throw new Error(`${JSON.stringify(said)} and no ${JSON.stringify(text)}`);
        said += new TextDecoder().decode(value);
      }
      const end = said.indexOf(text) + text.length;
      const part = said.slice(0, end);
      said = said.slice(end);
      return part;
    };
    const type = (text: string) => keys?.write(new TextEncoder().encode(text));
    await until("> ");
    await type("stty size; stat -c '%u %g' $(tty)\n");
    assertStringIncludes(await until("1000 5\r\n"), "43 132\r\n");
    shell.resize({ columns: 50, rows: 20 });
    await type("until stty size | grep '^20'; do :; done\n");
    await until("20 50\r\n");
    assertThrows(() => shell.resize({ columns: 0, rows: 20 }), RangeError, "1 to 65535 columns");
    await type("exit 8\n");
    assertEquals((await shell.exited).code, 8);
  });

  test(
    "exec -t in a user namespace, on the container's own devpts",
    { skip: missing(userns()) },
    async () => {
      const uids = [{ inside: 0, outside: 100_000, count: 65_536 }];
      await using box = project({
        name: "box",
        containers: { main: { policy: "none", userns: { uids, gids: uids } } },
      });
      assertEquals((await box.cv("up", "-d")).code, 0);
      const run = await runCli(["exec", "-it", "--file", box.file, "main", "--", "/bin/sh"], {
        stdin: "stat -c '%u %g %a' $(tty); stty size; exit 3",
      });
      assertEquals([run.code, run.stderr], [3, ""]);
      assertStringIncludes(run.stdout, "0 5 620\r\n");
      assertStringIncludes(run.stdout, "24 80\r\n");
    },
  );
});
