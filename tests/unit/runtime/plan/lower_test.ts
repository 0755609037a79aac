/** Plans as programs: the encoded image runs on the simulator against a kernel that remembers what is there. */
import { assert, assertEquals, assertNotEquals } from "@std/assert";
import { describe, test } from "node:test";
import { EACCES, EBUSY, EEXIST, ENOENT, ENOMEM, ENOTDIR } from "../../../../ffi/abi/errno.ts";
import { writeMemory } from "../../../../ffi/stage/simulate.ts";
import { callsOf, lowerPlan, lowerUndoOf, undoOps } from "../../../../runtime/plan/lower.ts";
import { ANNOUNCE_FD, CONTROL_FD } from "../../../../runtime/plan/report.ts";
import { HOST_HYBRID, HOST_MIXED, HOST_NO_CGROUPS, HOST_USER, HOST_V2 } from "../support/hosts.ts";
import { createWorld } from "../support/kernel.ts";
import {
  instructionOf,
  kernelOf,
  play,
  prepareScene,
  sceneOf,
  showMade,
  stateOf,
} from "../support/simulated.ts";
import { planOf } from "../support/wanted.ts";

const LIMITED = { limits: { memory: "64MiB", pids: 16, cpu: 1.5 } };

/** What groups counted is beside the point here. */
const kinds = (reports: readonly { kind: string }[]): readonly string[] =>
  reports.map(({ kind }) => kind).filter((kind) => kind !== "counters");

