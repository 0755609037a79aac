/** `containerv down`: ends and removes what `up` made. */
import { type Downed, downProjects, endKept } from "../lifecycle/down.ts";
import { disksOf } from "../lifecycle/kept.ts";
import { projectsOf } from "../lifecycle/projects.ts";
import { type Arguments, UsageError } from "./arguments.ts";
import { BAD_INPUT, OWN_FAILURE } from "./main.ts";
import { stderr } from "./output.ts";
import { graceOf, meantFile, sayDeaf } from "./project.ts";
import { loadSource, openSource, showFailure } from "./spec.ts";

export async function command(given: Arguments): Promise<number> {
  const { operands } = given;
  if (operands.length > 1) throw new UsageError("one spec at a time");
  const file = meantFile(given, operands[0]);
  if (file === undefined && given.options["--all"] !== true) {
    throw new UsageError("name a spec: there is no containerv.yaml here or in a parent");
  }
  const projects = projectsOf(file);
  const volumes = given.options["--volumes"] === true;
  const result = await downProjects(projects, {
    ...graceOf(given),
    onDeaf: sayDeaf,
    volumes,
    ...(file === undefined ? {} : { file }),
  });
  // What is kept can be there without anything recorded.
  if (projects.length === 0 && file !== undefined && volumes) {
    const loaded = await loadSource(openSource(given));
    if (loaded === undefined) return BAD_INPUT;
    const { project: name, containers } = loaded.desired;
    endKept(result, { name, file, disks: disksOf(containers) }, true);
  }
  for (const note of result.notes) stderr(`! ${note}\n`);
  for (const facts of result.failures) await showFailure(facts, {});
  stderr(`${summary(result)}\n`);
  return result.failures.length > 0 ? OWN_FAILURE : 0;
}

function summary({ removed, kept, removedKept }: Downed): string {
  const count = ({ length }: readonly string[], what: string): string =>
    `${length} ${what}${length === 1 ? "" : "s"}`;
  const gone = removedKept.length === 0 ? "" : `, ${count(removedKept, "volume")}`;
  const left = kept.length === 0
    ? ""
    : `. Data of ${count(kept, "volume")} kept (--volumes removes it)`;
  return `✔ ${count(removed, "container")}${gone} removed${left}`;
}
