/** Routes about single containers: what they are, and what is done to them. */
import { SIGKILL, signalNumber } from "../../../ffi/abi/signal.ts";
import { containerJson, sampleJson } from "../../lifecycle/as_json.ts";
import type { ContainerView } from "../../lifecycle/containers.ts";
import { followEnding } from "../../lifecycle/follow.ts";
import { inspect } from "../../lifecycle/inspect.ts";
import { renameContainer } from "../../lifecycle/rename.ts";
import { targetOfView } from "../../lifecycle/running.ts";
import { sampleUsage } from "../../lifecycle/samples.ts";
import {
  again,
  mustHaveStarted,
  pauseContainer,
  removeOne,
  resumeContainer,
  signalContainer,
  startAgain,
  stopOne,
  withProjectOf,
} from "../../lifecycle/verbs.ts";
import { listProcesses } from "../../observe/usage.ts";
import { ContainervError } from "../../plan/error.ts";
import { type Answer, type Route, route } from "../route.ts";
import { meantContainer, meantContainers, PROJECT_FIELD } from "./meant.ts";

const query = { project: PROJECT_FIELD } as const;
const TIME_FIELD = {
  kind: "count",
  help: "seconds that it may take to end, in place of what its spec says",
} as const;
const grace = (time: number | undefined): { readonly graceMs?: number } =>
  time === undefined ? {} : { graceMs: time * 1000 };

const GIVES = "The container as it is then, as in `GET /v1/containers`.";
const now = (view: ContainerView): Answer => ({ json: containerJson(again(view)) });

async function startOne(
  view: ContainerView,
  stop?: { readonly graceMs?: number },
): Promise<Answer> {
  const started = await withProjectOf(view, async (project, before) => {
    if (stop !== undefined) await stopOne(before, stop);
    return await startAgain(project, again(before));
  });
  mustHaveStarted(started);
  return now(view);
}

const LOOKING: readonly Route[] = [
  route({
    method: "GET",
    path: "/v1/containers",
    summary: "the containers of a project, or of all: `ps --json`",
    query,
    gives: "A list: name, id, state, pid, created, started, limits, ending.",
    answer: ({ query: { project } }) => ({ json: meantContainers(project).map(containerJson) }),
  }),
  route({
    method: "GET",
    path: "/v1/containers/{name}",
    summary: "one container",
    query,
    gives: "An entry of `GET /v1/containers`.",
    answer: ({ path, query: { project } }) => ({
      json: containerJson(meantContainer(path.name, project)),
    }),
  }),
  route({
    method: "GET",
    path: "/v1/containers/{name}/inspect",
    summary: "the isolation that it really has: `inspect --json`",
    query,
    gives: "Namespaces, groups, mounts, ids, capabilities, limits, as the kernel tells them.",
    answer: async ({ path, query: { project } }) => {
      const found = await inspect(meantContainer(path.name, project).id);
      return { json: found.map(({ name, isolation }) => ({ name, ...isolation })) };
    },
  }),
  route({
    method: "GET",
    path: "/v1/containers/{name}/top",
    summary: "its processes: `top --json`",
    query,
    gives: "A list: pid inside and outside, user, state, processor time, memory, command.",
    answer: ({ path, query: { project } }) => ({
      json: listProcesses(targetOfView(meantContainer(path.name, project)).pid),
    }),
  }),
  route({
    method: "GET",
    path: "/v1/stats",
    summary: "what the running containers of a project, or of all, use: `stats --json`",
    query: { ...query, container: { kind: "words", help: "only these" } },
    gives: "A list: name, id, processors (1 is one), memory, limits, processes; over 200 ms.",
    answer: async ({ query: { project, container } }) => {
      const views = container?.map((name) => meantContainer(name, project)) ??
        meantContainers(project);
      return { json: (await sampleUsage(views, LOOK_MS)).map(sampleJson) };
    },
  }),
  route({
    method: "GET",
    path: "/v1/containers/{name}/wait",
    summary: "how it ended; answered when it has: `wait`",
    query,
    gives: GIVES,
    answer: async ({ path, query: { project }, asker }) => {
      const view = meantContainer(path.name, project);
      const ended = await followEnding(view, asker.signal);
      if (ended === undefined && asker.isStopping()) throw stopping();
      return now(ended ?? view);
    },
  }),
];

