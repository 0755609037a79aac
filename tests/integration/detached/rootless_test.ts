// runs-under: bun, deno
/** What an ordinary user does with containers that run: commands, files and terminals, through the user namespaces that are theirs. */
import { chmodSync, chownSync, existsSync, mkdirSync, readFileSync, statSync } from "node:fs";
import process from "node:process";
import { describe, test } from "node:test";
import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { cliCommand, type CliResult, runCli } from "../../support/cli.ts";
import { openPty } from "../../support/pty.ts";
import { file, missing, root, tool, userns } from "../../support/require.ts";
import { tempDir } from "../../support/temp.ts";
import { guardWorld, lives, sh, type SpecObject } from "../cli/sandbox.ts";
import type { Listed } from "./project.ts";

guardWorld();
const ID = 65534;
const skip = missing(
  root(),
  tool("setpriv"),
  tool("unshare"),
  userns(),
  tool("newuidmap"),
  file("/etc/subuid"),
  file("/etc/subgid"),
);

/** A directory of the user's with a spec in it, and how their commands are started: their line of /etc/subuid is the test's. */
function userProject(spec: SpecObject) {
  const home = tempDir();
  const subids = home.write("subids", "nobody:200000:65536\n");
  home.write("containerv.yaml", JSON.stringify(spec));
  home.write("in/given", "given\n");
  home.write("in/tool", "#!/bin/sh\n");
  for (const name of ["cache", "run"]) mkdirSync(home.file(name));
  for (const name of [".", "cache", "run", "in", "in/given", "in/tool", "containerv.yaml"]) {
    chownSync(home.file(name), ID, ID);
  }
  for (const name of [".", "in"]) chmodSync(home.file(name), 0o755);
  chmodSync(home.file("in/tool"), 0o4755);
  chmodSync(subids, 0o644);
  const script = `mount --bind ${subids} /etc/subuid; mount --bind ${subids} /etc/subgid
    cd ${home.path}; exec setpriv --reuid=${ID} --regid=${ID} --clear-groups "$@"`;
  const prefix = ["unshare", "-m", "/bin/sh", "-ec", script, "sh"];
  const env = {
    HOME: home.path,
    XDG_CACHE_HOME: home.file("cache"),
    XDG_RUNTIME_DIR: home.file("run"),
    BUN_RUNTIME_TRANSPILER_CACHE_PATH: "0",
    TMPDIR: undefined,
  };
  const cv = (...args: readonly string[]): Promise<CliResult> =>
    runCli(args, { prefix, env, timeoutMs: 60_000 });
  return {
    home,
    cv,
    onPty: { words: [...prefix, ...cliCommand()], env },
    [Symbol.asyncDispose]: async () => {
      if (existsSync(home.file("run/containerv"))) await cv("down", "--time", "0");
      home[Symbol.dispose]();
    },
  };
}

const WHO = sh(
  "id -u; id -g; readlink /proc/1/exe; " +
    "grep -hE '^(CapBnd|NoNewPrivs)' /proc/self/status /proc/1/status | sort -u; hostname",
);

