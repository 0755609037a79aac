/** Detached containers that run, by name: what is joined, copied to and measured. */
import type { ProjectPlaces } from "../state/places.ts";
import { type ContainerView, desiredOf, findContainer } from "./containers.ts";
import { type ExecTarget, notRunning } from "./exec.ts";

/** The first process of a container; throws ContainervError when it does not run. */
export function targetOfView(view: ContainerView): ExecTarget {
  const process = view.record?.process;
  if (view.state !== "running" || process === undefined) throw notRunning(view.id);
  return { ...process, name: view.name, container: desiredOf(view) };
}

/** As `targetOfView`, of the container of this name or id; throws ContainervError: NO_SUCH_CONTAINER, AMBIGUOUS_NAME, NOT_RUNNING. */
export function runningTarget(nameOrId: string, project: ProjectPlaces | undefined): ExecTarget {
  return targetOfView(findContainer(nameOrId, project === undefined ? {} : { project }));
}
