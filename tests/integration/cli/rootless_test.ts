/** As an ordinary user: what works in a user namespace, what is refused with a fix, what is said when there is none. */
import { chmodSync, chownSync, mkdirSync } from "node:fs";
import { describe, test } from "node:test";
import { assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { type CliOptions, type CliResult, runCli } from "../../support/cli.ts";
import { missing, root, tool, userns } from "../../support/require.ts";
import { tempDir } from "../../support/temp.ts";
import { guardWorld, sh, type SpecObject } from "./sandbox.ts";

guardWorld();
const ID = 65534;
const skip = missing(root(), tool("setpriv"), tool("unshare"), userns());
const USER = ["setpriv", `--reuid=${ID}`, `--regid=${ID}`, "--clear-groups"];
/** No user namespace can be made below this one: its own limit is 0; the machine's stays. */
const BLOCKED = [
  "unshare",
  "-U",
  "--map-root-user",
  "--mount",
  "/bin/sh",
  "-c",
  'echo 0 > /proc/sys/user/max_user_namespaces; exec setpriv --bounding-set=-all --inh-caps=-all "$@"',
  "sh",
];

async function asUser(
  spec: SpecObject,
  options: CliOptions & { readonly verb?: readonly string[]; readonly owner?: number } = {},
): Promise<CliResult> {
  const { verb = ["run", "--quiet", "--no-cache"], owner = ID, ...rest } = options;
  using home = tempDir();
  const file = home.write("box.yaml", JSON.stringify(spec));
  mkdirSync(home.file("cache"));
  for (const path of [home.path, home.file("cache")]) chownSync(path, owner, owner);
  chmodSync(file, 0o644);
  const env = {
    HOME: home.path,
    XDG_CACHE_HOME: home.file("cache"),
    XDG_RUNTIME_DIR: undefined,
    // What Deno compiled already is root's: it makes its own below the home.
    DENO_DIR: home.file("cache/deno"),
    BUN_INSTALL_CACHE_DIR: home.file("cache/bun"),
    BUN_RUNTIME_TRANSPILER_CACHE_PATH: "0",
  };
  return await runCli([...verb, file], { prefix: USER, env, timeoutMs: 60_000, ...rest });
}

async function inside(script: string, spec: SpecObject = {}): Promise<string> {
  const { code, stdout, stderr } = await asUser({
    policy: "none",
    ...spec,
    commands: [sh(script)],
  });
  assertEquals([code, stderr], [0, ""]);
  return stdout;
}

describe("an ordinary user", { skip }, () => {
  test("runs a container of the defaults: root inside, themselves outside", async () => {
    const out = await inside("id -u; id -g; cat /proc/self/uid_map | tr -s ' '; echo $$; hostname");
    assertEquals(out, `0\n0\n 0 ${ID} 1\n1\nbox\n`);
  });

  test("has the same isolation: own namespaces, no signal ignored, no descriptor, NoNewPrivs, nothing inheritable", async () => {
    const out = await inside(
      "ls /proc/self/ns | wc -l; ls /sys/class/net; ls /proc/self/fd | wc -l; grep -E '^(SigIgn|SigBlk|CapInh|CapAmb|NoNewPrivs)' /proc/self/status | cut -f2; ls -A /root /home /run; cat /etc/shadow 2>&1 | wc -l",
    );
    const zero = "0".repeat(16);
    const lines = out.trimEnd().split("\n");
    assertEquals(lines.slice(1), [
      "lo",
      "4",
      zero,
      zero,
      zero,
      zero,
      "1",
      "/home:",
      "",
      "/root:",
      "",
      "/run:",
      "1",
    ]);
  });

  test("cannot write what is the host's, can write its own tmpfs, has devices", async () => {
    const out = await inside(
      "touch /tmp/x /etc/y && echo own; touch /usr/x 2>/dev/null || echo ro; echo x > /dev/null && head -c 4 /dev/zero | wc -c; test -c /dev/urandom && echo device; ls /dev/shm /dev/mqueue >/dev/null && echo dirs",
    );
    assertEquals(out, "own\nro\n4\ndevice\ndirs\n");
  });

  test("statuses, several commands and time limits are the same as root's", async () => {
    const spec = { policy: "none", commands: [sh("echo one"), sh("echo two $$; exit 9")] };
    const { code, stdout } = await asUser(spec);
    assertEquals([code, stdout], [9, "one\ntwo 3\n"]);
    const missing = await asUser({ policy: "none", commands: [["no-such"]] });
    assertEquals(missing.code, 127);
    const late = await asUser({
      policy: "none",
      commands: [{ exec: ["sleep", "9"], timeout: "100ms" }],
    });
    assertEquals(late.code, 124);
  });

  test("can be another user inside, whose files are their own", async () => {
    const out = await inside("id -u; id -g; touch /tmp/f; stat -c %u:%g /tmp/f", {
      user: "1000:1000",
    });
    assertEquals(out, "1000\n1000\n1000:1000\n");
  });

  test("a layer at a path, and a read-only root", async () => {
    using directory = tempDir();
    directory.write("file", "content");
    chmodSync(directory.path, 0o755);
    const layers = [{ host: "system" }, { dir: directory.path, at: "/srv/at" }];
    assertEquals(
      await inside("cat /srv/at/file; touch /srv/at/x 2>/dev/null || echo ' ro'", {
        rootfs: { layers },
      }),
      "content ro\n",
    );
    assertEquals(
      await inside("touch /x /tmp/x 2>/dev/null || echo ro", { rootfs: { writable: false } }),
      "ro\n",
    );
  });

  test("{host: /} is read-only, without setuid and without devices", async () => {
    const { code, stdout } = await asUser({
      policy: "none",
      rootfs: { layers: [{ host: "/" }], writable: false },
      commands: [sh("grep ' / / ' /proc/self/mountinfo | tail -n 1 | cut -d ' ' -f 6")],
    });
    assertEquals(code, 0);
    for (const flag of ["ro", "nosuid", "nodev"]) assertStringIncludes(stdout, flag);
  });

  test("a layer below the root: an overlay in the user namespace", async () => {
    using directory = tempDir();
    directory.write("file", "content");
    chmodSync(directory.path, 0o755);
    // A file of an id that is not mapped could not be copied up.
    for (const path of [directory.path, directory.file("file")]) chownSync(path, ID, ID);
    const layers = [{ host: "system" }, { dir: directory.path }];
    assertEquals(
      await inside("cat /file; echo new > /file; cat /file", { rootfs: { layers } }),
      "contentnew\n",
    );
  });

  test("limits are refused with the key, the place and the fix; nothing is run", async () => {
    const { code, stdout, stderr } = await asUser({
      policy: "none",
      limits: { memory: "64MiB" },
      commands: [sh("echo ran")],
    }, { verb: ["run", "--no-cache"] });
    assertEquals([code, stdout], [125, ""]);
    assertMatch(stderr, /box\.yaml:1:\d+: error LIMITS_NEED_ROOT: cannot hold limits\.memory/);
    assertStringIncludes(
      stderr,
      "fix     systemd-run --user --scope -p Delegate=yes containerv run …, or run it as root",
    );
    assertStringIncludes(stderr, "nothing was done");
  });

  test("plan, validate, schema, doctor need no right at all", async () => {
    const spec = { policy: "none", commands: [["true"]] };
    for (const verb of ["plan", "validate"]) {
      assertEquals((await asUser(spec, { verb: [verb] })).code, 0, verb);
    }
    const plan = await asUser(spec, { verb: ["plan"] });
    assertStringIncludes(plan.stdout, "NEWUSER");
  });
});

describe("user namespaces blocked", { skip }, () => {
  test("the one command that permits them is printed, and the status is containerv's own", async () => {
    const { code, stdout, stderr } = await asUser({ policy: "none", commands: [sh("echo ran")] }, {
      prefix: BLOCKED,
      owner: 0,
      verb: ["run", "--no-cache"],
    });
    assertEquals([code, stdout], [125, ""], stderr);
    assertMatch(stderr, /sudo sysctl -w user\.max_user_namespaces=\d+/);
    assertEquals(/BUG|\n\s+at \w/.test(stderr), false, stderr);
  });
});
