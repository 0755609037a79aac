/** `containerv rm`: removes containers that have ended. */
import { ContainervError } from "../plan/error.ts";
import { removeOne, withProjectOf } from "../lifecycle/verbs.ts";
import type { Arguments } from "./arguments.ts";
import { eachContainer, needNames } from "./project.ts";

export function command(given: Arguments): Promise<number> {
  needNames(given);
  const force = given.options["--force"] === true;
  return eachContainer(given, async (view) => {
    const [left] = await withProjectOf(view, (_project, now) => removeOne(now, { force }));
    if (left !== undefined) throw new ContainervError(left);
    return "removed";
  });
}
