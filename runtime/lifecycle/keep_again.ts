/** Who reads what containers write sees to it that somebody keeps it. */
import { type ContainerView, viewProject } from "./containers.ts";
import { awaitDrained } from "./follow.ts";
import { adoptLeft, openProject } from "./project.ts";
import { ContainervError } from "../plan/error.ts";

/** Another that changes the project adopts what it finds, too: it is not waited for longer. */
const LOCK_MS = 2000;

/**
 * Where a project of these has lost its keeper, another is started, and what was written meanwhile is in the log when this resolves. Throws
 * ContainervError where none can be started.
 */
export async function keepAgain(views: readonly ContainerView[]): Promise<void> {
  const projects = new Map(views.map(({ project }) => [project.key, project]));
  for (const places of projects.values()) {
    const { kept, record, containers } = viewProject(places);
    const running = containers.filter(({ state }) => state === "running");
    if (kept || record === undefined || running.length === 0) continue;
    try {
      using project = await openProject(places, record, { waitMs: LOCK_MS, existing: true });
      await adoptLeft(project);
    } catch (error) {
      if (error instanceof ContainervError && error.code === "PROJECT_HELD") continue;
      throw error;
    }
    await awaitDrained(running);
  }
}
