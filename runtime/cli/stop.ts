/** `containerv stop`: ends containers, which stay recorded. */
import { stopOne } from "../lifecycle/verbs.ts";
import type { Arguments } from "./arguments.ts";
import { endingText } from "../lifecycle/ending_text.ts";
import { eachContainer, graceOf, sayDeaf, showCollected } from "./project.ts";

export function command(given: Arguments): Promise<number> {
  const options = { ...graceOf(given), onDeaf: sayDeaf };
  return eachContainer(given, async (view) => {
    const ending = await stopOne(view, options);
    await showCollected(view);
    return endingText(ending);
  });
}
