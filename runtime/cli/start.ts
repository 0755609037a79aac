/** `containerv start`: starts containers that have ended, or were only created. */
import { mustHaveStarted, startAgain, withProjectOf } from "../lifecycle/verbs.ts";
import type { Arguments } from "./arguments.ts";
import { eachContainer } from "./project.ts";

export function command(given: Arguments): Promise<number> {
  return eachContainer(given, async (view) => {
    mustHaveStarted(await withProjectOf(view, startAgain));
    return "started";
  });
}
