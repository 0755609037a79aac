/** Takes back what there is of a container that does not run: its processes, should a start have been cut off, and what was made for it. */
import { ENODEV } from "../../ffi/abi/errno.ts";
import { SIGKILL } from "../../ffi/abi/signal.ts";
import { ppoll } from "../../ffi/calls/poll.ts";
import { kill } from "../../ffi/calls/process.ts";
import { readFile } from "../../ffi/linux/file.ts";
import { waitForFd } from "../../ffi/linux/poll.ts";
import { callSync, SyscallError } from "../../ffi/linux/run.ts";
import { undoInRunner } from "../apply/undo.ts";
import type { ErrorFacts } from "../plan/error.ts";
import { identify, openProcess } from "../state/identity.ts";
import { type ContainerRecord, groupsOf } from "../state/record.ts";
import { releaseHeld } from "./collect.ts";
import type { ContainerView, ProjectView } from "./containers.ts";
import { signalProcess } from "./stop.ts";
import { holdersOf, unrecordedOf } from "./unrecorded.ts";

/** What was made outside of the container. Gives what could not be taken back. */
export function undoMade({ made }: Pick<ContainerRecord, "made">): readonly ErrorFacts[] {
  return undoInRunner({ ops: made });
}

/** How long what is killed may take to be gone. */
const KILL_MS = 5000;

/**
 * Kills whatever is left in the groups of a container: what a start that was itself killed may have left running, with no record of
 * its pid. They are the container's own, so nobody else is in them.
 */
export function killMembers({ made }: Pick<ContainerRecord, "made">): void {
  const groups = groupsOf({ made });
  for (const deadline = performance.now() + KILL_MS; performance.now() < deadline;) {
    const pids = new Set(groups.flatMap(membersOf));
    if (pids.size === 0) return;
    for (const pid of pids) callSync(kill({ pid, sig: SIGKILL }));
    callSync(ppoll({ timeout: { sec: 0, nsec: 1_000_000 } }));
  }
}

/** The text of its processes; `undefined`: the group is not there, or was removed as it was read. */
export function procsOf(group: string): string | undefined {
  try {
    return readFile(`${group}/cgroup.procs`);
  } catch (error) {
    if (error instanceof SyscallError && error.errno === ENODEV) return undefined;
    throw error;
  }
}

function membersOf(group: string): readonly number[] {
  const text = procsOf(group) ?? "";
  // 0 is a process of another pid namespace than ours; it can't be named, and 0 would mean our own group.
  return text.split("\n").filter((line) => line !== "").map(Number).filter((pid) => pid > 1);
}

/**
 * Kills what a start of the container has left that was not finished: its first process, if that is recorded, and whoever has its
 * pipes. The caller holds the project's lock, and does not start it itself.
 */
export function killLeft({ places, record }: Pick<ContainerView, "places" | "record">): void {
  for (const one of [record?.process, ...holdersOf(places).map(identify)]) {
    using pidfd = one === undefined ? undefined : openProcess(one);
    if (pidfd === undefined) continue;
    signalProcess(pidfd.number, SIGKILL);
    waitForFd({ fd: pidfd.number, timeoutMs: KILL_MS });
  }
}

/** Kills processes of a project that no record names, while nothing of it is started. Gives their pids; with `dryRun` only that. */
export function killUnrecorded(
  view: ProjectView,
  { dryRun = false }: { readonly dryRun?: boolean } = {},
): readonly number[] {
  const pids = unrecordedOf(view);
  for (const pid of dryRun ? [] : pids) callSync(kill({ pid, sig: SIGKILL }));
  return pids;
}

/** Nothing of a container that does not run is left but its records. Gives what could not be taken back. */
export function takeBack(view: ContainerView): readonly ErrorFacts[] {
  const { record, state } = view;
  // Of another boot nothing is left.
  if (record === undefined || state === "stale") return [];
  if (state === "starting") killLeft(view);
  killMembers(record);
  const left = undoMade(record);
  if (left.length === 0) releaseHeld(view.project, record);
  return left;
}
