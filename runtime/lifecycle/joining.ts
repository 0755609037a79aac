/** Containers that are in namespaces of others by name: what happens to them when those are made anew. */
import type { DesiredContainer } from "../../spec/model/desired.ts";
import { inSameNamespace } from "../observe/joinable.ts";
import { joinedContainers } from "../subjects/namespaces.ts";
import type { ContainerView } from "./containers.ts";
import type { Change } from "./reconcile.ts";

/** Names of the containers of its project whose namespaces it is in. */
export const joinedNames = (container: DesiredContainer): readonly string[] =>
  joinedContainers(container).map((joined) => joined.container);

/**
 * A namespace lives as long as somebody is in it: who joined one goes on in that of a container which is not there any more, cut off from
 * the one that took its place. So it is made anew too.
 */
export function followJoined(
  desired: readonly DesiredContainer[],
  there: ReadonlyMap<string, ContainerView>,
  changes: readonly Change[],
): readonly Change[] {
  const decided = new Map(changes.map((change) => [change.name, change]));
  const isSettled = ({ action }: Change): boolean => action !== "none" && action !== "change";
  // One may follow another that follows a third: as often as there are containers.
  for (let again = true; again;) {
    again = false;
    for (const container of desired) {
      const change = decided.get(container.name);
      if (change === undefined || change.problem !== undefined || isSettled(change)) continue;
      const why = whyFollow(container, there, decided);
      if (why === undefined) continue;
      decided.set(container.name, { ...change, action: "replace", why, ops: [] });
      again = true;
    }
  }
  return changes.map((change) => decided.get(change.name) ?? change);
}

function whyFollow(
  container: DesiredContainer,
  there: ReadonlyMap<string, ContainerView>,
  decided: ReadonlyMap<string, Change>,
): string | undefined {
  const view = there.get(container.name);
  if (view?.state !== "running" || view.pid === undefined) return undefined;
  for (const { kind, container: name } of joinedContainers(container)) {
    const action = decided.get(name)?.action;
    if (action === "replace" || action === "start") {
      return `${name} is made anew, whose ${kind} namespace it is in`;
    }
    const pid = there.get(name)?.pid;
    if (pid !== undefined && inSameNamespace(view.pid, pid, kind) === false) {
      return `it is in the ${kind} namespace of ${name} as that was before`;
    }
  }
  return undefined;
}
