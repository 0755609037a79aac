/** `containerv stop`: ends containers, which stay recorded. */
import { stopOne } from "../lifecycle/verbs.ts";
import type { Arguments } from "./arguments.ts";
import { eachContainer, endingText, graceOf, showCollected } from "./project.ts";

export function command(given: Arguments): Promise<number> {
  const grace = graceOf(given);
  return eachContainer(given, async (view) => {
    const ending = await stopOne(view, grace);
    await showCollected(view);
    return endingText(ending);
  });
}
