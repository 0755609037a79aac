/** S1, S2, S7, S13: what a command can learn of the stage, of PID 1 and of the commands beside it, and what it can say in their place. */
import { chmodSync, readFileSync } from "node:fs";
import process from "node:process";
import { describe, test } from "node:test";
import { assert, assertEquals, assertFalse, assertMatch } from "@std/assert";
import { guardWorld, processesOf, runSpec, sh, startSpec } from "../integration/cli/sandbox.ts";
import { PATIENCE } from "../support/cli.ts";
import { missing, processor, root, tool } from "../support/require.ts";
import { tempDir } from "../support/temp.ts";

guardWorld();
const skip = missing(root(), processor("x64"), tool("perl"));
const CANARY = "canary-of-another-command";

/** Stops each process that comes after it as soon as it may, and reads its file and its memory until it holds the canary. */
const WATCHER = `
# Put together here: no command line but that of the victim has it.
my $canary = join(q(-), qw(canary of another command)); my $me = $$; $| = 1; my $seen = 0;
for (my $end = time + 4; time < $end;) { for my $pid ($me + 1 .. $me + 14) {
  next unless kill 19, $pid;
  for my $name (qw(exe environ cmdline)) {
    open(my $file, "<", "/proc/$pid/$name") or next; local $/;
    my $bytes = <$file> // ""; $seen++;
    print "FOUND $name\\n" if index($bytes, $canary) >= 0;
  }
  if (open(my $memory, "+<", "/proc/$pid/mem")) { for my $at (0x11001000, 0x11010000) {
    sysseek($memory, $at, 0); sysread($memory, my $bytes, 65536) or next;
    print "FOUND mem\\n" if index($bytes, $canary) >= 0;
  } }
  kill 18, $pid;
} }`;

describe("S7: no command learns what another one is given", { skip }, () => {
  for (const [who, user] of [["an ordinary user", "1000:1000"], ["root", "0:0"]] as const) {
    test(`by executing /proc/self/exe beside a process of its own (${who})`, async () => {
      const evil = Array.from({ length: 8 }, () => ({ exec: ["/proc/self/exe"], user }));
      for (let round = 0; round < 3; round++) {
        const { code, stdout } = await runSpec({
          policy: "none",
          commands: [
            { exec: sh(`perl -e '${WATCHER}' & sleep 0.2`), user },
            ...evil,
            { exec: ["/bin/true"], user: "4242:4242", environment: { TOKEN: CANARY } },
          ],
        });
        // The stage without a plan: it says so, to nobody, and ends.
        assertEquals([code, stdout], [125, ""]);
      }
    });
  }

  test("the file that PID 1 and the stage execute has no word of the plan", async () => {
    const run = startSpec({
      policy: "none",
      commands: [sh("echo up; sleep 60"), { exec: ["/bin/true"], environment: { TOKEN: CANARY } }],
    });
    await run.says("up");
    try {
      const { stage, first } = processesOf(run);
      for (const pid of [stage, first]) {
        const file = readFileSync(`/proc/${pid}/exe`, "latin1");
        assert(file.startsWith("\u007fELF"));
        for (const word of [CANARY, "/bin/true", "sleep 60", "PATH="]) {
          assertFalse(file.includes(word), word);
        }
      }
    } finally {
      process.kill(run.pid, "SIGKILL");
      await run.ended;
    }
  });
});

/** pidfd_open(2), and pidfd_getfd(2) of PID 1's descriptors 0 to 9: `NUMBER KIND`. */
const STEAL = `
my $pidfd = syscall(434, 1, 0); my %got;
for my $n (0 .. 9) {
  my $fd = syscall(438, $pidfd, $n, 0); next if $fd < 0; $got{$n} = $fd;
  my $link = readlink("/proc/self/fd/$fd"); $link =~ s/:.*//; print "$n $link\\n" if $n > 2;
}`;

/** Every report there is, and then as many as the pipe takes. */
const FORGE = `
use Fcntl; my $fd = $got{4} or exit 5; open(my $pipe, ">&=", $fd); binmode $pipe; $| = 1;
for my $kind (1 .. 6, 99) { syswrite($pipe, pack("LllL", $kind, 0, 17, 0) . ("\\1" x 272)); }
for (1 .. 2000) { last unless defined syswrite($pipe, pack("LllL", 5, 0, 0, 0) . ("\\0" x 272)); }
print "forged\\n"; exit 7;`;

const traced = {
  init: true,
  policy: { preset: "none", capabilities: ["SYS_PTRACE", "DAC_OVERRIDE"] },
} as const;

describe("S2, S13: a command with SYS_PTRACE", { skip }, () => {
  test("finds one descriptor of ours in PID 1, the pipe for its own reports: no way to the layers", async () => {
    using layer = tempDir();
    chmodSync(layer.path, 0o755);
    for (const rootfs of [undefined, { layers: [{ host: "system" }, { dir: layer.path }] }]) {
      const spec = rootfs === undefined ? traced : { ...traced, rootfs };
      const { stdout } = await runSpec({ ...spec, commands: [["perl", "-e", STEAL]] });
      assertEquals(stdout, "4 pipe\n");
    }
  });

  test("can't speak as the stage, nor block it, nor have anything started again", async () => {
    const begun = performance.now();
    const { code, stdout, stderr } = await runSpec({
      ...traced,
      commands: [["perl", "-e", STEAL + FORGE]],
    }, { timeoutMs: 20_000 });
    // The forged `timeout` is PID 1's to say, so it is believed of the container: nothing worse.
    assertEquals(stdout, "4 pipe\nforged\n");
    assert([7, 124, 125].includes(code ?? -1), `${code}`);
    assertFalse(/BUG|\n\s+at /.test(stderr), stderr);
    assert(performance.now() - begun < 20_000 * PATIENCE);
  });

  test("finds nothing of the host in PID 1's memory but the plan's words", async () => {
    const script =
      "tr '\\0' '\\n' < /proc/1/environ; grep -c -E 'bun|deno|libc|heap' /proc/1/maps; true";
    const { stdout } = await runSpec({ ...traced, commands: [sh(script)] }, {
      env: { TOKEN: CANARY },
    });
    assertEquals(stdout, "0\n");
  });
});

describe("S2: a command without it", { skip }, () => {
  test("gets no descriptor of PID 1, may not stop or end it", async () => {
    const script = `perl -e '${
      STEAL.replaceAll("'", "")
    }'; for s in STOP KILL; do kill -$s 1; done; sleep 0.05; cut -d' ' -f3 /proc/1/stat`;
    const { code, stdout } = await runSpec({ policy: "none", init: true, commands: [sh(script)] });
    assertEquals(code, 0);
    assertMatch(stdout, /^[RS]\n$/);
  });

  test("F7: a command that dies with a core limit leaves no core of the stage", async () => {
    const raised = 'ulimit -c unlimited 2>/dev/null; exec "$@"';
    const prefix = ["/bin/bash", "--norc", "-c", raised, "bash"];
    const script =
      "cd /tmp; kill -SEGV 1 2>/dev/null; (kill -SEGV $$) ; ls /tmp / | grep -c ^core; true";
    const { stdout } = await runSpec({ policy: "none", init: true, commands: [sh(script)] }, {
      prefix,
    });
    assertFalse(/[1-9]/.test(stdout), stdout);
  });
});
