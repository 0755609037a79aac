/** `containerv collect`: what a keeper starts when a container with `outputs:` has ended. Not for people. */
import { collectProject } from "../lifecycle/collect.ts";
import { listProjects } from "../state/project.ts";

export async function command([key]: readonly string[]): Promise<number> {
  const places = listProjects().find((one) => one.key === key);
  // Removed meanwhile, and all of it was copied before.
  if (places === undefined) return 0;
  await collectProject(places);
  return 0;
}
