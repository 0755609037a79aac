/** `containerv down`: ends and removes what `up` made. */
import { down } from "../lifecycle/up.ts";
import { openProject } from "../lifecycle/project.ts";
import { readProject } from "../state/project.ts";
import { isBroken } from "../state/record.ts";
import { type Arguments, UsageError } from "./arguments.ts";
import { OWN_FAILURE } from "./main.ts";
import { stderr } from "./output.ts";
import { graceOf, meantFile, projectsOf } from "./project.ts";
import { showFailure } from "./spec.ts";

export async function command(given: Arguments): Promise<number> {
  const { operands } = given;
  if (operands.length > 1) throw new UsageError("one spec at a time");
  const file = meantFile(given, operands[0]);
  if (file === undefined && given.options["--all"] !== true) {
    throw new UsageError("name a spec: there is no containerv.yaml here or in a parent");
  }
  let removed = 0;
  let failed = false;
  for (const places of projectsOf(file)) {
    const record = readProject(places);
    const known = record === undefined || isBroken(record) ? undefined : record;
    using project = await openProject(places, {
      name: known?.name ?? places.key,
      file: known?.file ?? file ?? "",
    });
    const result = await down(project, graceOf(given));
    removed += result.removed.length;
    for (const { facts } of result.failures) {
      failed = true;
      await showFailure(facts, {});
    }
  }
  stderr(`✔ ${removed} container${removed === 1 ? "" : "s"} removed\n`);
  return failed ? OWN_FAILURE : 0;
}
