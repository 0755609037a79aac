/** Ends and removes everything of a project. */
import { listContainers } from "../state/project.ts";
import type { ErrorFacts } from "../plan/error.ts";
import { forgetSupervisor } from "../state/supervised.ts";
import { collectEnded } from "./collect.ts";
import { type ContainerView, viewProject } from "./containers.ts";
import { endIdleKeeper, endSilentKeeper } from "./end_keeper.ts";
import type { OpenProject } from "./project.ts";
import { removeContainer } from "./remove.ts";
import { stopContainers, type StopOptions } from "./stop.ts";
import { endSupervisor } from "./supervise/launch.ts";

export interface DownResult {
  readonly removed: readonly string[];
  readonly failures: readonly { readonly name: string; readonly facts: ErrorFacts }[];
  /** What else had to be done for that, a line each. */
  readonly notes: readonly string[];
}

/** Ends and removes everything of a project. Throws ContainervError where it can't begin. */
export async function down(
  { places }: OpenProject,
  options: StopOptions = {},
): Promise<DownResult> {
  // It would take the ends for failures, and write into what is being removed.
  await endSupervisor(places);
  // With one that says nothing no ending would be noted, and each that is asked of it would take its time.
  const silent = await endSilentKeeper(viewProject(places));
  const view = viewProject(places);
  await stopContainers(view.containers, options);
  const removed: string[] = [];
  const failures = [...await collectEnded(view.containers)];
  // Last first: what the first one switched on for all is switched off by the last that goes.
  for (const one of [...view.containers].sort(byAge).reverse()) {
    const left = removeContainer(one);
    if (left.length === 0) removed.push(one.name);
    for (const facts of left) failures.push({ name: one.name, facts });
  }
  forgetSupervisor(places);
  const idle = listContainers(places).length === 0 ? await endIdleKeeper(view) : undefined;
  const notes = [silent, idle].filter((note) => note !== undefined);
  return { removed, failures, notes };
}

const byAge = (a: ContainerView, b: ContainerView): number =>
  (a.record?.created ?? 0) - (b.record?.created ?? 0);
