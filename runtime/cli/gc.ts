/** `containerv gc`: undoes what a kill -9 left, and takes layers out of the store that nobody wants. */
import { collectGarbage } from "../lifecycle/gc.ts";
import type { Arguments } from "./arguments.ts";
import { OWN_FAILURE } from "./main.ts";
import { stderr } from "./output.ts";
import { showFailure } from "./spec.ts";

export async function command({ options }: Arguments): Promise<number> {
  const dryRun = options["--dry-run"] === true;
  const { removed, failures, adopted, passed } = await collectGarbage({
    dryRun,
    layers: options["--layers"] === true,
  });
  for (const line of removed) stderr(`- ${line}\n`);
  for (const line of passed) stderr(`! ${line}: passed over\n`);
  for (const facts of failures) await showFailure(facts, {});
  const kept = adopted === 0
    ? ""
    : `, ${adopted} ${adopted === 1 ? "container is" : "containers are"} kept again`;
  const count = removed.length === 0 ? "nothing" : removed.length;
  stderr(dryRun ? `${count} would be removed\n` : `✔ ${count} removed${kept}\n`);
  return failures.length === 0 ? 0 : OWN_FAILURE;
}
