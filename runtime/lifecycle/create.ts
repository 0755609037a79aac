/** Containers that are recorded and not started: what `start` runs later. */
import type { Desired } from "../../spec/model/desired.ts";
import { factsOf } from "../apply/facts.ts";
import { observeHost } from "../observe/host.ts";
import type { ErrorFacts } from "../plan/error.ts";
import { SYSTEM_ROOTS } from "../plan/system_roots.ts";
import { listContainers, placesOf } from "../state/project.ts";
import { createDetached, createDetachedPlanner } from "./detached.ts";
import { noteOver, openProject, recordProject } from "./project.ts";

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
  if (created.length > 0) recordProject(project);
  noteOver(project, over);
  const there = desired.containers.filter(({ name }) => known.has(name)).map(({ name }) => name);
  return { created, there, failures };
}
