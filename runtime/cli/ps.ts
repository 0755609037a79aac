/** `containerv ps`: the detached containers, and how each of them is. */
import { containerJson } from "../lifecycle/as_json.ts";
import { type ContainerView, viewProject } from "../lifecycle/containers.ts";
import { projectsOf } from "../lifecycle/projects.ts";
import { createGroupReader, type GroupReader } from "../observe/group_usage.ts";
import { showBytes, showDuration, showTable } from "../show/table.ts";
import type { ProjectPlaces } from "../state/places.ts";
import { lastProblem, missingSupervisor, readSupervisor } from "../state/supervised.ts";
import { type Arguments, UsageError } from "./arguments.ts";
import { stderr, stdout } from "./output.ts";
import { endingText } from "../lifecycle/ending_text.ts";
import { meantFile } from "./project.ts";

export function command(given: Arguments): number {
  const { operands, options } = given;
  if (operands.length > 1) throw new UsageError("one spec at a time");
  const file = meantFile(given, operands[0]);
  const projects = projectsOf(file);
  const views = projects.flatMap((places) => viewProject(places).containers);
  if (options["--json"] === true) {
    stdout(`${JSON.stringify(views.map(containerJson), null, 2)}\n`);
    return 0;
  }
  sayUnsupervised(projects);
  const now = Date.now();
  const named = file === undefined || projects.length > 1;
  const read = createGroupReader();
  const rows: string[][] = [["NAME", "STATE", "CPU", "MEMORY", "PORTS"]];
  for (const view of views) {
    rows.push([
      named ? view.id : view.name,
      stateText(view, now),
      ...usageOf(view, now, read),
      "-",
    ]);
  }
  stdout(showTable(rows));
  return 0;
}

/** CPU on the average since its start, 100% being one processor, and memory; `-` where no group of its own counts it. */
function usageOf(
  { state, record }: ContainerView,
  now: number,
  read: GroupReader,
): [string, string] {
  if (state !== "running" || record === undefined) return ["-", "-"];
  const { cpuMicroseconds, memoryBytes } = read(record.made);
  const passedMs = Math.max(1, now - (record.started ?? now));
  return [
    cpuMicroseconds === undefined ? "-" : `${(cpuMicroseconds / passedMs / 10).toFixed(1)}%`,
    memoryBytes === undefined ? "-" : showBytes(memoryBytes),
  ];
}

/** A supervisor that was killed is missed; one that has nothing left to do has gone by itself. */
function sayUnsupervised(projects: readonly ProjectPlaces[]): void {
  for (const places of projects) {
    const who = readSupervisor(places);
    const problem = who === undefined ? undefined : lastProblem(places);
    if (problem !== undefined) stderr(`the last change of the watched spec: ${problem}\n`);
    const missing = who === undefined ? undefined : missingSupervisor(places);
    if (missing === undefined) continue;
    const watch = missing.watches === true ? " --watch" : "";
    const watched = missing.watches === true ? ", and its spec not watched," : "";
    stderr(
      `the supervisor of ${places.key} is gone: nothing is checked or restarted${watched} until containerv up -d${watch}\n`,
    );
  }
}

function stateText(view: ContainerView, now: number): string {
  const { state, record, ending, problem } = view;
  if (state === "running") {
    return `${view.paused === true ? "paused" : runningWord(view)} ${
      showDuration(now - (record?.started ?? now))
    }`;
  }
  if (state === "broken") return `broken: ${problem}`;
  const missed = (record?.collected?.missed.length ?? 0) > 0 ? ", outputs missing" : "";
  const cutOff = record?.unfinished === true ? ", its start was cut off" : "";
  return `${ending === undefined ? state : endingText(ending)}${missed}${cutOff}`;
}

/** `healthy` and its like, where it has a check and the supervisor's word is about this very process. */
function runningWord({ record, supervised }: ContainerView): string {
  const same = supervised?.process?.pid === record?.process?.pid;
  return same && supervised?.health !== undefined ? supervised.health : "running";
}
