/** `containerv resume`: lets paused containers go on. */
import { resumeContainer, withProjectOf } from "../lifecycle/verbs.ts";
import type { Arguments } from "./arguments.ts";
import { eachContainer, needNames } from "./project.ts";

export function command(given: Arguments): Promise<number> {
  needNames(given);
  return eachContainer(given, async (view) => {
    await withProjectOf(view, (_project, now) => resumeContainer(now));
    return "goes on";
  });
}
