/** The table of features: its rows are whole, and what its probes read is read rightly. */
import { describe, test } from "node:test";
import { assert, assertEquals, assertMatch } from "@std/assert";
import { EACCES, EINVAL, ENOENT, ENOSYS, EPERM } from "../../../../ffi/abi/errno.ts";
import { O_CLOEXEC, O_PATH, O_RDONLY } from "../../../../ffi/abi/fcntl.ts";
import { CLONE_NEWNS, CLONE_NEWUSER, CLONE_NEWUTS } from "../../../../ffi/abi/sched.ts";
import { openat } from "../../../../ffi/calls/open.ts";
import { mkdirat } from "../../../../ffi/calls/path.ts";
import { getpid } from "../../../../ffi/calls/process.ts";
import { sethostname } from "../../../../ffi/calls/uts.ts";
import { FEATURES, probeFeatures } from "../../../../runtime/observe/features.ts";
import { observeDelegated, ownGroup } from "../../../../runtime/observe/delegated.ts";
import { readGeneration } from "../../../../runtime/observe/features_devices.ts";
import {
  hidden,
  readText,
  refused,
  sysctl,
  tryDevice,
  tryOpen,
} from "../../../../runtime/observe/features_probe.ts";
import { answerOf, runProbe } from "../../../../runtime/observe/features_program.ts";
import { rangesOf } from "../../../../runtime/observe/subids.ts";
import { observeHost } from "../../../../runtime/observe/host.ts";
import { linux, missing, userns } from "../../../support/require.ts";

const skip = missing(linux());
const HOST = skip === false
  ? observeHost({ cgroups: true, roots: [] })
  : undefined as unknown as ReturnType<typeof observeHost>;

describe("FEATURES", () => {
  test("names are unique", () => {
    assertEquals(new Set(FEATURES.map(({ name }) => name)).size, FEATURES.length);
  });

  for (const feature of FEATURES) {
    test(`${feature.name} says what it needs, gives, costs, and what gets it`, () => {
      for (const field of ["needs", "gives", "without", "fix"] as const) {
        assert(feature[field].length > 3, field);
        assert(!feature[field].endsWith("."), `${field} ends in a full stop`);
      }
      if (feature.since !== undefined) assertMatch(feature.since, /^\d+\.\d+$/);
    });
  }

  test("what is required is in Linux 5.15, the oldest that is supported", () => {
    const required = FEATURES.filter((feature) => feature.required);
    assert(required.length > 5);
    for (const { name, since } of required) {
      const [major = 0, minor = 0] = (since ?? "0.0").split(".").map(Number);
      assert(major < 5 || (major === 5 && minor <= 15), `${name} is of Linux ${since}`);
    }
  });

  test("the groups are in one piece each", () => {
    const order = FEATURES.map(({ group }) => group)
      .filter((group, index, all) => group !== all[index - 1]);
    assertEquals(order.length, new Set(order).size);
  });

  test("each is asked and answers; a no comes with its fix", { skip }, () => {
    const probed = probeFeatures(HOST);
    assertEquals(probed.map(({ name }) => name), FEATURES.map(({ name }) => name));
    for (const { name, state, fix, detail } of probed) {
      assert(["yes", "no", "unknown"].includes(state), name);
      assert(fix !== "", name);
      if (state === "unknown") assert(detail !== undefined && detail !== "", name);
    }
    assert(!("probe" in (probed[0] ?? {})), "functions don't go into JSON");
  });
});

describe("runProbe()", { skip }, () => {
  test("a child makes the calls and its output comes back", () => {
    const output = { cell: "out", size: 8 };
    const end = runProbe({ flags: 0n, calls: [{ call: getpid(), into: "pid" }], output }, HOST);
    assertEquals(end.kind, "done");
    assertEquals(end.kind === "done" && end.output.length, 8);
  });

  test("the call that failed is named with its errno", () => {
    const call = openat({ pathname: "/no/such/file", flags: O_RDONLY | O_CLOEXEC });
    const end = runProbe({ flags: 0n, calls: [{ call: getpid() }, { call }] }, HOST);
    assertEquals(end, { kind: "failed", call, errno: ENOENT, early: false });
    assertEquals(answerOf(end), {
      state: "no",
      detail: 'openat(AT_FDCWD, "/no/such/file", O_RDONLY|O_CLOEXEC) = ENOENT',
    });
  });

  test("a child that can't be made could not be asked", () => {
    // A thread needs more flags than that: the kernel refuses the clone.
    const CLONE_THREAD = 0x10000n;
    const end = runProbe({ flags: CLONE_THREAD, calls: [] }, HOST);
    assertEquals(end.kind === "failed" && [end.errno, end.early], [EINVAL, true]);
    assertEquals(answerOf(end).state, "unknown");
  });

  test("the child is root of its user namespace, and the host name stays", {
    skip: missing(linux(), userns()),
  }, () => {
    const before = readText("/proc/sys/kernel/hostname");
    const flags = CLONE_NEWUSER | CLONE_NEWUTS | CLONE_NEWNS;
    const end = runProbe({ flags, calls: [{ call: sethostname({ name: "probe" }) }] }, HOST);
    assertEquals(end.kind, "done");
    assertEquals(readText("/proc/sys/kernel/hostname"), before);
  });

  test("a group that is not there is an early failure", () => {
    const end = runProbe({ flags: 0n, group: "/no/such/group", calls: [] }, HOST);
    assertEquals(end.kind === "failed" && [end.call.name, end.errno, end.early], [
      "openat",
      ENOENT,
      true,
    ]);
  });
});

