/** Routes that give what happens as it happens: what containers write, and what becomes of them. */
import { eventJson, logLineJson } from "../../lifecycle/as_json.ts";
import type { ContainerView } from "../../lifecycle/containers.ts";
import { followLogs } from "../../lifecycle/follow.ts";
import { keepAgain } from "../../lifecycle/keep_again.ts";
import { giveEvents } from "../../lifecycle/follow_events.ts";
import { type LogLine, openLogs } from "../../lifecycle/logs.ts";
import { readTime } from "../../lifecycle/points_of_time.ts";
import { ContainervError } from "../../plan/error.ts";
import type { Field, Given } from "../http/fields.ts";
import { type Answer, type Asker, type Route, route } from "../route.ts";
import {
  meantContainer,
  meantContainers,
  meantProject,
  meantProjects,
  PROJECT_FIELD,
} from "./meant.ts";

const SINCE_FIELD = {
  kind: "time",
  help: "only what came since: 10m, or a time such as 2026-11-24T12:00:00Z",
} as const satisfies Field;

const FOLLOW_FIELD = {
  kind: "flag",
  help: "go on with what comes; without it the stream ends with what is there",
} as const satisfies Field;

const LOG_FIELDS = {
  project: PROJECT_FIELD,
  follow: FOLLOW_FIELD,
  since: SINCE_FIELD,
  until: { kind: "time", help: "only what came before; not with follow" },
  tail: { kind: "count", help: "of what is there only so many lines" },
} as const;

/** Nanoseconds since 1970. Throws ContainervError BAD_REQUEST. */
function timeOf(name: string, text: string | undefined): bigint | undefined {
  if (text === undefined) return undefined;
  const time = readTime(text);
  if (time !== undefined) return time;
  throw new ContainervError({
    code: "BAD_REQUEST",
    message: `${name} takes 10m or a time, not ${text}`,
  });
}

function giveLogs(
  views: readonly ContainerView[],
  { follow = false, since, until, tail = Infinity }: Given<typeof LOG_FIELDS>,
  { signal }: Asker,
): Answer {
  const from = timeOf("since", since) ?? 0n;
  const to = timeOf("until", until);
  if (follow && to !== undefined) {
    throw new ContainervError({
      code: "BAD_REQUEST",
      message: "until and follow contradict each other",
    });
  }
  const isMeant = ({ timeNs }: LogLine): boolean =>
    timeNs >= from && (to === undefined || timeNs < to);
  return {
    stream: async (write) => {
      const print = async (lines: readonly LogLine[]): Promise<void> => {
        for (const line of lines.filter(isMeant)) await write(logLineJson(line));
      };
      const unkept = await keepAgain(views).then(() => undefined, (error: unknown) => error);
      if (follow && unkept === undefined) return await followLogs(views, { tail, print, signal });
      const lines = openLogs(views).next({ rest: true }).filter(isMeant);
      await print(lines.slice(Math.max(0, lines.length - tail)));
      // What is in the log was given; what was not kept is not, and nothing more comes.
      if (unkept !== undefined) throw unkept;
    },
  };
}

const LINES =
  "A stream, a line of JSON each: time, container, stream, text; base64 where the bytes are no UTF-8.";

export const STREAM_ROUTES: readonly Route[] = [
  route({
    method: "GET",
    path: "/v1/containers/{name}/logs",
    summary: "what it wrote: `logs --json`",
    query: LOG_FIELDS,
    streams: true,
    gives: LINES,
    answer: ({ path, query, asker }) =>
      giveLogs([meantContainer(path.name, query.project)], query, asker),
  }),
  route({
    method: "GET",
    path: "/v1/logs",
    summary: "what the containers of a project, or of all, wrote: `logs --json`",
    query: LOG_FIELDS,
    streams: true,
    gives: LINES,
    answer: ({ query, asker }) => giveLogs(meantContainers(query.project), query, asker),
  }),
  route({
    method: "GET",
    path: "/v1/events",
    summary: "what happened to containers: `events`",
    query: {
      project: PROJECT_FIELD,
      container: { kind: "words", help: "only of containers of these names" },
      follow: FOLLOW_FIELD,
      since: SINCE_FIELD,
    },
    streams: true,
    gives: "A stream, a line of JSON each: time, project, type, container, and what belongs to it.",
    answer: ({ query: { project, container, follow = false, since }, asker: { signal } }) => {
      const from = Number((timeOf("since", since) ?? 0n) / 1_000_000n);
      const names = new Set(container);
      const fixed = project === undefined ? undefined : [meantProject(project)];
      return {
        stream: (write) =>
          giveEvents(() => fixed ?? meantProjects(undefined), {
            follow,
            signal,
            print: async (events) => {
              for (const event of events) {
                const isMeant = names.size === 0 || names.has(event.container);
                if (event.at >= from && isMeant) await write(eventJson(event));
              }
            },
          }),
      };
    },
  }),
];
