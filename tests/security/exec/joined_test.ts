// timeout-seconds: 180
/** A1, S2, S7, F1: what a container with CAP_SYS_PTRACE sees of a joiner that has not executed its command yet. */
import { readdirSync, readFileSync } from "node:fs";
import { describe, test } from "node:test";
import { assert, assertEquals, assertMatch } from "@std/assert";
import { run, start } from "../../../mod.ts";
import { currentRuntime, PATIENCE, REPOSITORY, runProgram } from "../../support/cli.ts";
import { missing, root, tool } from "../../support/require.ts";
import { injecting } from "../../support/strace.ts";

const skip = missing(root(), tool("strace"));

/** Capabilities of the default and the one that opens every other process of the same user namespace. */
const TRACING = [
  "CHOWN",
  "DAC_OVERRIDE",
  "FOWNER",
  "KILL",
  "SETGID",
  "SETPCAP",
  "SETUID",
  "SYS_PTRACE",
];

/** Waits for a process that was not there, and says all about it while it has not executed anything. */
const WATCH = `
echo ready
exec 2>/dev/null
while :; do
  for p in /proc/[0-9]*; do
    [ "$(tr -d '\\0' < $p/cmdline)" = containerv ] || continue
    grep -E '^(Uid|Gid|Groups|CapInh|CapPrm|CapEff|CapBnd|CapAmb|NoNewPrivs):' $p/status
    for fd in $p/fd/*; do echo "fd \${fd##*/} $(readlink $fd)"; done
    echo "cwd $(readlink $p/cwd)"
    echo "cmdline $(tr '\\0' ' ' < $p/cmdline)"
    echo "environ $(tr '\\0' ' ' < $p/environ)"
    echo end
    exec sleep 60
  done
done`;

function firstProcess(name: string): number {
  for (const pid of readdirSync("/proc")) {
    if (!/^\d+$/.test(pid)) continue;
    try {
      if (!readFileSync(`/proc/${pid}/cgroup`, "utf8").includes(`/${name}`)) continue;
      if (/^NSpid:.*\t1$/m.test(readFileSync(`/proc/${pid}/status`, "utf8"))) return Number(pid);
    } catch {
      continue; // it ended meanwhile
    }
  }
  throw new Error(`nothing runs in ${name}`);
}

describe("a joiner before its execve", { skip }, () => {
  test("S2, A1: has no right, no descriptor and no word that the container has not", async () => {
    const policy = { preset: "none", capabilities: TRACING } as never;
    await using box = await start({
      policy,
      limits: { pids: 64 },
      commands: [["sh", "-c", WATCH]],
    }, { stdout: "capture" });
    const reader = box.stdout!.getReader();
    const decoder = new TextDecoder();
    assertEquals(decoder.decode((await reader.read()).value), "ready\n");
    const bin = `${REPOSITORY}/node_modules/.bin`;
    const script = `${REPOSITORY}/tests/security/exec/joiner.ts`;
    const program = currentRuntime() === "bun"
      ? [`${bin}/bun`, script]
      : [`${bin}/deno`, "run", "-A", "-c", `${REPOSITORY}/deno.json`, script];
    // Every execve is held back: what is about to be executed stays as it is for so long.
    const slow = injecting("execve", `delay_enter=${1_500_000 * PATIENCE}`);
    const joined = await runProgram([
      ...slow,
      ...program,
      String(firstProcess(box.name)),
      ...TRACING,
    ], {
      timeoutMs: 90_000,
    });
    assertEquals(joined.code, 0, joined.stderr);
    let seen = "";
    while (!seen.endsWith("\nend\n")) {
      const { value } = await reader.read();
      assert(value !== undefined, seen);
      seen += decoder.decode(value);
    }
    const own = await run({ policy, commands: [["cat", "/proc/self/status"]] });
    for (
      const name of ["CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb", "NoNewPrivs", "Uid", "Gid"]
    ) {
      const line = (text: string) => new RegExp(`^${name}:.*$`, "m").exec(text)?.[0];
      assert(line(own.stdout) !== undefined);
      assertEquals(line(seen), line(own.stdout), seen);
    }
    const fds = [...seen.matchAll(/^fd (\d+) (.*)$/gm)];
    assert(fds.length >= 3, seen);
    // Its streams are whatever it was given; of the rest, pipes to its stage and the container's own root.
    for (const [, fd, target] of fds) {
      if (Number(fd) > 2) assertMatch(target ?? "", /^(pipe:\[\d+\]|\/)$/, seen);
    }
    assertMatch(seen, /^cwd \/$/m);
    assertMatch(seen, /^cmdline containerv $/m);
    assertMatch(seen, /^environ $/m);
  });
});
