/** Containers that are recorded and not started: what `start` runs later. */
import { makePrivateDirectory } from "../../ffi/linux/file.ts";
import type { Desired, DesiredContainer } from "../../spec/model/desired.ts";
import { factsOf } from "../apply/facts.ts";
import { observeHost } from "../observe/host.ts";
import type { ErrorFacts } from "../plan/error.ts";
import { SYSTEM_ROOTS } from "../plan/system_roots.ts";
import { noteEvent } from "../state/events.ts";
import { containerPlaces } from "../state/places.ts";
import { listContainers, placesOf } from "../state/project.ts";
import { writeRecord } from "../state/record.ts";
import { createDetachedPlanner, type DetachedPlanner } from "./detached_plan.ts";
import { withoutSecrets } from "./digest.ts";
import { intentOf } from "./intent.ts";
import {
  noteOver,
  type OpenProject,
  openProject,
  recordProject,
  saveContainer,
} from "./project.ts";
import { storedLayers } from "./stored.ts";

export interface CreateResult {
  readonly created: readonly string[];
  /** They were there already. */
  readonly there: readonly string[];
  readonly failures: readonly { readonly name: string; readonly facts: ErrorFacts }[];
}

/**
 * Records the containers of the project in `file` that are not there; `over`: what was merged over it. Absolute paths. Throws ContainervError where it can't begin.
 */
export async function create(
  desired: Desired,
  file: string,
  over: readonly string[] = [],
): Promise<CreateResult> {
  const places = placesOf(desired.project, file);
  using project = await openProject(places, { name: desired.project, file });
  const known = new Set(listContainers(places));
  const missing = desired.containers.filter(({ name }) => !known.has(name));
  const plan = createDetachedPlanner(
    project,
    observeHost({ cgroups: true, roots: SYSTEM_ROOTS }),
  );
  const created: string[] = [];
  const failures: { name: string; facts: ErrorFacts }[] = [];
  for (const container of missing) {
    try {
      await createDetached(project, container, plan);
      created.push(container.name);
    } catch (error) {
      failures.push({ name: container.name, facts: factsOf(error) });
    }
  }
  noteOver(project, over);
  const there = desired.containers.filter(({ name }) => known.has(name)).map(({ name }) => name);
  return { created, there, failures };
}

/** Plans and records it, without starting anything. Throws what its start would: HostError, ContainervError. */
async function createDetached(
  project: OpenProject,
  container: DesiredContainer,
  plan: DetachedPlanner,
): Promise<void> {
  const planned = plan(container, (await storedLayers(container))?.stored);
  const view = {
    places: containerPlaces(project.places, container.name),
    project: project.places,
  };
  const record = intentOf(container, planned, "created");
  // Before the first of them: without it nobody would find them by their spec.
  recordProject(project);
  makePrivateDirectory(view.places.directory);
  writeRecord(view.places.desired, withoutSecrets(container));
  saveContainer(view, record);
  noteEvent(view.project, { type: "created", container: container.name });
}