describe("lowerPlan()", () => {
  test("makes every call of every operation once, in the order of the plan", () => {
    const { plan } = sceneOf({}, { host: HOST_NO_CGROUPS });
    const calls = lowerPlan(plan).instructions
      .flatMap((one) => one.kind === "syscall" ? [{ step: one.step, name: one.call.name }] : []);
    plan.ops.forEach((op, index) => {
      const own = calls.filter(({ step }) => step === index).map(({ name }) => name);
      const planned = callsOf(op).map(({ name }) => name);
      // Step 0 and the container's operations that undo `clone` share their number with what follows the plan.
      if (index > 0 && op.kind !== "clone") assertEquals(own, planned, op.id);
      else assert(planned.every((name) => own.includes(name)), op.id);
    });
  });

  test("a run without limits: stage, container, command, in this order", () => {
    const scene = sceneOf({ rootfs: { path: "/srv/root" } }, { host: HOST_NO_CGROUPS });
    const { made, reports, stop } = play(scene);
    assertEquals(stop, { stop: "exit", status: 0 });
    assertEquals(kinds(reports), ["exited", "undone"]);
    const shown = showMade(made).filter((line) => !/ (close|mount_setattr|statx)\b/.test(line));
    assertEquals(shown.filter((line) => line.startsWith("stage")), [
      "stage mmap",
      "stage close_range",
      "stage close_range",
      "stage setsid",
      "stage rt_sigprocmask",
      "stage umask",
      "stage openat /dev/null",
      "stage getpid",
      "stage pidfd_open",
      "stage clone3",
      "stage ppoll",
      "stage waitid",
      "stage write",
      "stage write",
      "stage exit_group",
    ]);
    const container = shown.filter((line) => line.startsWith("container"));
    const places = [
      "prctl",
      "sethostname",
      "ioctl",
      "mount /",
      "open_tree /srv/root",
      "fsopen proc",
      "fsopen sysfs",
      "fsopen devpts",
      "pivot_root",
      "setsid",
      "capset",
      "execve /bin/true",
    ].map((text) => container.findIndex((line) => line.startsWith(`container ${text}`)));
    assert(places.every((place) => place >= 0), `${places}\n${container.join("\n")}`);
    assertEquals(places, [...places].sort((a, b) => a - b));
    assertEquals(container.at(-1), "container execve /bin/true");
  });

  test("limits on v2: group, knobs, entry by clone3; afterwards everything is as before", () => {
    const scene = sceneOf(LIMITED);
    const before = stateOf(createWorld(kernelOf(scene)));
    const world = play(scene);
    const group = "/sys/fs/cgroup/containerv/box";
    assertEquals(Object.fromEntries(world.knobs), {
      [`${group}/memory.max`]: "67108864",
      [`${group}/pids.max`]: "16",
      [`${group}/cpu.max`]: "150000 100000",
    });
    assertEquals(world.container()?.groups, [group]);
    assertEquals(stateOf(world), before);
    assertEquals(
      showMade(world.made).filter((line) => /mkdirat|unlinkat/.test(line) && /^stage/.test(line)),
      [
        "stage mkdirat /sys/fs/cgroup/containerv",
        `stage mkdirat ${group}`,
        `stage unlinkat ${group}`,
        "stage unlinkat /sys/fs/cgroup/containerv",
      ],
    );
  });

  test("limits on v1 and on both: the child joins v1 itself, before its cgroup namespace", () => {
    for (
      const [host, groups] of [
        [HOST_HYBRID, ["memory", "pids", "cpu,cpuacct"].map((name) => `/sys/fs/cgroup/${name}`)],
        [HOST_MIXED, ["/sys/fs/cgroup/unified", "/sys/fs/cgroup/memory"]],
      ] as const
    ) {
      const scene = sceneOf(LIMITED, { host });
      const before = stateOf(createWorld(kernelOf(scene)));
      const world = play(scene);
      assertEquals(
        [...world.container()?.groups ?? []].sort(),
        groups.map((path) => `${path}/containerv/box`).sort(),
      );
      const own = world.made.filter(({ side }) => side === "container");
      const last = own.findLastIndex(({ name, path }) =>
        name === "write" && path.endsWith("tasks")
      );
      assert(last >= 0 && last < own.findIndex(({ name }) => name === "unshare"));
      assertEquals(stateOf(world), before);
    }
  });

  test("a shared directory that another run removes between two of our mkdirs is made again", () => {
    const scene = sceneOf(LIMITED, { host: HOST_HYBRID });
    let raced = 0;
    const world = play(scene, {
      // As if the other run had removed the directory: once for each hierarchy.
      intercept: ({ name, path }, count) =>
        name === "mkdirat" && path.endsWith("/box") && count === 0
          ? (raced++, -BigInt(ENOENT))
          : undefined,
    });
    assertEquals(raced, 3);
    assertEquals(kinds(world.reports), ["exited", "undone"]);
  });

  test("and so is one that a project's directory was to be made in", () => {
    const answers = { instance: "shop-3f2a91c04d7e/box" };
    const scene = sceneOf(LIMITED, { host: HOST_HYBRID, answers });
    let raced = 0;
    const world = play(scene, {
      intercept: ({ name, path }, count) =>
        name === "mkdirat" && path.endsWith("/shop-3f2a91c04d7e") && count === 0
          ? (raced++, -BigInt(ENOENT))
          : undefined,
    });
    assertEquals(raced, 3);
    assertEquals(kinds(world.reports), ["exited", "undone"]);
    const gone = play(scene, { directories: [], enabled: {} });
    assertEquals([kinds(gone.reports), gone.reports[0]?.b], [["failed", "undone"], ENOENT]);
  });

  test("a hierarchy that is gone ends the start; nobody tries for ever", () => {
    for (const host of [HOST_V2, HOST_HYBRID, HOST_MIXED]) {
      const world = play(sceneOf(LIMITED, { host }), { directories: [], enabled: {} });
      assertEquals(kinds(world.reports), ["failed", "undone"]);
      assertEquals(world.reports[0]?.b, ENOENT);
    }
  });

  test("shared directories that are there, or still used, stay", () => {
    const scene = sceneOf(LIMITED);
    const base = kernelOf(scene);
    const parent = "/sys/fs/cgroup/containerv";
    const world = play(scene, {
      ...base,
      directories: [...base.directories ?? [], parent, `${parent}/other`],
      enabled: { ...base.enabled, [parent]: ["memory", "pids", "cpu"] },
    });
    assertEquals(kinds(world.reports), ["exited", "undone"]);
    assert(world.directories.has(`${parent}/other`) && !world.directories.has(`${parent}/box`));
    assertEquals(world.enabled.get("/sys/fs/cgroup")?.has("memory"), true);
  });

  test("a group of that name: EEXIST is reported and the other's group is not touched", () => {
    const scene = sceneOf(LIMITED);
    const base = kernelOf(scene);
    const parent = "/sys/fs/cgroup/containerv";
    const world = play(scene, {
      ...base,
      directories: [...base.directories ?? [], parent, `${parent}/box`],
    });
    assertEquals(kinds(world.reports), ["failed", "undone"]);
    assertEquals(world.reports[0]?.b, EEXIST);
    assert(world.directories.has(`${parent}/box`));
    assert(!showMade(world.made).some((line) => line === `stage unlinkat ${parent}/box`));
  });

  test("a busy group is tried again, for two seconds at most", () => {
    const busy = (times: number) => {
      const scene = sceneOf(LIMITED);
      let tried = 0;
      const world = play(scene, {
        intercept: ({ name, path }) =>
          name === "unlinkat" && path.endsWith("/box") && tried++ < times
            ? -BigInt(EBUSY)
            : undefined,
      });
      return { world, tried };
    };
    const some = busy(7);
    assertEquals([some.tried, kinds(some.world.reports)], [8, ["exited", "undone"]]);
    const endless = busy(Infinity);
    assertEquals([endless.tried, kinds(endless.world.reports)], [2001, [
      "exited",
      "failed",
      "undone",
    ]]);
    assertEquals(endless.world.reports.find(({ kind }) => kind === "failed")?.b, EBUSY);
  });

  test("a limit that the kernel does not hold is an error at that step", () => {
    for (const host of [HOST_V2, HOST_HYBRID]) {
      const scene = sceneOf(LIMITED, { host });
      const before = stateOf(createWorld(kernelOf(scene)));
      for (const value of ["6710886", "671088641", "67108865", "", "max", "7".repeat(63)]) {
        const world = play(scene, {
          rounds: (path, text) => /memory/.test(path) ? value : text,
        });
        const [report] = world.reports;
        assertEquals(kinds(world.reports), ["failed", "undone"], value);
        const record = instructionOf(scene, report?.a ?? -1);
        assert(record.kind === "syscall");
        assertEquals(scene.plan.ops[record.step]?.id.startsWith("limits/memory/"), true);
        assertEquals(stateOf(world), before);
      }
    }
  });
});

