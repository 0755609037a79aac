/** `containerv rename`: another name for a container. */
import { renameContainer } from "../lifecycle/rename.ts";
import { findContainer } from "../lifecycle/containers.ts";
import { withProjectOf } from "../lifecycle/verbs.ts";
import { factsOf } from "../apply/facts.ts";
import { type Arguments, UsageError } from "./arguments.ts";
import { OWN_FAILURE } from "./main.ts";
import { stderr } from "./output.ts";
import { meantProject } from "./project.ts";
import { showFailure } from "./spec.ts";

export async function command(given: Arguments): Promise<number> {
  const [name, to, ...more] = given.operands;
  if (name === undefined || to === undefined || more.length > 0) {
    throw new UsageError("say which container, and its new name");
  }
  const project = meantProject(given);
  const view = findContainer(name, project === undefined ? {} : { project });
  try {
    await withProjectOf(view, (open, now) => renameContainer(open, now, to));
  } catch (error) {
    await showFailure(factsOf(error), {});
    return OWN_FAILURE;
  }
  stderr(`✔ ${view.name} is called ${to}\n`);
  return 0;
}
