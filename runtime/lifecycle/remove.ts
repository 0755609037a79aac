/** Takes back what was made of a container: the undo of its recorded operations, then its records. */
import { listDirectory, removeTree } from "../../ffi/linux/directory.ts";
import { unlinkat } from "../../ffi/calls/path.ts";
import { callSync } from "../../ffi/linux/run.ts";
import { undoInRunner } from "../apply/undo.ts";
import type { ErrorFacts } from "../plan/error.ts";
import type { ProjectPlaces } from "../state/places.ts";
import type { ContainerRecord } from "../state/record.ts";
import type { ContainerView } from "./containers.ts";

/** What was made outside of the container. Gives what could not be taken back. */
export function undoMade({ made }: Pick<ContainerRecord, "made">): readonly ErrorFacts[] {
  return undoInRunner({ ops: made });
}

/** Removes a container that does not run, and everything of it. What is left keeps its record, so that `gc` can try again. */
export function removeContainer(view: ContainerView): readonly ErrorFacts[] {
  const left = view.record === undefined ? [] : undoMade(view.record);
  if (left.length > 0) return left;
  if (view.record !== undefined) removeLogs(view.project, view.record.log);
  removeTree(view.places.directory);
  return [];
}

function removeLogs({ logs }: ProjectPlaces, log: string): void {
  for (const { name } of listDirectory(logs)) {
    if (name === log || name.startsWith(`${log}.`)) {
      callSync(unlinkat({ pathname: `${logs}/${name}`, flags: 0 }));
    }
  }
}
