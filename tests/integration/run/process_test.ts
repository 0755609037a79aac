/** What a command's process is like, as it sees itself. */
import { describe, test } from "node:test";
import { assert, assertEquals, assertRejects } from "@std/assert";
import { ContainervError, run } from "../../../mod.ts";
import type { ContainerSpec } from "../../../spec/model/spec_type.ts";
import { missing, root, tool } from "../../support/require.ts";

const inside = async (spec: ContainerSpec, command: string): Promise<string> => {
  const { stdout, stderr } = await run({ ...spec, commands: [command] });
  assertEquals(stderr, "");
  return stdout.trim();
};

describe("process", { skip: missing(root()) }, () => {
  test("rlimits, soft and hard, of a user too", async () => {
    const rlimits = {
      nofile: 100,
      core: { soft: 0, hard: 4096 },
      stack: { soft: 1 << 20, hard: "unlimited" },
      nproc: 50,
    } as const;
    for (const user of [0, 1000]) {
      const shown = await inside({ user, limits: { rlimits } }, "cat /proc/self/limits");
      const row = (name: string): readonly string[] =>
        new RegExp(`^Max ${name} +(\\S+) +(\\S+)`, "m").exec(shown)?.slice(1) ?? [];
      assertEquals(row("open files"), ["100", "100"]);
      assertEquals(row("core file size"), ["0", "4096"]);
      assertEquals(row("stack size"), ["1048576", "unlimited"]);
      assertEquals(row("processes"), ["50", "50"]);
    }
  });

  test("a hard limit above what this runner can give is an error that says so", async () => {
    const error = await assertRejects(
      () => run({ limits: { rlimits: { nofile: 2 ** 50 } }, commands: [["true"]] }),
      ContainervError,
    );
    assertEquals([error.code, error.facts.pointer], ["SYSCALL_FAILED", "/limits/rlimits/nofile"]);
    assert(error.fix?.includes("CAP_SYS_RESOURCE"), error.fix);
  });

  test("umask, 0022 unless another is asked for", async () => {
    assertEquals(await inside({}, "umask"), "0022");
    assertEquals(await inside({ process: { umask: "0077" } }, "umask"), "0077");
  });

  test("groups, by number and by name of the container's own file", async () => {
    const groups = [4242, "audio"];
    const line = "grep ^Groups: /proc/self/status";
    assertEquals(await inside({ user: 1000, process: { groups } }, line), "Groups:\t29 4242");
    const error = await assertRejects(
      () => run({ process: { groups: ["nonesuch"] }, commands: [["true"]] }),
      ContainervError,
    );
    assertEquals([error.code, error.facts.pointer], ["NO_SUCH_USER", "/process/groups"]);
  });

  test("OOM score, of every process of the container", async () => {
    const show = "cat /proc/self/oom_score_adj /proc/1/oom_score_adj";
    assertEquals(await inside({ init: true, process: { oomScoreAdj: 321 } }, show), "321\n321");
  });

  test("CPU affinity", async () => {
    const show = "grep Cpus_allowed_list /proc/self/status";
    assertEquals(
      await inside({ process: { cpuAffinity: "0" } }, show),
      "Cpus_allowed_list:\t0",
    );
  });

  const utilities = missing(tool("chrt"), tool("ionice"));
  test("scheduler and disk priority", { skip: utilities }, async () => {
    const process = {
      scheduler: { policy: "batch", nice: 7 },
      ioPriority: { class: "best-effort", level: 6 },
    } as const;
    const shown = await inside({ user: 1000, process }, "nice; ionice; chrt -p $$");
    const [nice, io, policy] = shown.split("\n");
    assertEquals([nice, io], ["7", "best-effort: prio 6"]);
    assert(policy?.endsWith("SCHED_BATCH"), policy);
    assertEquals(await inside({ process: { ioPriority: { class: "idle" } } }, "ionice"), "idle");
  });

  test("personality", async () => {
    const process = { personality: { domain: "linux32", randomize: false } } as const;
    const shown = await inside({ process }, "cat /proc/self/personality");
    assertEquals(shown, "00040008");
  });

  test("kernel parameters of the container's own namespaces; the machine keeps its own", async () => {
    const sysctls = {
      "net.core.somaxconn": 77,
      "kernel.sem": "11 22 33 44",
      "kernel.domainname": "inside.example",
      "fs.mqueue.msg_max": 12,
    };
    const show = "cat /proc/sys/net/core/somaxconn /proc/sys/kernel/sem " +
      "/proc/sys/kernel/domainname /proc/sys/fs/mqueue/msg_max";
    assertEquals(await inside({ sysctls }, show), "77\n11\t22\t33\t44\ninside.example\n12");
    const own = await inside({}, show);
    assert(!own.includes("inside.example") && !own.startsWith("77\n"), own);
    const error = await assertRejects(
      () => run({ network: "host", sysctls: { "net.core.somaxconn": 7 }, commands: [["true"]] }),
      ContainervError,
    );
    assertEquals(error.code, "SYSCTL_OF_HOST");
  });
});

describe("standard input", () => {
  test("is /dev/null unless it is asked for, whatever the runner's is", async () => {
    const { stdout } = await run({ commands: ["readlink /proc/self/fd/0; cat | wc -c"] });
    assertEquals(stdout, "/dev/null\n0\n");
    const given = await run({ commands: [["cat"]] }, { stdin: "given" });
    assertEquals(given.stdout, "given");
    const ignored = await run({ stdin: true, commands: [["cat"]] }, { stdin: "ignore" });
    assertEquals(ignored.stdout, "");
  });
});
