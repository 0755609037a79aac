import { assertEquals, assertStringIncludes } from "@std/assert";
import { describe, test } from "node:test";
import type { ProcessSpec } from "../../../../spec/model/spec_type.ts";
import { exactJson } from "../../../../spec/text/json.ts";
import { exported, thereAndBack } from "./support.ts";

const PROCESS: ProcessSpec = {
  umask: "0027",
  oomScoreAdj: 500,
  ioPriority: { class: "best-effort", level: 7 },
  scheduler: { policy: "batch", nice: 5 },
};

describe("process: in the words of OCI", () => {
  test("each key that has a field, and the version that has them all", () => {
    const { config, losses } = exported({ process: { ...PROCESS, personality: "linux32" } });
    const { process, linux, ociVersion } = config;
    assertEquals(process.user.umask, 0o027);
    assertEquals(process.oomScoreAdj, 500);
    assertEquals(process.ioPriority, { class: "IOPRIO_CLASS_BE", priority: 7 });
    assertEquals(process.scheduler, { policy: "SCHED_BATCH", nice: 5 });
    assertEquals(linux?.personality, { domain: "LINUX32" });
    assertEquals(ociVersion, "1.1.0");
    assertEquals(losses.filter(({ origin }) => origin.startsWith("/process")), []);
  });

  test("a real-time policy has a priority and no nice; idle disks a class alone", () => {
    const of = (process: Readonly<Record<string, unknown>>) => exported({ process }).config.process;
    for (const [policy, word] of [["fifo", "SCHED_FIFO"], ["rr", "SCHED_RR"]] as const) {
      const { scheduler } = of({ scheduler: { policy, priority: 9 } });
      assertEquals(scheduler, { policy: word, priority: 9 });
    }
    assertEquals(of({ scheduler: { policy: "idle" } }).scheduler, {
      policy: "SCHED_IDLE",
      nice: 0,
    });
    assertEquals(of({ ioPriority: { class: "realtime", level: 0 } }).ioPriority, {
      class: "IOPRIO_CLASS_RT",
      priority: 0,
    });
  });

  test("what was not said is not written: a runtime's own default holds", () => {
    const { process, linux, ociVersion } = exported({}).config;
    for (const key of ["oomScoreAdj", "scheduler", "ioPriority", "rlimits"]) {
      assertEquals(key in process, false, key);
    }
    assertEquals(process.user, { uid: 0, gid: 0 });
    assertEquals([linux?.personality, linux?.sysctl, ociVersion], [undefined, undefined, "1.0.0"]);
  });

  test("lost by name: CPUs that the command starts on, addresses that are not random", () => {
    const { config, losses } = exported({
      process: { cpuAffinity: "0-1", personality: { randomize: false } },
    });
    const [affinity, personality] = losses.filter(({ origin }) => origin.startsWith("/process"));
    assertEquals(affinity?.origin, "/process/cpuAffinity");
    assertEquals(affinity?.fix, 'limits: {cpuset: "0-1"}, which the command can\'t change');
    assertEquals(personality?.origin, "/process/personality");
    assertEquals(config.linux?.personality, { domain: "LINUX" });
  });

  test("there and back", () => {
    const users = [{ uid: 7, gid: 8, groups: [27], environment: ["A=b"] }];
    const { spec, losses } = thereAndBack({ process: PROCESS }, { users });
    assertEquals(losses, []);
    assertEquals(spec.process, { ...PROCESS, groups: [27] });
    assertEquals(thereAndBack({}).spec.process, undefined);
  });
});

describe("limits.rlimits in the words of OCI", () => {
  const rlimits = { nofile: { soft: 64, hard: 1024 }, core: 0, stack: "unlimited" };

  test("no limit is the largest number of 64 bits, exactly", () => {
    const { process } = exported({ limits: { rlimits } }).config;
    const most = 0xffffffffffffffffn;
    assertEquals(process.rlimits, [
      { type: "RLIMIT_NOFILE", soft: 64, hard: 1024 },
      { type: "RLIMIT_CORE", soft: 0, hard: 0 },
      { type: "RLIMIT_STACK", soft: most, hard: most },
    ]);
    assertStringIncludes(exactJson(process), '"soft":18446744073709551615,');
  });

  test("there and back; a number that is not exact any more is lost, not guessed", () => {
    assertEquals(thereAndBack({ limits: { rlimits } }).spec.limits?.rlimits, {
      nofile: { soft: 64, hard: 1024 },
      core: { soft: 0, hard: 0 },
      stack: { soft: "unlimited", hard: "unlimited" },
    });
  });
});

describe("sysctls in the words of OCI", () => {
  test("slashes are dots; a name with a dot of its own is lost", () => {
    const sysctls = {
      "net.core.somaxconn": 64,
      "kernel.sem": "250 32000 32 128",
      "net/ipv4/conf/eth0.1/forwarding": 1,
    };
    const { config, losses } = exported({ sysctls });
    assertEquals(config.linux?.sysctl, {
      "net.core.somaxconn": "64",
      "kernel.sem": "250 32000 32 128",
    });
    const [lost] = losses.filter(({ origin }) => origin.startsWith("/sysctls"));
    assertStringIncludes(lost?.message ?? "", "net/ipv4/conf/eth0.1/forwarding");
    const { "net.core.somaxconn": number } = thereAndBack({ sysctls }).spec.sysctls ?? {};
    assertEquals(number, "64");
  });
});