describe("commands", () => {
  const steps = { commands: [["/bin/a"], ["/bin/b"], ["/bin/c"]] };

  test("run in order while each exits 0; the container's status is the last one's", () => {
    const world = play(sceneOf(steps), { statuses: [0, 0, 7] });
    assertEquals(kinds(world.reports), ["step", "exited", "undone"]);
    assertEquals([world.reports[0]?.a, world.reports[0]?.exit?.status], [2, 7]);
    assertEquals(world.reports[1]?.exit?.status, 7);
    const executed = showMade(world.made).filter((line) => line.includes("execve"));
    assertEquals(executed, ["/bin/a", "/bin/b", "/bin/c"].map((path) => `command execve ${path}`));
  });

  test("stop at the first one that fails", () => {
    const world = play(sceneOf(steps), { statuses: [0, 3] });
    assertEquals([world.reports[0]?.a, world.reports[0]?.exit?.status], [1, 3]);
    const executed = showMade(world.made).filter((line) => line.includes("execve"));
    assertEquals(executed.length, 2);
  });

  test("each prepares itself: session, rights, place, ids, execve", () => {
    const world = play(sceneOf({ commands: [["/bin/a"], ["/bin/b"]] }));
    const command = world.made.filter(({ side }) => side === "command").map(({ name }) => name);
    const one = command.slice(0, command.length / 2);
    assertEquals(command, [...one, ...one]);
    const order = ["setsid", "prctl", "openat2", "setresgid", "setresuid", "capset", "execve"]
      .map((name) => one.indexOf(name));
    assertEquals(order, order.toSorted((a, b) => a - b));
    assert(order.every((place) => place >= 0), `${order}`);
  });

  const candidates = (errnos: Readonly<Record<string, number>>) => {
    const scene = sceneOf({ commands: [["tool"]], environment: { PATH: "/a:/b:/c" } });
    const world = play(scene, {
      intercept: ({ name, path }) => {
        const errno = name === "execve" ? errnos[path] : undefined;
        return errno === undefined ? undefined : -BigInt(errno);
      },
    });
    const record = instructionOf(scene, world.reports[0]?.a ?? -1);
    return {
      tried: world.made.filter(({ name }) => name === "execve").map(({ path }) => path),
      kinds: kinds(world.reports),
      errno: world.reports[0]?.b,
      named: record.kind === "syscall" ? record.call.text[0] : undefined,
    };
  };

  test("PATH: the next entry after ENOENT and ENOTDIR", () => {
    const found = candidates({ "/a/tool": ENOENT, "/b/tool": ENOTDIR });
    assertEquals(found.tried, ["/a/tool", "/b/tool", "/c/tool"]);
    assertEquals(found.kinds, ["exited", "undone"]);
  });

  test("PATH: nothing found says ENOENT", () => {
    const found = candidates({ "/a/tool": ENOENT, "/b/tool": ENOENT, "/c/tool": ENOENT });
    assertEquals([found.kinds, found.errno], [["failed", "exited", "undone"], ENOENT]);
  });

  test("PATH: EACCES goes on, and is the answer when nothing better comes", () => {
    const denied = candidates({ "/a/tool": ENOENT, "/b/tool": EACCES, "/c/tool": ENOENT });
    assertEquals([denied.errno, denied.named], [EACCES, '"/b/tool"']);
    assertEquals(denied.kinds, ["failed", "exited", "undone"]);
    const good = candidates({ "/a/tool": EACCES, "/b/tool": ENOENT });
    assertEquals(good.tried.at(-1), "/c/tool");
    assertEquals(good.kinds, ["exited", "undone"]);
  });

  test("PATH: any other error ends the search", () => {
    const found = candidates({ "/a/tool": 8 });
    assertEquals([found.tried, found.errno], [["/a/tool"], 8]);
  });
});

