/** `containerv ps`: the detached containers, and how each of them is. */
import { containerJson } from "../lifecycle/as_json.ts";
import type { BriefView } from "../lifecycle/containers.ts";
import { type ListedView, listProject, usagesOf } from "../lifecycle/listed.ts";
import { projectsOf } from "../lifecycle/projects.ts";
import { showBytes, showDuration, showTable, WHOLE_SECONDS_MS } from "../show/table.ts";
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
  const views = projects.flatMap(listProject);
  if (options["--json"] === true) {
    stdout(`${JSON.stringify(views.map(containerJson), null, 2)}\n`);
    return 0;
  }
  sayUnsupervised(projects);
  const named = file === undefined || projects.length > 1;
  stdout(showTable([["NAME", "STATE", "CPU", "MEMORY", "PORTS"], ...rowsOf(views, named)]));
  return 0;
}

function rowsOf(views: readonly ListedView[], named: boolean): readonly (readonly string[])[] {
  const now = Date.now();
  const { cpuMicroseconds, memoryBytes } = usagesOf(views);
  const sizeText = onceEach(showBytes);
  const ageText = onceEach(showDuration);
  return views.map((view, index) => {
    const memory = memoryBytes[index];
    const ageMs = now - (view.record?.started ?? now);
    return [
      named ? view.id : view.name,
      stateText(view, ageText(ageMs < WHOLE_SECONDS_MS ? ageMs : ageMs - ageMs % 1000)),
      cpuText(cpuMicroseconds[index], ageMs),
      memory === undefined ? "-" : sizeText(memory),
      "-",
    ];
  });
}

/** A thousand containers have few ages and sizes. */
function onceEach(textOf: (value: number) => string): (value: number) => string {
  const known = new Map<number, string>();
  return (value) => {
    let text = known.get(value);
    if (text === undefined) known.set(value, text = textOf(value));
    return text;
  };
}

/** On the average since its start, 100% being one processor; `-` where no group of its own counts it. */
const cpuText = (microseconds: number | undefined, passedMs: number): string =>
  microseconds === undefined ? "-" : `${(microseconds / Math.max(1, passedMs) / 10).toFixed(1)}%`;

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

/** `age`: how long it runs. */
function stateText(view: BriefView, age: string): string {
  const { state, record, ending, problem } = view;
  if (state === "running") {
    return `${view.paused === true ? "paused" : runningWord(view)} ${age}`;
  }
  if (state === "broken") return `broken: ${problem}`;
  const missed = (record?.collected?.missed.length ?? 0) > 0 ? ", outputs missing" : "";
  const cutOff = record?.unfinished === true ? ", its start was cut off" : "";
  return `${ending === undefined ? state : endingText(ending)}${missed}${cutOff}`;
}

/** `healthy` and its like, where it has a check and the supervisor's word is about this very process. */
function runningWord({ record, supervised }: BriefView): string {
  const same = supervised?.process?.pid === record?.process?.pid;
  return same && supervised?.health !== undefined ? supervised.health : "running";
}
