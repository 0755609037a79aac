import { ARGV, byType, DURATION, list, map, notYet, type Schema } from "./fragment.ts";

const PORT: Schema = {
  type: "integer",
  minimum: 1,
  maximum: 65535,
  "x-expects": "a port such as 80",
};

const CHECKS: Readonly<Record<string, Schema>> = {
  exec: {
    title: "Program",
    description: "Healthy when it exits 0.",
    ...ARGV,
    examples: [["pg_isready"]],
  },
  shell: {
    title: "Shell",
    description: "Healthy when it exits 0.",
    type: "string",
    minLength: 1,
    examples: ["test -e /ready"],
    "x-expects": "a line for the shell",
  },
  http: map({
    port: PORT,
    path: { type: "string", pattern: "^/", default: "/", "x-expects": "a path such as /health" },
  }, {
    title: "HTTP",
    description: "Healthy when the answer is 2xx or 3xx.",
    required: ["port"],
    examples: [{ port: 80, path: "/" }],
    "x-expects": "a map such as {port: 80, path: /}",
  }),
  tcp: map({ port: PORT }, {
    title: "TCP",
    description: "Healthy when the port accepts.",
    required: ["port"],
    examples: [{ port: 5432 }],
    "x-expects": "a map such as {port: 5432}",
  }),
};

const ONE_RUN = "What works: one run to its end.";

export const HEALTHCHECK_SCHEMA: Schema = notYet(
  map({
    ...CHECKS,
    interval: {
      title: "Interval",
      description: "Between two checks.",
      ...DURATION,
      default: "30s",
      examples: ["2s"],
    },
    timeout: {
      title: "Time limit",
      description: "Of one check.",
      ...DURATION,
      default: "30s",
      examples: ["1s"],
    },
    retries: {
      title: "Retries",
      description: "Failures in a row until it is unhealthy.",
      type: "integer",
      minimum: 1,
      default: 3,
      examples: [5],
      "x-expects": "a whole number",
    },
    startPeriod: {
      title: "Start",
      description: "Failures this long after the start don't count.",
      ...DURATION,
      default: "0s",
      examples: ["10s"],
    },
    onFailure: {
      title: "On failure",
      description: "What is done with an unhealthy container.",
      enum: ["none", "restart", "stop"],
      default: "none",
      examples: ["restart"],
    },
  }, {
    title: "Health check",
    description: "How it is known that the container does its work.",
    oneOf: Object.keys(CHECKS).map((kind) => ({ required: [kind] })),
    examples: [{ exec: ["pg_isready"], interval: "2s" }],
    "x-expects": "a map such as {exec: [pg_isready], interval: 2s}",
  }),
  ONE_RUN,
);

const RESTART_POLICY: Schema = { enum: ["no", "on-failure", "always"] };

export const RESTART_SCHEMA: Schema = notYet(
  byType({
    string: RESTART_POLICY,
    object: map({
      policy: RESTART_POLICY,
      maxRetries: { type: "integer", minimum: 1, "x-expects": "a whole number" },
      backoff: DURATION,
    }, { required: ["policy"] }),
  }, {
    title: "Restart",
    description: "Whether the container is started again when it ended.",
    default: "no",
    examples: ["always"],
    "x-expects": "no, on-failure, always, or {policy: …, maxRetries: …}",
  }),
  ONE_RUN,
);

export const DEPENDS_ON_SCHEMA: Schema = notYet(
  byType({
    array: list({ type: "string", "x-expects": "a container's name" }, { uniqueItems: true }),
    object: { additionalProperties: { enum: ["started", "healthy", "completed"] } },
  }, {
    title: "Depends on",
    description:
      "Containers that come first. A list: healthy if it has a check, else started; a map says which.",
    examples: [["db"], { migrate: "completed" }],
    "x-expects": "a list such as [db], or a map such as {migrate: completed}",
  }),
  "What works: one container in a file.",
);
