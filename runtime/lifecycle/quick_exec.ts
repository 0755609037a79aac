/**
 * A command in a container that runs, without a look at what is not needed for it: the container is found by its record alone, and
 * a command that was executed in it before is not planned again. Whatever is not plain is left to lifecycle/exec.
 */
import { listDirectory } from "../../ffi/linux/directory.ts";
import { glance, glanceLinks } from "../../ffi/linux/glance.ts";
import type { Fd } from "../../ffi/linux/fd.ts";
import { identityIn } from "../observe/fingerprint.ts";
import { recallExec, rememberExec } from "../state/exec_cache.ts";
import type { ProcessIdentity } from "../state/identity.ts";
import {
  type ContainerPlaces,
  containerPlaces,
  isProjectKey,
  projectPlaces,
} from "../state/places.ts";
import { ownStateDirectory } from "../state/project.ts";
import { type ContainerRecord, isContainerRecord, RECORD_VERSION } from "../state/record.ts";
import { BUILD } from "../version.ts";
import type { Startable } from "./start.ts";
import { isAlive, passedTarget } from "./target.ts";

/** A container whose record says that it runs. */
export interface Recorded {
  readonly name: string;
  readonly id: string;
  readonly places: ContainerPlaces;
  readonly record: ContainerRecord;
  /** The record as it was read. */
  readonly text: string;
  readonly process: ProcessIdentity;
}

/** The only container of this name (or id) that there is; `undefined` when there is none or several, or it does not plainly run. */
export function findRecorded(nameOrId: string): Recorded | undefined {
  const slash = nameOrId.indexOf("/");
  const name = nameOrId.slice(slash + 1);
  if (name === "" || name.includes("/") || name.startsWith(".")) return undefined;
  const key = slash < 0 ? undefined : nameOrId.slice(0, slash);
  let found: { readonly key: string; readonly places: ContainerPlaces; readonly text: string };
  let count = 0;
  const state = ownStateDirectory();
  for (const entry of listDirectory(state)) {
    if (!entry.isDirectory || key !== undefined && entry.name !== key) continue;
    const text = glance(`${state}/${entry.name}/containers/${name}/record.json`);
    if (text === undefined || !isProjectKey(entry.name)) continue;
    count++;
    const places = containerPlaces(projectPlaces(state, entry.name), name);
    found = { key: entry.name, places, text };
  }
  return count === 1 ? recordedOf(name, found!) : undefined;
}

function recordedOf(
  name: string,
  { key, places, text }: {
    readonly key: string;
    readonly places: ContainerPlaces;
    readonly text: string;
  },
): Recorded | undefined {
  let record: Partial<ContainerRecord>;
  try {
    record = JSON.parse(text) as Partial<ContainerRecord>;
  } catch {
    return undefined;
  }
  if (record.version !== RECORD_VERSION || !isContainerRecord(record)) return undefined;
  const { process, phase, ended, boot, paused } = record as ContainerRecord;
  if (paused !== undefined) return undefined;
  if (process === undefined || phase !== "started" || ended !== undefined) return undefined;
  if (glance("/proc/sys/kernel/random/boot_id")?.trim() !== boot) return undefined;
  const id = `${key}/${name}`;
  return { name, id, places, record: record as ContainerRecord, text, process };
}

export interface QuickStartable extends Startable {
  /** What `keyOf` gave, where the same command can be started again by the same image. */
  readonly key?: string;
}

export interface QuickOptions {
  /** Of the container's first process; open until the command has ended. */
  readonly pidfd: Fd;
  /** Which program remembers; without a name nothing is. Default: this one. */
  readonly build?: string;
}

/** What `argv` needs to be started in it. Throws as `startExec`. */
export async function quickStartable(
  container: Recorded,
  argv: readonly string[],
  { pidfd, build = BUILD }: QuickOptions,
): Promise<QuickStartable> {
  const plan = (): ReturnType<typeof plannedAnew> => plannedAnew(container, argv, pidfd);
  const key = build === undefined ? undefined : keyOf(container, build);
  if (key === undefined) return plan();
  const command = JSON.stringify(argv);
  const whole = `${key}\0${command}`;
  const known = recallExec(container.places.directory, command, whole);
  if (known === undefined || !isAlive(pidfd)) {
    const planned = await plan();
    // A name of a user or a group is looked up in the container's own files, which may change.
    if (planned.lasts) {
      const { image, summary } = planned;
      rememberExec(container.places.directory, command, { image, summary, key: whole });
    }
    return planned.lasts ? { ...planned, key } : planned;
  }
  return {
    ...known,
    key,
    open: () => [passedTarget(pidfd)],
    explain: async () => (await plan()).explain(),
    // It failed, and would be another plan now: that one is tried.
    rename: plan,
  };
}

async function plannedAnew(
  container: Recorded,
  argv: readonly string[],
  pidfd: Fd,
): Promise<Startable & { readonly lasts: boolean }> {
  const [{ plannedExec }, { desiredOf }, { commandOf }] = await Promise.all([
    import("./exec.ts"),
    import("./containers.ts"),
    import("./commands.ts"),
  ]);
  const desired = desiredOf(container);
  const command = await commandOf(argv, {});
  const { user } = desired;
  const target = { ...container.process, name: container.name, container: desired };
  return {
    ...plannedExec(target, command, { announce: false, pidfd }),
    lasts: typeof user.user === "number" && typeof user.group !== "string",
  };
}

export const NAMESPACES: readonly string[] = ["user", "mnt", "pid", "net", "uts", "ipc", "cgroup"];

/** All that a plan depends on besides the command; `undefined` when it can't be read. */
export function keyOf({ process, record }: Recorded, build: string): string | undefined {
  const ours = standingOf("self");
  const theirs = standingOf(`${process.pid}`);
  if (ours === undefined || theirs === undefined) return undefined;
  const { pid, startTicks } = process;
  return `${build}\0${record.digest.spec}\0${pid} ${startTicks}\0${ours}\0${theirs}`;
}

/** Who a process is, what it may do, and which groups and namespaces it is in. */
function standingOf(pid: string): string | undefined {
  const status = glance(`/proc/${pid}/status`);
  const groups = glance(`/proc/${pid}/cgroup`);
  const namespaces = glanceLinks(`/proc/${pid}/ns`, NAMESPACES);
  if (status === undefined || groups === undefined || namespaces === undefined) return undefined;
  return `${identityIn(status)}\0${groups}\0${namespaces}`;
}
