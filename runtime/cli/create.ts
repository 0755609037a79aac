/** `containerv create`: containers of a spec, recorded and not started. */
import { create } from "../lifecycle/create.ts";
import type { Arguments } from "./arguments.ts";
import { BAD_INPUT, OWN_FAILURE } from "./main.ts";
import { stderr } from "./output.ts";
import { absoluteSpec, loadSource, openSource, overFiles, showFailure } from "./spec.ts";
import { withProfiles } from "./up.ts";

export async function command(given: Arguments): Promise<number> {
  const source = openSource(given);
  const loaded = await loadSource(source);
  if (loaded === undefined) return BAD_INPUT;
  const { places, hidden } = loaded.result;
  const desired = withProfiles(loaded.desired, given);
  const { created, there, failures } = await create(
    desired,
    absoluteSpec(source),
    overFiles(given),
  );
  for (const name of created) stderr(`✔ ${name} created\n`);
  for (const name of there) stderr(`✔ ${name} is there, unchanged\n`);
  for (const { facts } of failures) await showFailure(facts, places, hidden);
  return failures.length === 0 ? 0 : OWN_FAILURE;
}
