/**
 * Every call of a start fails once, with each of three errors, on the encoded program: the report names that very record, and
 * what was made is taken back: all of it, and nothing else.
 */
import { assert, assertEquals } from "@std/assert";
import { describe, test } from "node:test";
import { EINTR, ENOMEM, EPERM } from "../../../../ffi/abi/errno.ts";
import type { SyscallRecord } from "../../../../ffi/stage/language.ts";
import { HOST_HYBRID, HOST_MIXED, HOST_NO_CGROUPS, HOST_USER, HOST_V2 } from "../support/hosts.ts";
import { createWorld, type Made } from "../support/kernel.ts";
import {
  instructionOf,
  kernelOf,
  play,
  type Scene,
  sceneOf,
  stateOf,
} from "../support/simulated.ts";

const LIMITED = { limits: { memory: "64MiB", pids: 16, cpu: 1.5 } };
const COMMANDS = ["/bin/a", "/bin/b"].map((path) => ({ exec: [path], timeout: "5s" }));

const RANGE = { uids: [], gids: [], range: 300000 };

const SCENES: Readonly<Record<string, () => Scene>> = {
  "limits on v2": () => sceneOf(LIMITED, { host: HOST_V2 }),
  "limits on v1": () => sceneOf(LIMITED, { host: HOST_HYBRID }),
  "limits on both, two commands with an init": () =>
    sceneOf({ ...LIMITED, commands: COMMANDS }, { host: HOST_MIXED }),
  "an ordinary user": () => sceneOf({ userns: "auto" }, { host: HOST_USER, announce: true }),
  "an ordinary user, two commands": () =>
    sceneOf({ userns: "auto", commands: COMMANDS }, { host: HOST_USER, announce: true }),
  "ids of the container's own": () =>
    sceneOf({ userns: "auto", init: true }, { host: HOST_V2, answers: { ids: RANGE } }),
  "layers over the host's root, an upper on disk, a user, a timeout": () =>
    sceneOf({
      rootfs: {
        layers: [{ host: "/" }, { dir: "/data" }, { dir: "/b", at: "/b" }],
        writable: "disk",
      },
      user: "1000:1000",
      workdir: "/work",
      commands: [{ exec: ["tool"], timeout: "3s" }],
    }, { host: HOST_NO_CGROUPS }),
  "read-only layers and the host's network": () =>
    sceneOf({
      rootfs: { layers: [{ dir: "/a" }, { dir: "/b" }], writable: false },
      network: "host",
    }, { host: HOST_NO_CGROUPS }),
};

/** Calls that are made again, or that end the wait for one thing and begin it anew: the run goes on as if nothing were. */
function isRetried({ name }: Made, { errno, record }: { errno: number; record: SyscallRecord }) {
  if (record.onError === "continue") return true;
  if (name === "unlinkat") return errno === EINTR;
  if (record.onError.startsWith("poll failed")) return errno !== EPERM;
  return name === "rt_sigtimedwait" || (name === "waitid" && record.onError.startsWith("wait"));
}

const isUndo = ({ made }: { made: readonly Made[] }, index: number): boolean => {
  const waited = made.findLastIndex(({ side, name }) => side === "stage" && name === "waitid");
  return index > waited;
};

/** A group that cannot be removed is left, with the directory above it and what is on there: nothing of another hierarchy. */
function assertLeft(path: string, states: { before: string; after: string }, where: string): void {
  const known = new Set(states.before.split("\n"));
  const left = states.after.split("\n").filter((line) => !known.has(line));
  const [hierarchy = "?"] = path.split("/containerv/");
  assert(left.includes(path) && left.every((line) => line.startsWith(hierarchy)), where);
}

/**
 * Operations of the container that are the same in several scenes are failed in the first one: what follows in the container
 * does not depend on the rest of the plan. The stage's own are failed in each.
 */
const tried = new Set<string>();

function isNew(scene: Scene, { side, record }: Made): boolean {
  const instruction = instructionOf(scene, record);
  if (side === "stage" || instruction.kind !== "syscall") return true;
  const { id: _, ...op } = scene.plan.ops[instruction.step] ?? { id: "" };
  const first = scene.encoded.records.findIndex((one) =>
    one.kind === "syscall" && one.step === instruction.step
  );
  const key = JSON.stringify([side, op, record - first, instruction.call.text]);
  if (tried.has(key)) return false;
  tried.add(key);
  return true;
}

interface Case {
  readonly scene: Scene;
  readonly victim: Made;
  readonly index: number;
  readonly before: string;
  readonly clean: { readonly made: readonly Made[] };
}

function checkFault({ scene, victim, index, before, clean }: Case, errno: number): void {
  const record = instructionOf(scene, victim.record);
  assert(record.kind === "syscall");
  const world = play(scene, {
    intercept: (made, count) =>
      made.record === victim.record && count === 0 ? -BigInt(errno) : undefined,
  });
  const where = `${victim.side} record ${victim.record} ${victim.name} ${victim.path} = -${errno}`;
  const kinds = world.reports.map(({ kind }) => kind);
  // Without its plan the stage has nothing to take back.
  assertEquals(world.stop, { stop: "exit", status: victim.name === "mmap" ? 125 : 0 }, where);
  assert(world.container()?.reaped !== false, `${where}: the container was not waited for`);
  const after = stateOf(world);
  if (isRetried(victim, { errno, record })) {
    assertEquals(kinds.filter((kind) => kind === "failed"), [], where);
    if (victim.path === "" || victim.name === "close") assertEquals(after, before, where);
    return;
  }
  const failed = world.reports.filter(({ kind }) => kind === "failed");
  assertEquals(failed.map(({ a, b }) => [a, b]), [[victim.record, errno]], where);
  assertEquals(kinds.at(-1), "undone", where);
  if (scene.plan.ops[record.step]?.kind === "cgroup.counters") {
    return assertEquals(after, before, where);
  }
  if (isUndo(clean, index)) return assertLeft(victim.path, { before, after }, where);
  assertEquals(after, before, where);
  if (victim.side !== "stage") assertEquals(world.container()?.stop.status, 125, where);
  const cloned = world.container() !== undefined;
  assertEquals(kinds.includes("exited"), cloned && victim.side !== "stage", where);
}

for (const [name, make] of Object.entries(SCENES)) {
  describe(name, () => {
    const scene = make();
    const before = stateOf(createWorld(kernelOf(scene)));
    const clean = play(scene);
    const seen = new Set<number>();
    const victims = clean.made.map((victim, index) => ({ victim, index })).filter(({ victim }) => {
      if (seen.has(victim.record) || victim.name === "exit_group") return false;
      seen.add(victim.record);
      return isNew(scene, victim);
    });

    test("without a fault it leaves what it found", () => {
      const kinds = clean.reports.map(({ kind }) => kind).filter((kind) => kind !== "counters");
      assertEquals(kinds.slice(-2), ["exited", "undone"]);
      assertEquals(stateOf(clean), before);
      assert(victims.length > 10 && seen.size > 200, `${victims.length} of ${seen.size} calls`);
    });

    for (const errno of [ENOMEM, EPERM, EINTR]) {
      test(`each of its calls fails with ${errno}`, () => {
        for (const one of victims) checkFault({ scene, clean, before, ...one }, errno);
      });
    }
  });
}
