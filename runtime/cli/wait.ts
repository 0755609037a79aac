/** `containerv wait`: until containers have ended; exits as the last of them did. */
import { awaitEnding } from "../lifecycle/verbs.ts";
import type { Arguments } from "./arguments.ts";
import { eachContainer, endingText, needNames } from "./project.ts";

export async function command(given: Arguments): Promise<number> {
  needNames(given);
  let last = 0;
  const status = await eachContainer(given, async (view) => {
    const ending = await awaitEnding(view);
    last = ending.status;
    return endingText(ending);
  });
  return status === 0 ? last : status;
}