const LOOK_MS = 200;

const stopping = (): ContainervError =>
  new ContainervError({ code: "STOPPING", message: "the server stops; the container does not" });

const ACTING: readonly Route[] = [
  route({
    method: "POST",
    path: "/v1/containers/{name}/start",
    summary: "starts one that has ended, or was only created: `start`",
    query,
    gives: GIVES,
    answer: ({ path, query: { project } }) => startOne(meantContainer(path.name, project)),
  }),
  route({
    method: "POST",
    path: "/v1/containers/{name}/stop",
    summary: "ends it, and it stays recorded: `stop`",
    query: { ...query, time: TIME_FIELD },
    gives: GIVES,
    answer: async ({ path, query: { project, time } }) => {
      const view = meantContainer(path.name, project);
      await stopOne(view, grace(time));
      return now(view);
    },
  }),
  route({
    method: "POST",
    path: "/v1/containers/{name}/restart",
    summary: "ends it and starts it again: `restart`",
    query: { ...query, time: TIME_FIELD },
    gives: GIVES,
    answer: ({ path, query: { project, time } }) =>
      startOne(meantContainer(path.name, project), grace(time)),
  }),
  route({
    method: "POST",
    path: "/v1/containers/{name}/kill",
    summary: "sends its first process a signal: `kill`",
    query: { ...query, signal: { kind: "text", help: "TERM, SIGTERM or 15; default: SIGKILL" } },
    gives: GIVES,
    answer: ({ path, query: { project, signal } }) => {
      const number = signal === undefined ? SIGKILL : signalNumber(signal);
      if (number === undefined) {
        throw new ContainervError({ code: "BAD_REQUEST", message: `there is no signal ${signal}` });
      }
      const view = meantContainer(path.name, project);
      signalContainer(view, number);
      return now(view);
    },
  }),
  route({
    method: "POST",
    path: "/v1/containers/{name}/pause",
    summary: "stops every process of it: `pause`",
    query,
    gives: GIVES,
    answer: async ({ path, query: { project } }) => {
      const view = meantContainer(path.name, project);
      await withProjectOf(view, (_project, then) => pauseContainer(then));
      return now(view);
    },
  }),
  route({
    method: "POST",
    path: "/v1/containers/{name}/resume",
    summary: "lets them go on: `resume`",
    query,
    gives: GIVES,
    answer: async ({ path, query: { project } }) => {
      const view = meantContainer(path.name, project);
      await withProjectOf(view, (_project, then) => resumeContainer(then));
      return now(view);
    },
  }),
  route({
    method: "POST",
    path: "/v1/containers/{name}/rename",
    summary: "another name: `rename`",
    query: { ...query, to: { kind: "text", help: "the new name", required: true } },
    gives: GIVES,
    answer: async ({ path, query: { project, to = "" } }) => {
      const view = meantContainer(path.name, project);
      await withProjectOf(view, (open, then) => renameContainer(open, then, to));
      return { json: containerJson(meantContainer(to, view.project.key)) };
    },
  }),
  route({
    method: "DELETE",
    path: "/v1/containers/{name}",
    summary: "removes one that has ended: `rm`",
    query: { ...query, force: { kind: "flag", help: "also one that runs" } },
    gives: "`{removed: ID}`.",
    answer: async ({ path, query: { project, force = false } }) => {
      const view = meantContainer(path.name, project);
      const [left] = await withProjectOf(view, (_project, then) => removeOne(then, { force }));
      if (left !== undefined) throw new ContainervError(left);
      return { json: { removed: view.id } };
    },
  }),
];

export const CONTAINER_ROUTES: readonly Route[] = [...LOOKING, ...ACTING];
