/** Takes back what was made of a container: the undo of its recorded operations, then its records. */
import { listDirectory, removeTree } from "../../ffi/linux/directory.ts";
import { ENOTEMPTY } from "../../ffi/abi/errno.ts";
import { SIGKILL } from "../../ffi/abi/signal.ts";
import { unlinkat } from "../../ffi/calls/path.ts";
import { ppoll } from "../../ffi/calls/poll.ts";
import { kill } from "../../ffi/calls/process.ts";
import { readFile } from "../../ffi/linux/file.ts";
import { callSync, SyscallError } from "../../ffi/linux/run.ts";
import { undoInRunner } from "../apply/undo.ts";
import type { ErrorFacts } from "../plan/error.ts";
import type { ProjectPlaces } from "../state/places.ts";
import { noteEvent } from "../state/events.ts";
import type { ContainerRecord } from "../state/record.ts";
import { collectEnded, releaseHeld } from "./collect.ts";
import { type ContainerView, viewOne } from "./containers.ts";
import { stopContainers } from "./stop.ts";

/** What was made outside of the container. Gives what could not be taken back. */
export function undoMade({ made }: Pick<ContainerRecord, "made">): readonly ErrorFacts[] {
  return undoInRunner({ ops: made });
}

/** Directories of the groups of a container. */
export function groupsOf({ made }: Pick<ContainerRecord, "made">): readonly string[] {
  return made.flatMap((op) => op.kind === "cgroup.make" ? [op.path] : []);
}

/** How long what is killed may take to be gone from its groups. */
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

function membersOf(group: string): readonly number[] {
  const text = readFile(`${group}/cgroup.procs`) ?? "";
  // 0 is a process of another pid namespace than ours; it can't be named, and 0 would mean our own group.
  return text.split("\n").filter((line) => line !== "").map(Number).filter((pid) => pid > 1);
}

/** Removes a container that does not run, and everything of it. What is left keeps its record, so that `gc` can try again. */
export function removeContainer(view: ContainerView): readonly ErrorFacts[] {
  // Of another boot nothing is left but the records.
  const made = view.state === "stale" ? undefined : view.record;
  if (made !== undefined) killMembers(made);
  const left = made === undefined ? [] : undoMade(made);
  if (left.length > 0) return left;
  if (made !== undefined) releaseHeld(view.project, made);
  if (view.record !== undefined) removeLogs(view.project, view.record.log);
  noteEvent(view.project, { type: "removed", container: view.name });
  // First: what is left of a directory without a record is nobody's, should we be killed in between.
  callSync(unlinkat({ pathname: view.places.record, flags: 0 }));
  removeDirectory(view.places.directory);
  return [];
}

/** Ends the container of a name, if there is one, and removes it. Gives what could not be taken back. */
export async function endAndRemove(
  project: ProjectPlaces,
  name: string,
): Promise<readonly ErrorFacts[]> {
  const view = viewOne(project, name);
  if (view === undefined) return [];
  await stopContainers([view]);
  const missed = await collectEnded([view]);
  return [...missed.map(({ facts }) => facts), ...removeContainer(view)];
}

/** How often a supervisor may write what it knows into a directory that is being emptied. */
const TRIES = 20;

function removeDirectory(path: string): void {
  for (let tries = 1;; tries++) {
    try {
      return removeTree(path);
    } catch (error) {
      const again = error instanceof SyscallError && error.errno === ENOTEMPTY && tries < TRIES;
      if (!again) throw error;
    }
  }
}

function removeLogs({ logs }: ProjectPlaces, log: string): void {
  for (const { name } of listDirectory(logs)) {
    if (name === log || name.startsWith(`${log}.`)) {
      callSync(unlinkat({ pathname: `${logs}/${name}`, flags: 0 }));
    }
  }
}