describe("answers of calls", () => {
  const call = mkdirat({ pathname: "/x", mode: 0o700 });

  test("ENOSYS: the kernel has no such call", () => {
    assertEquals(refused(call, ENOSYS), { state: "no", detail: "the kernel has no mkdirat" });
  });

  test("other errors are shown as strace does", () => {
    assertEquals(refused(call, EACCES).detail, 'mkdirat(AT_FDCWD, "/x", 0700) = EACCES');
  });

  test("EPERM of a call that needs no right is a filter's", () => {
    assertMatch(hidden(call, EPERM).detail ?? "", /a seccomp filter forbids it$/);
    assertEquals(hidden(call, ENOSYS), refused(call, ENOSYS));
  });

  test("what opens is closed again", { skip }, () => {
    const open = openat({ pathname: "/", flags: O_PATH | O_CLOEXEC });
    for (let i = 0; i < 5000; i++) assertEquals(tryOpen(open), { state: "yes" });
  });

  test("a device that is missing, one that is closed, one that opens", { skip }, () => {
    const texts = { absent: "make it", denied: "open it" };
    const flags = O_RDONLY;
    assertEquals(tryDevice("/dev/null", { flags, ...texts }).state, "yes");
    const absent = tryDevice("/dev/no-such-device", { flags, ...texts });
    assertEquals([absent.state, absent.fix], ["no", "make it"]);
  });

  test("a sysctl that there is not, and a text that there is not, are undefined", { skip }, () => {
    assertEquals(sysctl("kernel.no_such_switch"), undefined);
    assertEquals(readText("/proc/no/such"), undefined);
    assertEquals(sysctl("kernel.ostype"), "Linux");
  });
});

describe("rangesOf()", () => {
  const text = "alice:100000:65536\n1001:300000:1000\nalice:500000:10\n# comment\nbob:x:y\n";
  const rows: readonly (readonly [string | undefined, number, number])[] = [
    ["alice", 1000, 65546],
    ["carol", 1001, 1000],
    [undefined, 1001, 1000],
    ["bob", 1002, 0],
    ["dave", 1003, 0],
    [undefined, 1004, 0],
  ];
  for (const [name, id, want] of rows) {
    test(`${name} ${id}: ${want}`, () => {
      const ranges = rangesOf({ name, id }, text);
      assertEquals(ranges.reduce((sum, { count }) => sum + count, 0), want);
    });
  }
});

describe("readGeneration()", () => {
  const message = (type: number, errno = 0): Uint8Array => {
    const bytes = new Uint8Array(36);
    const view = new DataView(bytes.buffer);
    view.setUint32(0, bytes.length, true);
    view.setUint16(4, type, true);
    view.setInt32(16, -errno, true);
    return bytes;
  };

  test("NFT_MSG_NEWGEN is a yes", () => {
    assertEquals(readGeneration(message(10 << 8 | 15)), { state: "yes" });
  });

  test("an error is a no, EINVAL because there is no nf_tables", () => {
    assertEquals(readGeneration(message(2, EINVAL)).detail, "the kernel has no nf_tables");
    assertEquals(readGeneration(message(2, EPERM)), {
      state: "no",
      detail: "NFT_MSG_GETGEN = EPERM",
    });
  });

  test("anything else could not be understood", () => {
    assertEquals(readGeneration(message(3)).state, "unknown");
    assertEquals(readGeneration(new Uint8Array(8)).state, "unknown");
  });
});

describe("ownGroup()", { skip }, () => {
  test("it is below the mount, and holds this process", () => {
    const { v2 } = HOST.cgroups;
    if (v2 === undefined) return;
    const own = ownGroup(v2);
    assert(own === v2.mount || own?.startsWith(`${v2.mount}/`) === true, own);
    const members = readText(`${own}/cgroup.procs`);
    assert(typeof members === "string" && members.split("\n").includes(`${process.pid}`));
  });
});

describe("observeDelegated()", { skip }, () => {
  test("without cgroup v2 there is none, and it is said", () => {
    const found = observeDelegated(undefined);
    assert("why" in found && found.why.includes("only cgroup v2"));
  });
});
