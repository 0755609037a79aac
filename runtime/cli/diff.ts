/** `containerv diff`: what of a project is not as its spec says, or not as it was made. Touches nothing. */
import { hide } from "../../spec/text/hide.ts";
import { factsOf } from "../apply/facts.ts";
import { type Compared, compareProject, wouldChange } from "../lifecycle/plan_project.ts";
import { changesJson, showDifferences } from "../show/changes.ts";
import type { Arguments } from "./arguments.ts";
import { wantedOf } from "./changes.ts";
import { BAD_INPUT, OWN_FAILURE, WOULD_CHANGE } from "./main.ts";
import { stderr, stdout } from "./output.ts";
import { loadSource, openSource, showFailure } from "./spec.ts";

export async function command(given: Arguments): Promise<number> {
  const source = openSource(given);
  const loaded = await loadSource(source);
  if (loaded === undefined) return BAD_INPUT;
  const { desired, file, result } = wantedOf(given, source, loaded);
  const { places, hidden } = result;
  let compared: Compared;
  try {
    compared = compareProject(desired, file);
  } catch (error) {
    await showFailure(factsOf(error), places, hidden);
    return OWN_FAILURE;
  }
  const asJson = given.options["--json"] === true;
  stdout(
    asJson
      ? `${JSON.stringify(changesJson(compared, places), null, 2)}\n`
      : hide(showDifferences(compared, places), hidden),
  );
  const problems = compared.changes.flatMap(({ problem }) => problem ?? []);
  for (const facts of problems) await showFailure(facts, places, hidden);
  if (problems.length > 0) return OWN_FAILURE;
  if (wouldChange(compared)) return WOULD_CHANGE;
  if (!asJson) stderr("✔ no difference\n");
  return 0;
}
