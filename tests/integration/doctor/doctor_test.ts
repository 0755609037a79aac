// timeout-seconds: 180
/** `containerv doctor` against the machine, and against machines that lack something. */
import { existsSync, readFileSync } from "node:fs";
import { describe, test } from "node:test";
import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { FEATURES } from "../../../runtime/observe/features.ts";
import type { Diagnosis, ShownFeature } from "../../../runtime/show/doctor.ts";
import { cliCommand, type CliOptions, REPOSITORY, runCli } from "../../support/cli.ts";
import { missing, root, tool, userns } from "../../support/require.ts";
import { tempDir } from "../../support/temp.ts";
import { guardWorld } from "../cli/sandbox.ts";

guardWorld();
const needsRoot = missing(root());
const needsUser = missing(root(), tool("setpriv"), userns());
const needsUnshare = missing(tool("unshare"), userns());

interface Diagnosed extends Diagnosis {
  readonly code: number | null;
  readonly of: (name: string) => ShownFeature;
}

async function diagnose(options: CliOptions = {}): Promise<Diagnosed> {
  const { code, stdout, stderr } = await runCli(["doctor", "--json"], options);
  assertEquals(stderr, "");
  const diagnosis = JSON.parse(stdout) as Diagnosis;
  const of = (name: string): ShownFeature => {
    const found = diagnosis.features.find((feature) => feature.name === name);
    if (found === undefined) throw new Error(`doctor has no feature "${name}"`);
    return found;
  };
  return { ...diagnosis, code, of };
}

/** A prefix that takes a call away: the same runtime as the test's becomes the command. */
function without(call: string, errno: number): readonly string[] {
  const script = `${REPOSITORY}/tests/integration/doctor/without_call.ts`;
  return [...cliCommand("source").slice(0, -1), script, call, `${errno}`];
}

const AS_NOBODY = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"];

describe("doctor as root", { skip: needsRoot }, () => {
  test("a container of the defaults runs: exit 0, and every feature has an answer", async () => {
    const { code, trial, features } = await diagnose();
    assertEquals([code, trial.works], [0, true]);
    assertEquals(features.map(({ name }) => name), FEATURES.map(({ name }) => name));
    for (const { name, state, required } of features) {
      if (required) assertEquals(`${name} ${state}`, `${name} yes`);
    }
  });

  test("what other sources say of this machine is what the probes say", async () => {
    const { of } = await diagnose();
    const filesystems = readFileSync("/proc/filesystems", "utf8");
    if (/\toverlay$/m.test(filesystems)) assertEquals(of("overlayfs").state, "yes");
    assertEquals(of("/dev/kvm").state === "yes", existsSync("/dev/kvm"));
    assertEquals(of("BTF of the kernel").state === "yes", existsSync("/sys/kernel/btf/vmlinux"));
    const controllers = readFileSync("/proc/cgroups", "utf8");
    for (const name of ["memory", "pids", "cpu"]) {
      const enabled = new RegExp(`^${name}\\t\\d+\\t\\d+\\t1$`, "m").test(controllers);
      assertEquals(of(`controller ${name}`).state === "yes", enabled, name);
    }
  });

  test("the text says the same, with signs", async () => {
    const { code, stdout } = await runCli(["doctor"]);
    assertEquals(code, 0);
    assertStringIncludes(stdout, "✔ a container of the defaults runs\n");
    for (const { name } of FEATURES) assertMatch(stdout, new RegExp(`^  [✔✘?] ${name}\\b`, "m"));
    assertMatch(stdout, /\d+ there, \d+ missing.* Nothing was changed\.\n$/);
  });

  test("`plan --host` of it is the plan for this machine", async () => {
    using directory = tempDir();
    const host = directory.write("host.json", (await runCli(["doctor", "--json"])).stdout);
    const spec = `${REPOSITORY}/examples/01-hello.yaml`;
    const here = await runCli(["plan", spec]);
    assertEquals((await runCli(["plan", "--host", host, spec])).stdout, here.stdout);
    assertEquals(here.code, 0);
  });
});

