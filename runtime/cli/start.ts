/** `containerv start`: starts containers that have ended, or were only created. */
import { ContainervError } from "../plan/error.ts";
import { startAgain, withProjectOf } from "../lifecycle/verbs.ts";
import type { Arguments } from "./arguments.ts";
import { eachContainer } from "./project.ts";

export function command(given: Arguments): Promise<number> {
  return eachContainer(given, async (view) => {
    const { failure } = await withProjectOf(view, startAgain);
    if (failure !== undefined) throw new ContainervError(failure);
    return "started";
  });
}
