/** `containerv wait`: until containers have ended; exits as the last of them did. */
import { awaitEnding } from "../lifecycle/verbs.ts";
import type { Arguments } from "./arguments.ts";
import { endingText } from "../lifecycle/ending_text.ts";
import { eachContainer, needNames, showCollected } from "./project.ts";

export async function command(given: Arguments): Promise<number> {
  needNames(given);
  let last = 0;
  const status = await eachContainer(given, async (view) => {
    const ending = await awaitEnding(view);
    last = ending.status;
    await showCollected(view);
    return endingText(ending);
  });
  // As with run: what it failed with is the news, and not that an output is missing then.
  return status === 0 || last !== 0 ? last : status;
}
