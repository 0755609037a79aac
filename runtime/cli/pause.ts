/** `containerv pause`: stops every process of containers. */
import { pauseContainer, withProjectOf } from "../lifecycle/verbs.ts";
import type { Arguments } from "./arguments.ts";
import { eachContainer, needNames } from "./project.ts";

export function command(given: Arguments): Promise<number> {
  needNames(given);
  return eachContainer(given, async (view) => {
    await withProjectOf(view, (_project, now) => pauseContainer(now));
    return "is paused";
  });
}