describe("the program", () => {
  test("is the same for the same plan, and encodes for both processors", () => {
    const plan = planOf(LIMITED, { host: HOST_HYBRID });
    const x86 = prepareScene(plan, HOST_HYBRID);
    assertEquals(prepareScene(plan, HOST_HYBRID).encoded.image, x86.encoded.image);
    const arm = prepareScene(plan, HOST_HYBRID, "aarch64");
    assertNotEquals(arm.encoded.image, x86.encoded.image);
    const calls = (scene: typeof arm) =>
      play(scene).made.map(({ side, name, path }) => `${side} ${name} ${path}`);
    assertEquals(calls(arm), calls(x86));
  });

  test("an ordinary user's plan maps ids first and changes nothing on the host's side", () => {
    const world = play(sceneOf({}, { host: HOST_USER }));
    assertEquals(kinds(world.reports), ["exited", "undone"]);
    const own = showMade(world.made).filter((line) => line.startsWith("container"));
    assertEquals(own.slice(0, 3).map((line) => line.split(" ")[1]), ["openat", "write", "close"]);
    assertEquals([...world.knobs], [
      ["/proc/self/setgroups", "deny"],
      ["/proc/self/uid_map", "0 1000 1"],
      ["/proc/self/gid_map", "0 1001 1"],
    ]);
    const acts = showMade(world.made).filter((line) => /^stage (mkdirat|openat|mount)/.test(line));
    assertEquals(acts, ["stage openat /dev/null"]);
  });

  test("who waits for execve: the stage and PID 1 give their copies of the pipe away", () => {
    const closed = (announce: boolean, spec: object) =>
      play(sceneOf({ ...spec }, { announce })).made
        .filter(({ name, words }) => name === "close" && words[0] === BigInt(ANNOUNCE_FD)).map((
          { side },
        ) => side);
    assertEquals(closed(true, {}), ["stage"]);
    assertEquals(closed(true, { init: true }).sort(), ["container", "stage"]);
    assertEquals(closed(false, {}), []);
  });

  test("the container closes the stage's socket before anything of its own can run", () => {
    const { made } = play(sceneOf({ init: true }));
    const inside = made.filter(({ side }) => side !== "stage");
    const at = inside.findIndex(({ name, words }) =>
      name === "close" && words[0] === BigInt(CONTROL_FD)
    );
    assert(at >= 0 && at < inside.findIndex(({ name }) => name === "clone3"), `${at}`);
    // Its reports go another way.
    const used = inside.filter(({ name, words }) =>
      ["write", "read"].includes(name) && words[0] === BigInt(CONTROL_FD)
    );
    assertEquals(used, []);
  });

  test("a poll that failed is made again: what an earlier one said is not read twice", () => {
    const scene = sceneOf();
    const revents = 8n + 6n;
    const world = play(scene, {
      intercept: ({ side, name, words }, count, machine) => {
        if (side !== "stage" || name !== "ppoll" || count > 1) return undefined;
        if (count === 1) return -BigInt(ENOMEM);
        writeMemory(machine.memory, (words[0] ?? 0n) + revents, Uint8Array.of(1, 0));
        return 1n;
      },
    });
    const reads = world.made.filter(({ side, name, words }) =>
      side === "stage" && name === "read" && words[0] === BigInt(CONTROL_FD)
    );
    assertEquals(reads.length, 1);
  });
});

describe("undo", () => {
  test("of a plan: last first, each a program of its own, `end` left out", () => {
    const plan = planOf(LIMITED, { host: HOST_HYBRID });
    const undo = lowerUndoOf(plan).map(({ op }) => op.id);
    assertEquals(undo, [
      "limits/make/sys/fs/cgroup/cpu,cpuacct/undo",
      "limits/make/sys/fs/cgroup/pids/undo",
      "limits/make/sys/fs/cgroup/memory/undo",
    ]);
  });

  test("only what changes the host has one", () => {
    const undoable = planOf(LIMITED).ops.filter((op) => undoOps(op).length > 0);
    assertEquals(undoable.map(({ kind }) => kind), ["cgroup.make", "clone"]);
  });
});
