/** What a container of the defaults is, seen from inside. */
import { readdirSync, readFileSync, readlinkSync, rmSync, writeFileSync } from "node:fs";
import process from "node:process";
import { describe, test } from "node:test";
import { assert, assertEquals, assertMatch, assertNotEquals } from "@std/assert";
import { run } from "../../../mod.ts";
import { missing, root, tool } from "../../support/require.ts";

const skip = missing(root());
const inside = async (script: string, spec: object = {}): Promise<string> => {
  const output = await run({ ...spec, commands: [["/bin/sh", "-c", script]] });
  assertEquals([output.code, output.stderr], [0, ""]);
  return output.stdout.trim();
};

describe("a container of the defaults", { skip }, () => {
  for (const name of ["mnt", "pid", "net", "uts", "ipc", "cgroup"]) {
    test(`has its own ${name} namespace`, async () => {
      const its = await inside(`readlink /proc/self/ns/${name}`);
      assertMatch(its, new RegExp(`^${name}:\\[\\d+\\]$`));
      assertNotEquals(its, readlinkSync(`/proc/self/ns/${name}`));
    });
  }

  test("is process 1, named after its spec", async () => {
    const [pid, hostname] = (await inside("echo $$; cat /proc/sys/kernel/hostname")).split("\n");
    assertEquals(pid, "1");
    assertMatch(hostname ?? "", /^container$/);
  });

  test("has a loopback interface that is up, and no other", async () => {
    assertEquals(await inside("ls /sys/class/net"), "lo");
    // IFF_UP | IFF_LOOPBACK | IFF_RUNNING
    assertEquals(Number(await inside("cat /sys/class/net/lo/flags")) & 1, 1);
    assertMatch(await inside("cat /proc/net/fib_trie"), /127\.0\.0\.1/);
  });

  test("sees its own cgroup as the root", async () => {
    const limited = await inside("cat /proc/self/cgroup", { limits: { pids: 20 } });
    const line = limited.split("\n").find((one) => /^\d+:(pids|):/.test(one)) ?? "";
    assertMatch(line, /:\/$/);
  });

  test("starts with every signal at its default and none blocked", async () => {
    const status = await inside("grep -E '^Sig(Blk|Ign)' /proc/self/status");
    assertEquals(status, "SigBlk:\t0000000000000000\nSigIgn:\t0000000000000000");
  });

  test("has the default capabilities, none inheritable or ambient, and no new privileges", async () => {
    const status = await inside("grep -E '^(Cap|NoNewPrivs)' /proc/self/status");
    const field = (name: string): string =>
      new RegExp(`${name}:\\s*(\\S+)`).exec(status)?.[1] ?? "";
    // CHOWN DAC_OVERRIDE FOWNER FSETID KILL SETGID SETUID SETPCAP NET_BIND_SERVICE SYS_CHROOT SETFCAP
    const all = 0x800405fbn;
    for (const set of ["CapPrm", "CapEff", "CapBnd"]) {
      assertEquals(BigInt(`0x${field(set)}`) & ~all, 0n, set);
      assert(BigInt(`0x${field(set)}`) > 0n, set);
    }
    assertEquals([field("CapInh"), field("CapAmb")], ["0".repeat(16), "0".repeat(16)]);
    assertEquals(field("NoNewPrivs"), "1");
  });

  test("has no descriptor but its three streams", async () => {
    // The fourth is ls's own.
    assertEquals(await inside("ls /proc/self/fd | wc -l"), "4");
  });

  test("has /dev with the devices every program expects", async () => {
    const devices = await inside(
      "for d in null zero full random urandom tty; do stat -c %t:%T /dev/$d; done",
    );
    assertEquals(devices.split("\n"), ["1:3", "1:5", "1:7", "1:8", "1:9", "5:0"]);
  });

  test("cannot leave its root by `..`", async () => {
    assertEquals(await inside("stat -c %i:%d / /.. | uniq | wc -l"), "1");
  });

  test("leaves the host's mounts as they are while it runs", async () => {
    const before = readFileSync("/proc/self/mountinfo", "utf8");
    await inside("mount 2>/dev/null | wc -l");
    assertEquals(readFileSync("/proc/self/mountinfo", "utf8"), before);
  });
});

describe("the default rootfs shows no secret of the host", { skip }, () => {
  const canaries = ["/root", "/home", "/run", "/tmp", "/var/tmp"].map((directory) =>
    `${directory}/containerv-canary-${process.pid}`
  );
  const secret = `secret-${process.pid}-${Math.random()}`;

  test("no canary of /root, /home, /run, /tmp can be found by name or content", async () => {
    for (const path of canaries) writeFileSync(path, secret);
    try {
      const found = await inside(
        `find / -xdev -name 'containerv-canary-*' 2>/dev/null; ` +
          `grep -rl ${secret} /root /home /run /tmp /var /etc /opt /srv /mnt 2>/dev/null; true`,
      );
      assertEquals(found, "");
    } finally {
      for (const path of canaries) rmSync(path);
    }
  });

  test("there is no shadow file, no socket, no ssh or machine id", async () => {
    const found = await inside(
      "ls /etc/shadow /etc/gshadow /etc/ssh /etc/machine-id /etc/sudoers /etc/ssl/private 2>/dev/null; " +
        "find / -xdev -type s 2>/dev/null; true",
    );
    assertEquals(found, "");
  });

  test("what is the host's can't be written: every mount of its disk is read-only", async () => {
    const mounts = (await inside("cat /proc/self/mountinfo")).split("\n");
    const own = /- (tmpfs|proc|sysfs|devpts|mqueue|cgroup2?) /;
    for (const mount of mounts.filter((line) => !own.test(line))) {
      // The masks are /dev/null itself: a device, and nothing else is one.
      const isMask = mount.includes(" /null ") && mount.includes("- devtmpfs ");
      assertMatch(
        mount.split(" ")[5] ?? "",
        isMask ? /^ro,nosuid,noexec/ : /^ro,nosuid,nodev/,
        mount,
      );
    }
  });

  test("/usr is the host's", async () => {
    assertEquals((await inside("ls /usr")).split("\n"), readdirSync("/usr").sort());
  });
});

describe("masked and read-only paths", { skip }, () => {
  test("kernel memory and keys are empty, the sysctls can't be written", async () => {
    assertEquals(
      await inside("cat /proc/kcore /proc/keys /proc/timer_list 2>/dev/null | wc -c"),
      "0",
    );
    assertEquals(
      await inside("(echo x > /proc/sys/kernel/core_pattern) 2>/dev/null || echo ro"),
      "ro",
    );
    assertEquals(await inside("(echo b > /proc/sysrq-trigger) 2>/dev/null || echo ro"), "ro");
    assertEquals(await inside("ls /sys/firmware"), "");
  });
});

describe("plan = run", { skip: missing(root(), tool("strace")) }, () => {
  test("the calls of the stage and of the container are those of the plan, in order", async () => {
    const { traceRun } = await import("./trace.ts");
    const { traced, planned } = await traceRun();
    assert(planned.length > 200);
    assertEquals(traced, planned);
  });
});
