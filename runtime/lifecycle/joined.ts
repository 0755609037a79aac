/** Containers whose namespaces are joined by name: the first process of each, by descriptor. */
import { close } from "../../ffi/calls/open.ts";
import { callSync } from "../../ffi/linux/run.ts";
import type { DesiredContainer } from "../../spec/model/desired.ts";
import { ContainervError } from "../plan/error.ts";
import type { ProjectPlaces } from "../state/places.ts";
import { type JoinedContainer, joinedContainers } from "../subjects/namespaces.ts";
import { openTarget } from "./exec.ts";
import { runningTarget } from "./running.ts";

/**
 * In the order of the plan; the caller closes them. `project`: whose containers are meant first, when several have one of the
 * name. Throws ContainervError with the place: NO_SUCH_CONTAINER, AMBIGUOUS_NAME, NOT_RUNNING; then none is open.
 */
export function openJoined(
  container: DesiredContainer,
  project?: ProjectPlaces,
): readonly number[] {
  const fds: number[] = [];
  try {
    for (const joined of joinedContainers(container)) fds.push(openOne(joined, project));
    return fds;
  } catch (error) {
    for (const fd of fds) callSync(close({ fd }));
    throw error;
  }
}

/** A pidfd of the very process that was recorded: another one that has its pid now is not joined. */
function openOne(
  { container, origin }: JoinedContainer,
  project: ProjectPlaces | undefined,
): number {
  try {
    return openTarget(runningTarget(container, project)).release();
  } catch (error) {
    if (!(error instanceof ContainervError)) throw error;
    throw new ContainervError({ ...error.facts, pointer: origin, undone: "nothing was done" });
  }
}
