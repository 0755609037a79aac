/** `containerv apply`: shows what up would do, asks, and does it. */
import { createInterface } from "node:readline/promises";
import { hide } from "../../spec/text/hide.ts";
import { factsOf } from "../apply/facts.ts";
import { compareProject, wouldChange } from "../lifecycle/plan_project.ts";
import { showChanges } from "../show/changes.ts";
import { type Arguments, UsageError } from "./arguments.ts";
import { wantedOf, withPlans } from "./changes.ts";
import { BAD_INPUT, OWN_FAILURE, WOULD_CHANGE } from "./main.ts";
import { stderr, stdout } from "./output.ts";
import { loadSource, openSource, showFailure } from "./spec.ts";
import { bringUp, type Wanted } from "./up.ts";

export async function command(given: Arguments): Promise<number> {
  const asked = given.options["--yes"] !== true;
  if (asked && !(process.stdin.isTTY && process.stderr.isTTY)) {
    throw new UsageError("there is no terminal to ask at: say --yes, or see the plan first");
  }
  const source = openSource(given);
  const loaded = await loadSource(source);
  if (loaded === undefined) return BAD_INPUT;
  const wanted = wantedOf(given, source, loaded);
  const { places, hidden } = wanted.result;
  try {
    const compared = compareProject(wanted.desired, wanted.file);
    if (!wouldChange(compared) && compared.changes.every(({ problem }) => problem === undefined)) {
      stderr("✔ nothing to do\n");
      return 0;
    }
    if (!await showAll(wanted, compared)) return OWN_FAILURE;
  } catch (error) {
    await showFailure(factsOf(error), places, hidden);
    return OWN_FAILURE;
  }
  if (asked && !await agreed()) {
    stderr("nothing was done\n");
    return WOULD_CHANGE;
  }
  return (await bringUp(wanted)).status;
}

/** False: this machine can't have all of it, so nothing is begun. */
async function showAll(
  wanted: Wanted,
  compared: ReturnType<typeof compareProject>,
): Promise<boolean> {
  const { places, hidden } = wanted.result;
  const { shown, failed } = await withPlans(wanted, compared);
  stdout(hide(showChanges(shown, { places, isBegun: true }), hidden));
  return !failed;
}

/** Only a plain yes is one; the end of the input is none. */
async function agreed(): Promise<boolean> {
  const terminal = createInterface({ input: process.stdin, output: process.stderr });
  try {
    const closed = new Promise<string>((resolve) => terminal.once("close", () => resolve("")));
    const answer = await Promise.race([terminal.question("do it? [y/N] "), closed]);
    return /^y(es)?$/i.test(answer.trim());
  } finally {
    terminal.close();
  }
}
