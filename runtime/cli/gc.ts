/** `containerv gc`: undoes what a kill -9 left. */
import { collectGarbage } from "../lifecycle/gc.ts";
import type { Arguments } from "./arguments.ts";
import { OWN_FAILURE } from "./main.ts";
import { stderr } from "./output.ts";
import { showFailure } from "./spec.ts";

export async function command(_given: Arguments): Promise<number> {
  const { removed, failures, adopted } = await collectGarbage();
  for (const line of removed) stderr(`- ${line}\n`);
  for (const facts of failures) await showFailure(facts, {});
  const kept = adopted === 0 ? "" : `, ${adopted} containers are kept again`;
  stderr(`✔ ${removed.length === 0 ? "nothing" : removed.length} removed${kept}\n`);
  return failures.length === 0 ? 0 : OWN_FAILURE;
}
