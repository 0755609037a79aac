/**
 * Ids of user namespaces, as root and as an ordinary user. What the machine has in /etc/subuid and /usr/bin is replaced in a mount
 * namespace of the test's own.
 */
import { chmodSync, chownSync, mkdirSync, readFileSync } from "node:fs";
import { describe, test } from "node:test";
import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import type { CliResult } from "../../support/cli.ts";
import { runCli } from "../../support/cli.ts";
import { file, missing, root, tool, userns } from "../../support/require.ts";
import { tempDir } from "../../support/temp.ts";
import { guardWorld, inside, runSpec, sh, type SpecObject, startSpec } from "./sandbox.ts";

guardWorld();

const ID = 65534;
const skipRoot = missing(root());
const skipUser = missing(root(), tool("setpriv"), tool("unshare"), userns(), tool("newuidmap"));
const skipFile = missing(root(), tool("unshare"), file("/etc/subuid"), file("/etc/subgid"));
const MAPS = {
  uids: [{ inside: 0, outside: 100000, count: 65536 }],
  gids: [{ inside: 0, outside: 200000, count: 1000 }],
};

interface Machine {
  /** Lines of /etc/subuid and /etc/subgid. */
  readonly subids: string;
  /** A path that is hidden. */
  readonly hidden?: string;
  readonly user?: boolean;
  readonly noNewPrivs?: boolean;
}

/** Runs the spec where /etc/subuid says so, as an ordinary user or as root. */
async function runOn(machine: Machine, spec: SpecObject, quiet = true): Promise<CliResult> {
  using home = tempDir();
  const subids = home.write("subids", machine.subids);
  const box = home.write("box.yaml", JSON.stringify({ policy: "none", ...spec }));
  mkdirSync(home.file("cache"));
  for (const path of [home.path, home.file("cache")]) {
    chmodSync(path, 0o755);
    if (machine.user === true) chownSync(path, ID, ID);
  }
  for (const path of [subids, box]) chmodSync(path, 0o644);
  const hide = machine.hidden === undefined ? "" : `mount --bind /dev/null ${machine.hidden};`;
  const who = machine.user === true
    ? `setpriv --reuid=${ID} --regid=${ID} --clear-groups ${
      machine.noNewPrivs === true ? "--no-new-privs" : ""
    }`
    : "";
  const script =
    `mount --bind ${subids} /etc/subuid; mount --bind ${subids} /etc/subgid; ${hide} exec ${who} "$@"`;
  return await runCli(["run", ...(quiet ? ["--quiet"] : []), "--no-cache", box], {
    prefix: ["unshare", "-m", "/bin/sh", "-ec", script, "sh"],
    env: {
      HOME: home.path,
      XDG_CACHE_HOME: home.file("cache"),
      XDG_RUNTIME_DIR: undefined,
      DENO_DIR: machine.user === true ? home.file("cache/deno") : undefined,
      BUN_RUNTIME_TRANSPILER_CACHE_PATH: "0",
    },
    timeoutMs: 60_000,
  });
}

const IDS =
  "id -u; id -g; tr -s ' ' < /proc/self/uid_map; tr -s ' ' < /proc/self/gid_map; touch /tmp/f; chown 7:8 /tmp/f; stat -c %u:%g /tmp/f; grep -E '^Groups' /proc/self/status | tr -d '\\t '";

