/** `containerv start`: starts containers that have ended, or were only created. */
import { ContainervError } from "../plan/error.ts";
import { startAgain, withProjectOf } from "../lifecycle/verbs.ts";
import type { Arguments } from "./arguments.ts";
import { eachContainer } from "./project.ts";

export function command(given: Arguments): Promise<number> {
  return eachContainer(given, async (view) => {
    const { failure, leftovers } = await withProjectOf(view, startAgain);
    const [problem] = [failure ?? [], ...leftovers].flat();
    if (problem !== undefined) throw new ContainervError(problem);
    return "started";
  });
}
