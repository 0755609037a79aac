/** Limits of an ordinary user, below a group of cgroup v2 that root has given to them. */
import {
  chmodSync,
  chownSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmdirSync,
  writeFileSync,
} from "node:fs";
import { after, before, describe, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { assert, assertEquals, assertMatch } from "@std/assert";
import { type CliResult, runCli } from "../../support/cli.ts";
import { missing, root, tool, userns } from "../../support/require.ts";
import { tempDir } from "../../support/temp.ts";
import { guardWorld, sh, type SpecObject } from "./sandbox.ts";

guardWorld();

const ID = 65534;
const TOP = "/sys/fs/cgroup";
const GROUP = `${TOP}/delegated-${process.pid}`;
const CONTROLLERS = ["cpu", "memory", "pids"];

function unifiedControllers(): string | undefined {
  const file = `${TOP}/cgroup.controllers`;
  const known = existsSync(file) ? readFileSync(file, "utf8").trim().split(" ") : [];
  return CONTROLLERS.every((name) => known.includes(name))
    ? undefined
    : "needs cgroup v2 with its controllers";
}

const skip = missing(root(), tool("setpriv"), userns(), unifiedControllers());

/** Controllers of the machine's root that the test switched on. */
let switched: readonly string[] = [];

function delegate(): void {
  const on = readFileSync(`${TOP}/cgroup.subtree_control`, "utf8").trim().split(" ");
  switched = CONTROLLERS.filter((name) => !on.includes(name));
  for (const name of switched) writeFileSync(`${TOP}/cgroup.subtree_control`, `+${name}`);
  mkdirSync(GROUP);
  for (const path of ["", "/cgroup.procs", "/cgroup.subtree_control", "/cgroup.threads"]) {
    chownSync(`${GROUP}${path}`, ID, ID);
  }
}

async function withdraw(): Promise<void> {
  const groups = (path: string): string[] =>
    readdirSync(path, { withFileTypes: true }).filter((entry) => entry.isDirectory())
      .flatMap((entry) => [...groups(`${path}/${entry.name}`), `${path}/${entry.name}`]);
  for (let tries = 0; existsSync(GROUP) && tries < 100; tries++) {
    try {
      for (const path of [...groups(GROUP), GROUP]) rmdirSync(path);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "EBUSY") throw error;
      await sleep(50);
    }
  }
  for (const name of switched) writeFileSync(`${TOP}/cgroup.subtree_control`, `-${name}`);
}

/** Runs in the group, with a shell of the user's beside it there. */
async function inGroup(
  spec: SpecObject,
  options: { readonly group?: string; readonly verb?: readonly string[] } = {},
): Promise<CliResult> {
  using home = tempDir();
  const file = home.write("box.yaml", JSON.stringify({ policy: "none", ...spec }));
  mkdirSync(home.file("cache"));
  for (const path of [home.path, home.file("cache")]) chownSync(path, ID, ID);
  chmodSync(file, 0o644);
  const user = `setpriv --reuid=${ID} --regid=${ID} --clear-groups`;
  const script = `echo $$ > ${
    options.group ?? GROUP
  }/cgroup.procs; exec ${user} /bin/sh -c '"$@"; status=$?; exit $status' sh "$@"`;
  return await runCli([...options.verb ?? ["run", "--quiet", "--no-cache"], file], {
    prefix: ["/bin/sh", "-ec", script, "sh"],
    env: {
      HOME: home.path,
      XDG_CACHE_HOME: home.file("cache"),
      XDG_RUNTIME_DIR: undefined,
      DENO_DIR: home.file("cache/deno"),
      BUN_RUNTIME_TRANSPILER_CACHE_PATH: "0",
    },
    timeoutMs: 100_000,
  });
}

describe("an ordinary user with a delegated group", () => {
  if (skip === false) {
    before(delegate);
    after(withdraw);
  }
  const limits = { memory: "64MiB", pids: 16, cpu: 1.5 };

  test(
    "has every limit, read from inside, and its own group as root of what it sees",
    { skip },
    async () => {
      const script =
        "cd /sys/fs/cgroup; cat memory.max pids.max cpu.max /proc/self/cgroup; touch x 2>/dev/null || echo ro";
      const { code, stdout, stderr } = await inGroup({ limits, commands: [sh(script)] });
      assertEquals([code, stdout, stderr], [0, "67108864\n16\n150000 100000\n0::/\nro\n", ""]);
    },
  );

  test("the limits hold: memory and processes", { skip }, async () => {
    const eat = await inGroup({
      limits: { memory: "32MiB", swap: 0 },
      // Through a pipe, for of a device tail keeps nothing.
      commands: [sh("head -c 100m /dev/zero | tail >/dev/null; exit $?")],
    });
    assertEquals(eat.code, 137, eat.stderr);
    const fork = await inGroup({
      limits: { pids: 4 },
      commands: [sh("for i in 1 2 3 4 5 6; do sleep 1 & done 2>&1; wait; echo end")],
    });
    assertMatch(fork.stdout + fork.stderr, /[Cc]annot fork/);
  });

  test(
    "afterwards the group is as it was: no group in it, no controller on, the shell back in it",
    { skip },
    async () => {
      const { code } = await inGroup({ limits, commands: [["true"]] });
      assertEquals(code, 0);
      assertEquals(
        readdirSync(GROUP, { withFileTypes: true }).filter((one) => one.isDirectory()),
        [],
      );
      assertEquals(readFileSync(`${GROUP}/cgroup.subtree_control`, "utf8").trim(), "");
    },
  );

  test(
    "several at once share the group, and the last one leaves it as it was",
    { skip },
    async () => {
      const runs = await Promise.all(
        [1, 2, 3].map((number) =>
          inGroup({ name: `box${number}`, limits, commands: [sh("cat /sys/fs/cgroup/pids.max")] })
        ),
      );
      assertEquals(runs.map(({ code, stdout, stderr }) => [code, stdout, stderr]), [
        [0, "16\n", ""],
        [0, "16\n", ""],
        [0, "16\n", ""],
      ]);
      assertEquals(readFileSync(`${GROUP}/cgroup.subtree_control`, "utf8").trim(), "");
    },
  );

  test("the plan says what is done with the processes of the group", { skip }, async () => {
    const { stdout } = await inGroup({ limits, commands: [["true"]] }, { verb: ["plan"] });
    assertMatch(stdout, /containerv\.processes\/cgroup\.procs", all of/);
    assert(stdout.includes(`mkdir("${GROUP}/containerv/box")`), stdout);
  });

  test(
    "another's group is no place: refused, with the command that delegates one",
    { skip },
    async () => {
      const other = `${GROUP}-other`;
      mkdirSync(other);
      try {
        const { code, stderr } = await inGroup(
          { limits, commands: [["true"]] },
          { group: other, verb: ["run", "--no-cache"] },
        );
        assertEquals(code, 125);
        assertMatch(
          stderr,
          /LIMITS_NEED_ROOT: .*: the group \/delegated-\d+-other is not this user's/,
        );
        assertMatch(stderr, /systemd-run --user --scope -p Delegate=yes/);
      } finally {
        for (let tries = 0; existsSync(other) && tries < 100; tries++) {
          try {
            rmdirSync(other);
          } catch {
            await sleep(50);
          }
        }
      }
    },
  );
});