describe("root", { skip: skipRoot }, () => {
  test("userns with ranges: root inside is not root outside, what it owns is its own", async () => {
    assertEquals(
      await inside(IDS, { userns: MAPS }),
      "0\n0\n 0 100000 65536\n 0 200000 1000\n7:8\nGroups:\n",
    );
  });

  test("outside, the processes are the mapped ids; nothing of the host is theirs", async () => {
    const run = startSpec({
      policy: "none",
      userns: MAPS,
      init: true,
      commands: [sh("echo up; exec sleep 20")],
    });
    try {
      await run.says("up");
      const [stage = 0] = readFileSync(`/proc/${run.pid}/task/${run.pid}/children`, "utf8")
        .trim().split(" ").map(Number);
      const [first = 0] = readFileSync(`/proc/${stage}/task/${stage}/children`, "utf8")
        .trim().split(" ").map(Number);
      const status = readFileSync(`/proc/${first}/status`, "utf8");
      assertMatch(status, /^Uid:\t100000\t100000\t100000\t100000$/m);
      assertMatch(status, /^Gid:\t200000\t200000\t200000\t200000$/m);
      assertMatch(status, /^Groups:\s*$/m);
    } finally {
      process.kill(run.pid, "SIGTERM");
      process.kill(run.pid, "SIGTERM");
      await run.ended;
    }
  });

  test("a secret of the host's root stays one, also below {host: /}", async () => {
    const { code, stdout } = await runSpec({
      policy: "none",
      userns: MAPS,
      rootfs: { layers: [{ host: "/" }], writable: false },
      commands: [
        sh("cat /etc/shadow >/dev/null 2>&1 || echo closed; touch /etc/x 2>/dev/null || echo ro"),
      ],
    });
    assertEquals([code, stdout], [0, "closed\nro\n"]);
  });

  test("the commands' users must be mapped", async () => {
    const { code, stderr } = await runSpec({
      policy: "none",
      userns: MAPS,
      user: "5:1000",
      commands: [["true"]],
    });
    assertEquals(code, 125);
    assertMatch(stderr, /error ID_NOT_MAPPED: the user namespace has no id for the group 1000/);
  });

  test("a map without 0: the command's user builds the container", async () => {
    const userns = {
      uids: [{ inside: 1000, outside: 101000, count: 1 }],
      gids: [{ inside: 1000, outside: 101000, count: 1 }],
    };
    const out = await inside("id -u; touch /tmp/f && stat -c %u:%g /tmp/f", {
      userns,
      user: "1000:1000",
    });
    assertEquals(out, "1000\n1000:1000\n");
  });
});

describe("root, userns: auto", { skip: skipFile }, () => {
  const spec = { userns: "auto", commands: [sh("tr -s ' ' < /proc/self/uid_map")] };

  test("takes a range of containerv's, containers' or root's line", async () => {
    const subids = "root:900000:65536\ncontainers:300000:131072\n";
    const { code, stdout, stderr } = await runOn({ subids }, spec);
    assertEquals([code, stdout, stderr], [0, " 0 300000 65536\n", ""]);
  });

  test("no two containers have the same, and a range comes back", async () => {
    const subids = "containers:300000:131072\n";
    const inner = { policy: "none", ...spec };
    // The second starts while the first has its ids: it waits for the first's word on its standard output.
    using directory = tempDir();
    const first = directory.write(
      "first.yaml",
      JSON.stringify({ ...inner, commands: [sh("tr -s ' ' < /proc/self/uid_map; sleep 20")] }),
    );
    const second = directory.write("second.yaml", JSON.stringify(inner));
    const table = directory.write("subids", subids);
    const cli = '"$@"';
    const script = `mount --bind ${table} /etc/subuid; mount --bind ${table} /etc/subgid
      mkfifo ${directory.file("out")}
      ${cli} run --quiet --no-cache ${first} > ${directory.file("out")} & pid=$!
      read line < ${directory.file("out")}; echo "$line"
      ${cli} run --quiet --no-cache ${second}
      kill -9 $pid; wait $pid 2>/dev/null || true
      for i in 1 2 3 4 5 6 7 8 9 10; do
        now=$(${cli} run --quiet --no-cache ${second})
        [ "$now" = " 0 300000 65536" ] && break; sleep 0.2
      done
      echo "$now"`;
    const { cliCommand, runProgram } = await import("../../support/cli.ts");
    const { stdout, stderr } = await runProgram(
      ["unshare", "-m", "/bin/sh", "-ec", script, "sh", ...cliCommand()],
      { timeoutMs: 60_000 },
    );
    assertEquals([stdout, stderr], ["0 300000 65536\n 0 365536 65536\n 0 300000 65536\n", ""]);
  });

  test("without a line it is refused with the lines that help", async () => {
    const { code, stderr } = await runOn({ subids: "nobody:300000:65536\n" }, spec, false);
    assertEquals(code, 125);
    assertStringIncludes(stderr, "NO_ID_RANGE");
    assertStringIncludes(stderr, "tee -a /etc/subuid /etc/subgid");
  });
});

