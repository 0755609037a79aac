/** What `plan`, `diff` and `apply` share: a project is compared, and what would be done is said. */
import { hide, hideIn } from "../../spec/text/hide.ts";
import { factsOf } from "../apply/facts.ts";
import { onlyContainer } from "../lifecycle/only.ts";
import {
  type Compared,
  compareProject,
  planChanges,
  wouldChange,
} from "../lifecycle/plan_project.ts";
import { ContainervError } from "../plan/error.ts";
import { changesJson, showChanges, type ShownProject } from "../show/changes.ts";
import type { Arguments } from "./arguments.ts";
import { OWN_FAILURE, WOULD_CHANGE } from "./main.ts";
import { stdout } from "./output.ts";
import { absoluteSpec, type Loaded, overFiles, showFailure, type Source } from "./spec.ts";
import { type Wanted, withProfiles } from "./up.ts";

/** The project that the arguments mean. Throws UsageError. */
export function wantedOf(given: Arguments, source: Source, { desired, result }: Loaded): Wanted {
  const file = absoluteSpec(source);
  return { desired: withProfiles(desired, given), file, over: overFiles(given), result };
}

/** As `plan` shows it. Gives the exit status; `undefined`: nothing is there of it yet, and `run` takes it. */
export async function planOfProject(
  given: Arguments,
  source: Source,
  loaded: Loaded,
): Promise<number | undefined> {
  if (source.spec === undefined) return undefined;
  const isOnce = isRunOnce(loaded);
  const wanted = wantedOf(given, source, loaded);
  const { places, hidden } = loaded.result;
  try {
    const compared = compareProject(wanted.desired, wanted.file);
    if (isOnce && !compared.exists) return undefined;
    const { shown, failed } = await withPlans(wanted, compared);
    if (given.options["--json"] === true) {
      stdout(`${JSON.stringify(changesJson(shown, places), null, 2)}\n`);
    } else {
      const calls = given.options["--calls"] === true;
      stdout(hide(showChanges(shown, { places, calls }), hidden));
    }
    if (failed) return OWN_FAILURE;
    return given.options["--exit-code"] === true && wouldChange(compared) ? WOULD_CHANGE : 0;
  } catch (error) {
    await showFailure(factsOf(error), places, hidden);
    return OWN_FAILURE;
  }
}

/** The operations too; what can't be had is said. */
export async function withPlans(
  { desired, file, result: { places, hidden } }: Wanted,
  { changes, lost }: Compared,
): Promise<{ readonly shown: ShownProject; readonly failed: boolean }> {
  const planned = await planChanges(desired, file, changes);
  const problems = planned.flatMap(({ problem }) => problem ?? []);
  for (const facts of problems) await showFailure(facts, places, hidden);
  const shown = planned.map(({ plan, ...change }) => ({
    ...change,
    ...(plan === undefined ? {} : { plan: hideIn(plan, hidden) }),
  }));
  return { shown: { changes: shown, lost }, failed: problems.length > 0 };
}

function isRunOnce({ desired }: Loaded): boolean {
  try {
    onlyContainer(desired);
    return true;
  } catch (error) {
    if (error instanceof ContainervError) return false;
    throw error;
  }
}
