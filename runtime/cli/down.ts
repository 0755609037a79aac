/** `containerv down`: ends and removes what `up` made. */
import { factsOf } from "../apply/facts.ts";
import { down } from "../lifecycle/up.ts";
import type { DesiredContainer } from "../../spec/model/desired.ts";
import { desiredOf, viewProject } from "../lifecycle/containers.ts";
import type { ProjectPlaces } from "../state/places.ts";
import { disksOf, type KeepingProject, keptOf, removeKept } from "../lifecycle/kept.ts";
import { openProject } from "../lifecycle/project.ts";
import { ContainervError, type ErrorFacts } from "../plan/error.ts";
import { readProject } from "../state/project.ts";
import { isBroken } from "../state/record.ts";
import { type Arguments, UsageError } from "./arguments.ts";
import { BAD_INPUT, OWN_FAILURE } from "./main.ts";
import { stderr } from "./output.ts";
import { graceOf, meantFile, projectsOf, sayDeaf } from "./project.ts";
import { loadSource, openSource, showFailure } from "./spec.ts";

export async function command(given: Arguments): Promise<number> {
  const { operands } = given;
  if (operands.length > 1) throw new UsageError("one spec at a time");
  const file = meantFile(given, operands[0]);
  if (file === undefined && given.options["--all"] !== true) {
    throw new UsageError("name a spec: there is no containerv.yaml here or in a parent");
  }
  const result: Result = { containers: 0, kept: [], removed: 0, failed: false };
  const projects = projectsOf(file);
  const withKept = given.options["--volumes"] === true;
  for (const places of projects) {
    const record = readProject(places);
    const known = record === undefined || isBroken(record) ? undefined : record;
    const named = { name: known?.name ?? places.key, file: known?.file ?? file ?? "" };
    using project = await openProject(places, named);
    const keeping = { ...named, disks: disksOf(knownContainers(places)) };
    const done = await down(project, { ...graceOf(given), onDeaf: sayDeaf });
    result.containers += done.removed.length;
    for (const { facts } of done.failures) await fail(result, facts);
    await endKept(result, { keeping, remove: withKept && done.failures.length === 0 });
  }
  // What is kept can be there without anything recorded.
  if (projects.length === 0 && file !== undefined && withKept) {
    const loaded = await loadSource(openSource(given));
    if (loaded === undefined) return BAD_INPUT;
    const { project: name, containers } = loaded.desired;
    await endKept(result, { keeping: { name, file, disks: disksOf(containers) }, remove: true });
  }
  stderr(`${summary(result)}\n`);
  return result.failed ? OWN_FAILURE : 0;
}

/** Those whose spec can be read: what is broken is removed all the same, but nobody knows of its disk. */
function knownContainers(places: ProjectPlaces): readonly DesiredContainer[] {
  return viewProject(places).containers.flatMap((view) => {
    try {
      return view.state === "broken" ? [] : [desiredOf(view)];
    } catch (error) {
      if (error instanceof ContainervError) return [];
      throw error;
    }
  });
}

interface Result {
  containers: number;
  /** What is still there. */
  kept: string[];
  removed: number;
  failed: boolean;
}

async function fail(result: Result, facts: ErrorFacts): Promise<void> {
  result.failed = true;
  await showFailure(facts, {});
}

async function endKept(
  result: Result,
  { keeping, remove }: { readonly keeping: KeepingProject; readonly remove: boolean },
): Promise<void> {
  for (const path of keptOf(keeping)) {
    if (!remove) {
      result.kept.push(path);
      continue;
    }
    try {
      removeKept(path);
      result.removed++;
    } catch (error) {
      await fail(result, factsOf(error));
    }
  }
}

function summary({ containers, kept, removed }: Result): string {
  const count = (number: number, what: string): string =>
    `${number} ${what}${number === 1 ? "" : "s"}`;
  const gone = removed === 0 ? "" : `, ${count(removed, "volume")}`;
  const left = kept.length === 0
    ? ""
    : `. Data of ${count(kept.length, "volume")} kept (--volumes removes it)`;
  return `✔ ${count(containers, "container")}${gone} removed${left}`;
}
