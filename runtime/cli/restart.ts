/** `containerv restart`: ends containers and starts them again, as they were recorded. */
import { again, mustHaveStarted, startAgain, stopOne, withProjectOf } from "../lifecycle/verbs.ts";
import type { Arguments } from "./arguments.ts";
import { eachContainer, graceOf } from "./project.ts";

export function command(given: Arguments): Promise<number> {
  const grace = graceOf(given);
  return eachContainer(given, async (view) => {
    mustHaveStarted(
      await withProjectOf(view, async (project, now) => {
        await stopOne(now, grace);
        return await startAgain(project, again(now));
      }),
    );
    return "started again";
  });
}