describe("a kernel that lacks a call", { skip: needsRoot }, () => {
  const ENOSYS = 38;
  const rows: readonly (readonly [call: string, feature: string, runs: boolean])[] = [
    ["openat2", "openat2", false],
    ["close_range", "close_range", false],
    ["pidfd_open", "pidfd", false],
    ["clone3", "clone3", false],
    ["fsopen", "mount API by descriptor", false],
    ["move_mount", "mount API by descriptor", false],
    ["open_tree", "mount API by descriptor", false],
    ["mount_setattr", "mount_setattr", false],
    ["landlock_create_ruleset", "Landlock", true],
    ["seccomp", "seccomp filters", true],
  ];
  for (const [call, feature, runs] of rows) {
    test(`${call}: "${feature}" is missing`, async () => {
      const { code, of } = await diagnose({ prefix: without(call, ENOSYS) });
      const { state, detail, fix } = of(feature);
      assertEquals([state, detail], ["no", `the kernel has no ${call}`]);
      assert(fix !== "");
      assertEquals(code, runs ? 0 : 1);
    });
  }

  test("memfd_create: no stage can be made, and what needs one could not be asked", async () => {
    const { code, of, trial } = await diagnose({ prefix: without("memfd_create", ENOSYS) });
    assertEquals([code, trial.works], [1, false]);
    assertEquals(of("executable memfd").state, "no");
    assertMatch(of("executable memfd").detail ?? "", /memfd_create\(.*ENOSYS/);
    for (const name of ["namespaces", "overlayfs", "user namespaces", "seccomp filters"]) {
      assertEquals(of(name).state, "unknown", name);
    }
  });

  test("a filter that forbids is told from a kernel that lacks", async () => {
    const { of } = await diagnose({ prefix: without("openat2", 1) });
    assertEquals(of("openat2").state, "no");
    assertMatch(of("openat2").detail ?? "", /= EPERM: a seccomp filter forbids it$/);
    assertMatch(of("openat2").fix, /--security-opt seccomp=unconfined/);
  });
});

describe("doctor as an ordinary user", () => {
  test("it runs in a user namespace; groups are not its own", { skip: needsUser }, async () => {
    const { code, host, of } = await diagnose({ prefix: AS_NOBODY });
    assertEquals([code, host.uid, host.privileged], [0, 65534, false]);
    for (const name of ["user namespaces", "a /proc of its own", "mount_setattr"]) {
      assertEquals(of(name).state, "yes", name);
    }
    assertEquals(of("groups of one's own").state, "no");
    assertStringIncludes(of("groups of one's own").fix, "systemd-run --user --scope");
    assertMatch(of("/etc/subuid").fix, /^sudo usermod --add-subuids .* nobody$/);
  });

  test("user namespaces blocked: exit 1 and the command that permits them", {
    skip: needsUnshare,
  }, async () => {
    // The count is the user namespace's own: the machine's stays as it is.
    const block = 'echo 0 > /proc/sys/user/max_user_namespaces && exec "$@"';
    const prefix = ["unshare", "-Ur", "/bin/sh", "-c", block, "sh"];
    const { code, of, trial } = await diagnose({ prefix });
    assertEquals([code, trial.works], [1, false]);
    assertMatch(trial.fix ?? "", /sudo sysctl -w user\.max_user_namespaces=\d+/);
    assertEquals(of("user namespaces").state, "no");
    assertEquals(of("user namespaces").fix, "sudo sysctl -w user.max_user_namespaces=10000");
    assertEquals(of("namespaces allowed in number").detail, "user.max_user_namespaces = 0");
    assertEquals(of("overlayfs").state, "unknown");
    assertMatch(of("overlayfs").detail ?? "", /clone3 = ENOSPC/);
  });

  test("a kind of namespace that is not allowed is named", { skip: needsUnshare }, async () => {
    const block = 'echo 0 > /proc/sys/user/max_net_namespaces && exec "$@"';
    const prefix = ["unshare", "-Ur", "/bin/sh", "-c", block, "sh"];
    const { code, of } = await diagnose({ prefix });
    assertEquals(code, 1);
    assertEquals(of("user namespaces").fix, "sudo sysctl -w user.max_net_namespaces=10000");
    assertEquals(of("overlayfs in a user namespace").state, "yes");
  });

  test("a masked /proc, as in a container, is named", {
    skip: missing(root(), tool("unshare"), userns()),
  }, async () => {
    // A mount over a part of /proc that the new user namespace may not take away.
    const mask = 'mount -t tmpfs none /proc/tty && exec unshare -Ur "$@"';
    const prefix = ["unshare", "-m", "/bin/sh", "-c", mask, "sh"];
    const { code, of, trial } = await diagnose({ prefix });
    assertEquals([code, trial.works], [1, false]);
    assertEquals(of("a /proc of its own").state, "no");
    assertMatch(of("a /proc of its own").detail ?? "", /= EPERM$/);
    assertEquals(of("overlayfs in a user namespace").state, "yes");
  });
});

test("doctor takes no operand", async () => {
  const { code, stdout, stderr } = await runCli(["doctor", "x"]);
  assertEquals([code, stdout], [2, ""]);
  assertMatch(stderr, /usage: containerv doctor/);
});
