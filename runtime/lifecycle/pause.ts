/**
 * Stops every process of a container by the kernel's freezer, and lets them go on: nothing in it can see or undo that. On cgroup v2
 * its own group is frozen. Elsewhere a group is made for it: in the v2 hierarchy where that is mounted beside v1 (there SIGKILL ends
 * what is frozen), else in that of v1's freezer.
 */
import { gather, makeGroups, removeGroups, setFrozen } from "../apply/freezer.ts";
import { isFrozen } from "../observe/frozen.ts";
import { observeCgroups } from "../observe/host.ts";
import { groupsOfProcess } from "../observe/joinable.ts";
import { ContainervError } from "../plan/error.ts";
import type { MakeGroup } from "../plan/ops/cgroup.ts";
import type { ProcessIdentity } from "../state/identity.ts";
import type { Frozen } from "../state/record.ts";
import { GROUP_DIRECTORY } from "../subjects/limits/compile.ts";
import { openTarget } from "./exec.ts";

const OURS = `/${GROUP_DIRECTORY}/`;
/** A process in an uninterruptible sleep is frozen when that is over. */
const FREEZE_MS = 10_000;

interface Freezing {
  readonly frozen: Frozen;
  /** A group that has exactly the container's processes. */
  readonly members: string;
}

/** Stops every process. `keep` is told before anything is done. Throws ContainervError. */
export async function pause(
  target: ProcessIdentity & { readonly name: string },
  keep: (frozen: Frozen) => void,
): Promise<Frozen> {
  using _pidfd = openTarget(target);
  const { frozen, members } = freezingOf(target);
  keep(frozen);
  const { from, path } = frozen;
  if (from !== undefined) makeGroups(topOf(path), path);
  const whole = from === undefined || gather(members, path);
  if (whole) setFrozen(frozen, true);
  if (whole && await until(() => isFrozen([frozen]))) return frozen;
  await resume(frozen);
  throw new ContainervError({
    code: "PAUSE_FAILED",
    message: whole
      ? `the processes of ${target.name} do not stop: one waits for a device or a file system`
      : `the processes of ${target.name} can't all be stopped: they are made too fast`,
    undone: "they go on",
  });
}

/** Lets every process go on; a group that was made for it is gone then. */
export async function resume(frozen: Frozen): Promise<void> {
  setFrozen(frozen, false);
  const { from, path } = frozen;
  if (from === undefined) return;
  await until(() => !isFrozen([frozen]));
  gather(path, from);
  removeGroups(topOf(path), path);
}

function freezingOf({ pid, name }: { readonly pid: number; readonly name: string }): Freezing {
  const groups = groupsOfProcess(pid);
  const own = groups.filter(({ path }) => path.includes(OURS));
  const [first] = own;
  if (first === undefined) throw noGroup(name);
  const v2 = own.find(({ version }) => version === 2);
  if (v2 !== undefined) return { frozen: v2, members: v2.path };
  const place = first.path.slice(first.path.indexOf(OURS));
  const cgroups = observeCgroups();
  const unified = cgroups.v2?.mount;
  const mount = unified ?? cgroups.v1["freezer"];
  const from = groups.find(({ path }) => path === mount || path.startsWith(`${mount}/`))?.path;
  if (mount === undefined || from === undefined) throw noFreezer(name);
  const version = unified === undefined ? 1 : 2;
  const members = first.path;
  return { frozen: { path: `${mount}${place}`, version, from: withoutSlash(from) }, members };
}

const withoutSlash = (path: string): string => path.endsWith("/") ? path.slice(0, -1) : path;

/** The hierarchy's mount point. */
const topOf = (path: string): string => path.slice(0, path.indexOf(OURS));

/** The group that was made for it, as an operation whose undo removes it. */
export function freezerGroup({ path }: Frozen): MakeGroup {
  const top = topOf(path);
  const names = path.slice(top.length + 1).split("/").slice(0, -1);
  const parents = names.map((_, index) => ({
    path: `${top}/${names.slice(0, index + 1).join("/")}`,
    enable: [],
    disable: [],
    removable: true,
  }));
  return { kind: "cgroup.make", id: "freezer", where: "stage", origin: "", path, parents };
}

function noGroup(name: string): ContainervError {
  return new ContainervError({
    code: "NO_GROUP",
    message: `${name} can't be paused: it has no cgroup whose processes could be frozen`,
    fix:
      "give it a limit, as `limits: {pids: 4096}`; without root that needs a delegated group: systemd-run --user --scope -p Delegate=yes",
  });
}

function noFreezer(name: string): ContainervError {
  return new ContainervError({
    code: "NO_GROUP",
    message: `${name} can't be paused: this machine has neither cgroup v2 nor the freezer of v1`,
    fix: "mount one of them: mount -t cgroup2 none /sys/fs/cgroup/unified",
  });
}

async function until(holds: () => boolean): Promise<boolean> {
  for (const deadline = performance.now() + FREEZE_MS; performance.now() < deadline;) {
    if (holds()) return true;
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
  return holds();
}