describe("an ordinary user", { skip: skipUser }, () => {
  const subids = "nobody:200000:65536\n";

  test("has all ids that /etc/subuid gives: root inside is the user, the rest follow", async () => {
    const { code, stdout, stderr } = await runOn({ subids, user: true }, { commands: [sh(IDS)] });
    const maps = " 0 65534 1\n 1 200000 65536\n";
    assertEquals([code, stdout, stderr], [0, `0\n0\n${maps}${maps}7:8\nGroups:\n`, ""]);
  });

  test("several commands of several users", async () => {
    const commands = [sh("id -u"), { exec: sh("id -u; id -G"), user: "1000:100" }];
    const { code, stdout, stderr } = await runOn({ subids, user: true }, { commands });
    assertEquals([code, stdout, stderr], [0, "0\n1000\n100\n", ""]);
  });

  test("says which ids are which", async () => {
    const range = [
      { inside: 0, outside: 200000, count: 1000 },
      { inside: 1000, outside: ID, count: 1 },
    ];
    const spec = {
      userns: { uids: range, gids: range },
      user: "1000:1000",
      commands: [sh("id -u; tr -s ' ' < /proc/self/uid_map")],
    };
    const { code, stdout, stderr } = await runOn({ subids, user: true }, spec);
    assertEquals([code, stdout, stderr], [0, "1000\n 0 200000 1000\n 1000 65534 1\n", ""]);
  });

  test("can't map what is not theirs", async () => {
    const range = [{ inside: 0, outside: 0, count: 1 }];
    const spec = { userns: { uids: range, gids: range }, commands: [sh("echo ran")] };
    const { code, stdout, stderr } = await runOn({ subids, user: true }, spec, false);
    assertEquals([code, stdout], [125, ""]);
    assertMatch(stderr, /error ID_NOT_YOURS: 0 is not this user's to map: 65534, 200000-265535 is/);
  });

  test("without newuidmap: one id, and a spec that needs more is refused with the package's name", async () => {
    const machine = { subids, user: true, hidden: "/usr/bin/newuidmap" };
    const one = await runOn(machine, { commands: [sh("tr -s ' ' < /proc/self/uid_map")] });
    assertEquals([one.code, one.stdout, one.stderr], [0, " 0 65534 1\n", ""]);
    const commands = [["true"], { exec: ["true"], user: "7:7" }];
    const several = await runOn(machine, { commands }, false);
    assertEquals(several.code, 125);
    assertMatch(
      several.stderr,
      /ONE_ID_ONLY: .*: there is no newuidmap here\n\s+fix\s+sudo apt-get install uidmap/,
    );
  });

  test("without a line in /etc/subuid: the same, and the command that adds one", async () => {
    const machine = { subids: "daemon:200000:65536\n", user: true };
    const one = await runOn(machine, { commands: [sh("tr -s ' ' < /proc/self/uid_map")] });
    assertEquals([one.code, one.stdout, one.stderr], [0, " 0 65534 1\n", ""]);
    const commands = [["true"], { exec: ["true"], user: "7:7" }];
    const several = await runOn(machine, { commands }, false);
    assertStringIncludes(several.stderr, "sudo usermod --add-subuids 100000-165535");
  });

  test("with no_new_privs newuidmap has no rights: one id", async () => {
    const { stdout, stderr } = await runOn({ subids, user: true, noNewPrivs: true }, {
      commands: [sh("tr -s ' ' < /proc/self/uid_map")],
    });
    assertEquals([stdout, stderr], [" 0 65534 1\n", ""]);
  });

  test("what newuidmap itself refuses is said in its words, and nothing is left", async () => {
    // newuidmap in the other's place maps the users a second time, which the kernel refuses.
    const machine = { subids, user: true };
    const hidden = "/dev/zero; mount --bind /usr/bin/newuidmap /usr/bin/newgidmap";
    const { code, stdout, stderr } = await runOn({ ...machine, hidden }, {
      commands: [sh("echo ran")],
    }, false);
    assertEquals([code, stdout], [125, ""]);
    assertMatch(
      stderr,
      /ID_MAP_REFUSED: cannot map the ids of the container: newgidmap: write to uid_map failed/,
    );
    assertStringIncludes(stderr, "everything was taken back");
    assert(!stderr.includes("BUG"), stderr);
  });

  test("the host's ids need root", async () => {
    const { code, stderr } = await runOn({ subids, user: true }, {
      userns: "host",
      commands: [["true"]],
    }, false);
    assertEquals(code, 125);
    assertMatch(stderr, /error USERNS_NEEDED/);
  });
});
