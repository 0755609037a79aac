/** Plans of containers that outlive their runner. */
import type { DesiredContainer } from "../../spec/model/desired.ts";
import type { Host } from "../plan/host.ts";
import { openJoined } from "./joined.ts";
import type { StoredLayers } from "./layers.ts";
import { type Names, namesOf } from "./names.ts";
import { prepare } from "./prepare.ts";
import type { OpenProject } from "./project.ts";
import { createPlanner, type Planned } from "./template.ts";

/** With a time limit the first process must outlive the stage to hold it. */
function withInit(container: DesiredContainer): DesiredContainer {
  const timed = container.commands.some(({ timeoutMs }) => timeoutMs !== undefined);
  return timed && !container.init ? { ...container, init: true } : container;
}

/** A plan, and what the container's groups and log are called. */
export interface NamedPlan extends Planned {
  readonly names: Names;
}

/** `stored`: its layers in the store, which it needs when it has some. Throws HostError. */
export type DetachedPlanner = (container: DesiredContainer, stored?: StoredLayers) => NamedPlan;

/** Plans containers of a project; those that differ in their names alone are planned once. What it gives throws HostError. */
export function createDetachedPlanner(
  { places }: Pick<OpenProject, "places">,
  host?: Host,
): DetachedPlanner {
  const plan = createPlanner((container, options) => prepare(withInit(container), options));
  return (container, stored) => {
    const names = namesOf(places, container.name);
    const planned = plan(container, {
      ...(stored === undefined ? {} : { stored }),
      ...(host === undefined ? {} : { host }),
      joined: () => openJoined(container, places),
      instance: (name) => names.usual ? `${places.key}/${name}` : names.instance,
      alone: !names.usual,
      announce: true,
      detached: true,
    });
    return { ...planned, names };
  };
}
