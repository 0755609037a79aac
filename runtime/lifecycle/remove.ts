/** Takes back what was made of a container: the undo of its recorded operations, then its records. */
import { listDirectory, removeTree } from "../../ffi/linux/directory.ts";
import { ENOTEMPTY } from "../../ffi/abi/errno.ts";
import { unlinkat } from "../../ffi/calls/path.ts";
import { callSync, SyscallError } from "../../ffi/linux/run.ts";
import type { ErrorFacts } from "../plan/error.ts";
import type { ProjectPlaces } from "../state/places.ts";
import { noteEvent } from "../state/events.ts";
import { forgetSupervised } from "../state/supervised.ts";
import { collectEnded } from "./collect.ts";
import { type ContainerView, viewOne } from "./containers.ts";
import { formerOf, restore } from "./former.ts";
import { forgetLaunches } from "./launch_file.ts";
import { noState } from "./project.ts";
import { stopContainers } from "./stop.ts";
import { takeBack } from "./take_back.ts";

/** Removes a container that does not run, and everything of it. What is left keeps its record, so that `gc` can try again. */
export function removeContainer(view: ContainerView): readonly ErrorFacts[] {
  const left = takeBack(view);
  if (left.length > 0) return left;
  if (view.record !== undefined) removeLogs(view.project, view.record.log);
  noteEvent(view.project, { type: "removed", container: view.name });
  forgetLaunches();
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

/**
 * As `endAndRemove`, for one that is made anew at once: its record stays until that has its own, so that it is still there should we be
 * killed in between, or the new one not start.
 */
export async function endForAnother(
  project: ProjectPlaces,
  name: string,
): Promise<readonly ErrorFacts[]> {
  const view = viewOne(project, name);
  const former = view === undefined ? undefined : formerOf(view, name);
  if (view === undefined || former === undefined) return await endAndRemove(project, name);
  await stopContainers([view]);
  const missed = (await collectEnded([view])).map(({ facts }) => facts);
  const left = takeBack(view);
  if (left.length > 0) return [...missed, ...left];
  // What the collecting has noted is noted in the record that is there now.
  const problem = restore(view, formerOf(view, name) ?? former);
  if (problem !== undefined) throw noState(project, problem);
  forgetSupervised(view.places);
  removeLogs(project, former.record.log);
  noteEvent(project, { type: "removed", container: name });
  return missed;
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
