// timeout-seconds: 300
/**
 * Calls of a start fail on the real kernel (strace's injection): nothing hangs, the message names the call, nothing is left.
 * CONTAINERV_INJECT=all fails each with each errno; by default each call fails once, with one of them.
 */
import process from "node:process";
import { describe, test } from "node:test";
import { assert, assertEquals, assertFalse } from "@std/assert";
import { guardWorld, runSpec, sh } from "../integration/cli/sandbox.ts";
import { runCli } from "../support/cli.ts";
import { controller, missing, root, tool } from "../support/require.ts";
import { injecting } from "../support/strace.ts";

guardWorld();

/** Calls that a start makes, and that no JavaScript runtime makes. */
const CALLS = [
  "setsid",
  "keyctl",
  "sethostname",
  "open_tree",
  "move_mount",
  "fsopen",
  "fsconfig",
  "fsmount",
  "mount_setattr",
  "mkdirat",
  "mknodat",
  "symlinkat",
  "mount",
  "pivot_root",
  "umount2",
  "capset",
  "setgroups",
  "setresgid",
  "setresuid",
  "unshare",
  "close_range",
];
const ERRNOS = ["ENOMEM", "ENOSPC", "EMFILE", "EPERM", "ENOSYS", "EINTR", "EAGAIN"];

const all = process.env["CONTAINERV_INJECT"] === "all";
const cases = CALLS.flatMap((call, index) =>
  (all ? ERRNOS : [ERRNOS[index % ERRNOS.length] ?? "EPERM"]).map((errno) => [call, errno] as const)
);

describe("injected faults", {
  skip: missing(root(), tool("strace"), controller("memory"), controller("pids")),
}, () => {
  test(`${cases.length} of them: each ends the start, is named, and leaves nothing`, async () => {
    for (const [call, errno] of cases) {
      const { code, stdout, stderr, timedOut } = await runSpec({
        policy: "none",
        limits: { memory: "64MiB", pids: 32 },
        commands: [sh("echo ran")],
      }, {
        prefix: injecting(call, `error=${errno}:when=1`),
        timeoutMs: 30_000,
      });
      const where = `${call} ${errno}: ${code} ${stdout} ${stderr}`;
      assertFalse(timedOut, where);
      assertFalse(/BUG|\n\s+at /.test(stderr), where);
      // A call that this machine's plan does not make, and keyrings that a kernel may lack.
      if (code === 0) assert(call === "unshare" || errno === "ENOSYS", where);
      else {
        assertEquals([code, stdout], [125, ""], where);
        assert(stderr.includes(`${call}(`) && stderr.includes(errno), where);
      }
    }
  });
});

test("what ends while its reports are read has the status that it would have else", {
  skip: missing(root(), tool("strace")),
}, async () => {
  const { code, stderr } = await runCli(["run", "-q", "--", "/no/such/program"], {
    prefix: injecting("recvfrom", "delay_enter=300000"),
  });
  assertEquals([code, stderr.includes("COMMAND_NOT_FOUND")], [127, true], stderr);
});
