/** Who reads what containers write sees to it that somebody keeps it. */
import { ContainervError } from "../plan/error.ts";
import { readProject } from "../state/project.ts";
import { isBroken } from "../state/record.ts";
import { type ContainerView, isKept } from "./containers.ts";
import { awaitDrained } from "./follow.ts";
import { adoptLeft, openProject } from "./project.ts";

/** Another that changes the project adopts what it finds, too: it is not waited for longer. */
const LOCK_MS = 2000;

/**
 * Where a project of these has lost its keeper, another is started, and what was written meanwhile is in the log when this resolves. Throws
 * ContainervError where none can be started.
 */
export async function keepAgain(views: readonly ContainerView[]): Promise<void> {
  const running = views.filter(({ state }) => state === "running");
  const projects = new Map(running.map(({ project }) => [project.key, project]));
  for (const [key, places] of projects) {
    const record = readProject(places);
    if (record === undefined || isBroken(record) || isKept(record)) continue;
    try {
      using project = await openProject(places, record, { waitMs: LOCK_MS, existing: true });
      await adoptLeft(project);
    } catch (error) {
      if (error instanceof ContainervError && error.code === "PROJECT_HELD") continue;
      throw error;
    }
    await awaitDrained(running.filter(({ project }) => project.key === key));
  }
}
