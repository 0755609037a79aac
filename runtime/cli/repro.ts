/** `containerv repro`: a container run twice; whether it made the same. */
import { factsOf } from "../apply/facts.ts";
import { onlyContainer } from "../lifecycle/only.ts";
import { type Repro, runTwice } from "../lifecycle/repro.ts";
import type { LoadResult } from "../../spec/model/load_result.ts";
import { showRepro } from "../show/repro.ts";
import type { Arguments } from "./arguments.ts";
import { BAD_INPUT, OWN_FAILURE } from "./main.ts";
import { stderr, stdout } from "./output.ts";
import { passSignals } from "./pass_signals.ts";
import { loadSource, openSource, showFailure } from "./spec.ts";

/** Exit status when the two differ. */
const DIFFERENT = 1;

export async function command(given: Arguments): Promise<number> {
  const options: Arguments["options"] = { ...given.options, "--reproducible": true };
  const loaded = await loadSource(openSource({ ...given, options }));
  if (loaded === undefined) return BAD_INPUT;
  const { places } = loaded.result;
  let result: Repro;
  try {
    result = await runTwice(onlyContainer(loaded.desired), { watch: passSignals });
  } catch (error) {
    await showFailure(factsOf(error), places, loaded.result.hidden);
    return OWN_FAILURE;
  }
  if (result.kind === "failed") return await sayFailed(result, loaded.result);
  const same = result.outputs.every(({ differences }) => differences.length === 0);
  stdout(
    given.options["--json"] === true
      ? `${JSON.stringify({ same, outputs: result.outputs }, null, 2)}\n`
      : showRepro(result.outputs),
  );
  return same ? 0 : DIFFERENT;
}

async function sayFailed(
  { run, outcome, started }: Extract<Repro, { kind: "failed" }>,
  { places, hidden }: Pick<LoadResult, "places" | "hidden">,
): Promise<number> {
  const { failure, leftovers, missed = [] } = outcome;
  for (const facts of [...(failure === undefined ? [] : [failure]), ...leftovers, ...missed]) {
    await showFailure(facts, places, hidden);
  }
  const command = started.summary.commands[outcome.command];
  const what = failure === undefined
    ? `${command?.name ?? "it"} ended with ${outcome.status}`
    : "containerv failed";
  stderr(`✘ nothing was compared: run ${run} of 2: ${what}\n`);
  return OWN_FAILURE;
}
