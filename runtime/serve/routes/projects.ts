/** Routes about projects: what a spec says, what would be done about it, doing it, and taking it away. */
import { hideIn } from "../../../spec/text/hide.ts";
import { factsOf } from "../../apply/facts.ts";
import { containerJson } from "../../lifecycle/as_json.ts";
import { viewProject } from "../../lifecycle/containers.ts";
import { downProjects } from "../../lifecycle/down.ts";
import { create } from "../../lifecycle/create.ts";
import { collectGarbage } from "../../lifecycle/gc.ts";
import { compareProject } from "../../lifecycle/plan_project.ts";
import { type Done, up } from "../../lifecycle/up.ts";
import { ContainervError, type ErrorFacts } from "../../plan/error.ts";
import { changesJson } from "../../show/changes.ts";
import type { ProjectPlaces } from "../../state/places.ts";
import { listProjects, placesOf } from "../../state/project.ts";
import { type Answer, type Route, route } from "../route.ts";
import { statusOf } from "../status.ts";
import { meantProject } from "./meant.ts";
import { loadGiven, locatedIn, readWanted, SPEC_FIELDS, type Wanted } from "./wanted.ts";

function projectJson(places: ProjectPlaces): object {
  const { record, problem, kept, containers } = viewProject(places);
  return {
    key: places.key,
    ...(record === undefined ? {} : { name: record.name, file: record.file }),
    ...(problem === undefined ? {} : { problem }),
    kept,
    containers: containers.map(containerJson),
  };
}

function doneJson({ name, action, why, differences, drift, start, healthy, ms }: Done): object {
  return {
    name,
    action,
    why,
    differences: differences.map(({ key, text }) => ({ key, text })),
    drift: drift.map(({ text }) => text),
    ...(start === undefined ? {} : { started: start.record !== undefined }),
    ...(start?.record?.ended === undefined ? {} : { ending: start.record.ended }),
    ...(healthy === undefined ? {} : { healthy }),
    ms: Math.round(ms * 10) / 10,
  };
}

/** What failed says where in the spec. */
async function asOf<Result>({ result }: Wanted, act: () => Promise<Result> | Result) {
  try {
    return await act();
  } catch (error) {
    throw new ContainervError(locatedIn(result, factsOf(error)));
  }
}

const stopping = (): ContainervError =>
  new ContainervError({
    code: "STOPPING",
    message: "the server stops, and has begun nothing more: not all containers are there",
    fix: "ask it again when it is back: what runs is left as it is",
  });

async function bringUp(wanted: Wanted, isStopping: () => boolean): Promise<Answer> {
  const { desired, file, result } = wanted;
  const { done, failures, supervisor } = await asOf(
    wanted,
    () => up(desired, file, { isAborted: isStopping }),
  );
  const errors = failures.map(({ name, facts }) => ({ name, ...locatedIn(result, facts) }));
  // What is not begun any more is neither done nor failed.
  const cut = isStopping() && done.length + errors.length < desired.containers.length;
  const first = errors[0] ?? (cut ? stopping().facts : undefined);
  const json = {
    ...(first === undefined ? {} : { error: first }),
    project: projectJson(placesOf(desired.project, file)),
    done: done.map(doneJson),
    failures: errors,
    warnings: result.diagnostics,
    ...(supervisor === undefined ? {} : { supervisor }),
  };
  const status = first === undefined ? 200 : statusOf(first.code);
  return { status, json: hideIn(json, result.hidden) };
}

/** What was done, and what failed of it: the first failure is the answer's. */
function withFailures(done: object, failures: readonly ErrorFacts[]): Answer {
  const [error] = failures;
  if (error === undefined) return { json: { ...done, failures } };
  return { status: statusOf(error.code), json: { error, ...done, failures } };
}

export const PROJECT_ROUTES: readonly Route[] = [
  route({
    method: "GET",
    path: "/v1/projects",
    summary: "the projects that there are",
    gives: "A list: key, name, file, kept (its keeper runs), containers.",
    answer: () => ({ json: listProjects().map(projectJson) }),
  }),
  route({
    method: "GET",
    path: "/v1/projects/{project}",
    summary: "one project",
    gives: "An entry of `GET /v1/projects`.",
    answer: ({ path }) => ({ json: projectJson(meantProject(path.project)) }),
  }),
  route({
    method: "POST",
    path: "/v1/validate",
    summary: "checks a spec: `validate --json`",
    query: SPEC_FIELDS,
    body: "spec",
    gives: "A list of diagnostics, of warnings alone; 422 with all of them when it is wrong.",
    answer: async ({ query, content }) => {
      const { result: { diagnostics, desired } } = await loadGiven(query, content);
      return { status: desired === undefined ? 422 : 200, json: diagnostics };
    },
  }),
  route({
    method: "POST",
    path: "/v1/diff",
    summary: "what up would change, and does not: `diff --json`",
    query: SPEC_FIELDS,
    body: "spec",
    gives: "The changes of each container, with the reasons.",
    answer: async ({ query, content }) => {
      const wanted = await readWanted(query, content);
      const { desired, file, result: { places, hidden } } = wanted;
      const compared = await asOf(wanted, () => compareProject(desired, file));
      return { json: hideIn(changesJson(compared, places), hidden) };
    },
  }),
  route({
    method: "POST",
    path: "/v1/up",
    summary: "makes true what a spec says, and leaves it running: `up -d`",
    query: SPEC_FIELDS,
    body: "spec",
    gives:
      "project as in `GET /v1/projects`, done (what was done about each container), failures, warnings. When something failed: the status of the first failure, and it is `error` too; the rest was done.",
    answer: async ({ query, content, asker: { isStopping } }) =>
      await bringUp(await readWanted(query, content), isStopping),
  }),
  route({
    method: "POST",
    path: "/v1/create",
    summary: "records what a spec says, and starts nothing: `create`",
    query: SPEC_FIELDS,
    body: "spec",
    gives: "created and there (names), failures.",
    answer: async ({ query, content }) => {
      const wanted = await readWanted(query, content);
      const { desired, file, result } = wanted;
      const { failures, ...names } = await asOf(wanted, () => create(desired, file));
      return withFailures(names, failures.map(({ facts }) => locatedIn(result, facts)));
    },
  }),
  route({
    method: "POST",
    path: "/v1/projects/{project}/down",
    summary: "ends and removes its containers: `down`",
    query: {
      time: { kind: "count", help: "seconds that each may take to end" },
      volumes: { kind: "flag", help: "also what it keeps on the disk" },
    },
    gives: "removed (names), kept and removedKept (paths on the disk), notes (in words), failures.",
    answer: async ({ path, query: { time, volumes = false } }) => {
      const { failures, ...gone } = await downProjects([meantProject(path.project)], {
        volumes,
        ...(time === undefined ? {} : { graceMs: time * 1000 }),
      });
      return withFailures(gone, failures);
    },
  }),
  route({
    method: "POST",
    path: "/v1/gc",
    summary: "undoes what killed commands left: `gc`",
    query: {
      dryRun: { kind: "flag", help: "only say what would be removed" },
      layers: { kind: "flag", help: "also layers that could be unpacked again" },
    },
    gives:
      "removed (in words), adopted (containers that are kept again), passed (projects that another changes), failures.",
    answer: async ({ query: { dryRun = false, layers = false } }) => {
      const { failures, ...found } = await collectGarbage({ dryRun, layers });
      return withFailures(found, failures);
    },
  }),
];