describe("an ordinary user", { skip }, () => {
  test("enters containers with an init and commands, copies into them and out, and looks at them", async () => {
    const waits = { policy: "none", stop: { grace: "0s" } };
    const inputs = [{ from: "./in", to: "/job/in" }];
    await using box = userProject({
      name: "rootless",
      containers: {
        many: { ...waits, commands: [["true"], ["sleep", "1000"]] },
        // Whose inputs the runner alone could not give them.
        other: { ...waits, init: true, user: "1000:100", inputs, commands: [["sleep", "1000"]] },
      },
    });
    const up = await box.cv("up", "-d");
    assertEquals([up.code, up.stdout], [0, ""], up.stderr);
    // PID 1 shows nothing of itself, and what it has not nobody has who comes.
    const rights = "CapBnd:\t00000000800405fb\nNoNewPrivs:\t1\n";
    const many = await box.cv("exec", "many", "--", ...WHO);
    assertEquals(many.stdout, `0\n0\n${rights}many\n`, many.stderr);
    const other = await box.cv("exec", "-u", "7:8", "other", "--", ...WHO);
    assertEquals(other.stdout, `7\n8\n${rights}other\n`, other.stderr);

    const put = await box.cv("cp", box.home.file("in/given"), "many:/tmp/put");
    assertEquals(put.code, 0, put.stderr);
    const kept = box.home.file("kept");
    assertEquals((await box.cv("cp", "many:/tmp/put", kept)).code, 0);
    assertEquals([readFileSync(kept, "utf8"), statSync(kept).uid], ["given\n", ID]);

    const look = sh("cd /job; stat -c '%u:%g %a %n' . in in/given in/tool; echo >> in/given");
    assertEquals(
      (await box.cv("exec", "other", "--", ...look)).stdout,
      "0:0 755 .\n1000:100 755 in\n1000:100 644 in/given\n1000:100 4755 in/tool\n",
    );
    assertMatch((await box.cv("inspect", "many")).stdout, /^many {3}pid \d+, 1 inside, /);
    assertStringIncludes((await box.cv("top", "many")).stdout, "sleep 1000");
    const listed = JSON.parse((await box.cv("ps", "--json")).stdout) as readonly Listed[];
    const pids = listed.map(({ pid = 0 }) => pid);
    assert(pids.length === 2 && pids.every(lives), `${pids}`);
    assertEquals((await box.cv("down")).code, 0);
    assertEquals(pids.filter(lives), []);
  });

  test("has terminals: of a run, of a command in a container, and of a container that is joined", async () => {
    const shell = { policy: "none", environment: { PS1: "> " }, stop: { grace: "0s" } };
    await using box = userProject({
      name: "terminals",
      containers: { main: { ...shell, tty: true, init: true, commands: [["/bin/sh"]] } },
    });
    const { words, env } = box.onPty;
    using pty = openPty({ uid: ID });
    const before = pty.settings();
    const resized = async (columns: number, signal?: () => void): Promise<void> => {
      pty.resize({ columns, rows: 33 });
      signal?.();
      pty.type(`until stty size | grep '^33 ${columns}'; do :; done\n`);
      await pty.until(`\r\n33 ${columns}\r\n`);
      await pty.until("> ");
    };
    const run = pty.run([...words, "run", "-q", "-t", "--", "/bin/sh"], { env });
    // The shell's own prompt: root's, whom the user is inside.
    await pty.until("# ");
    assertEquals(pty.settings()[3], 0, "the caller's terminal is not raw");
    pty.type("PS1='> '; tty; stat -c '%u %g' $(tty)\n");
    await pty.until("\r\n/dev/pts/0\r\n0 5\r\n> ");
    await resized(71, () => process.kill(run.child.pid ?? 0, "SIGWINCH"));
    pty.type("sh -c 'echo in front; exec sleep 1000'\n");
    await pty.until("\r\nin front\r\n");
    pty.type("\x03");
    await pty.until("> ");
    pty.type("exit 3\n");
    assertEquals(await run.ended, { code: 3, signal: null });
    assertEquals(pty.settings(), before);

    const up = await box.cv("up", "-d");
    assertEquals(up.code, 0, up.stderr);
    const exec = pty.run([...words, "exec", "-it", "main", "--", "/bin/sh"], { env });
    await pty.until("> ");
    pty.type("tty\n");
    await pty.until("\r\n/dev/pts/1\r\n> ");
    await resized(72, () => process.kill(exec.child.pid ?? 0, "SIGWINCH"));
    pty.type("exit 4\n");
    assertEquals(await exec.ended, { code: 4, signal: null });
    assertEquals(pty.settings(), before);

    const attached = pty.run([...words, "attach", "main"], { env });
    await pty.until("> ");
    await resized(73, () => process.kill(attached.child.pid ?? 0, "SIGWINCH"));
    pty.type("tty\n");
    await pty.until("/dev/pts/0\r\n");
    pty.type("\x10\x11");
    await pty.until("detached: main runs on");
    assertEquals((await attached.ended).code, 0);
    assertEquals(pty.settings(), before);
    const again = pty.run([...words, "attach", "main"], { env });
    await pty.until("> ");
    pty.type("exit 5\n");
    assertEquals((await again.ended).code, 5);
    assertEquals(pty.settings(), before);
  });
});
