import { join } from "../text/tree.ts";
import type { Context, Part } from "./context.ts";
import type { DesiredHealthcheck, DesiredRestart } from "./desired.ts";
import { ARGV, byType, DURATION, list, map, type Schema } from "./fragment.ts";
import { readDuration } from "./quantity.ts";
import type { ContainerKeys, HealthcheckSpec } from "./spec_type.ts";

const DEFAULT_BACKOFF = "1s";

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

export const HEALTHCHECK_SCHEMA: Schema = map({
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
});

const RESTART_POLICY: Schema = { enum: ["no", "on-failure", "always"] };

export const RESTART_SCHEMA: Schema = byType({
  string: RESTART_POLICY,
  object: map({
    policy: {
      title: "When",
      description: "See `restart`.",
      ...RESTART_POLICY,
      examples: ["always"],
    },
    maxRetries: {
      title: "At most",
      description: "Restarts in a row until it is left alone. Default: no bound.",
      type: "integer",
      minimum: 1,
      examples: [5],
      "x-expects": "a whole number",
    },
    backoff: {
      title: "Wait",
      description:
        "Before the first restart; each next one waits twice as long, at most a minute, until the container ran for ten seconds.",
      ...DURATION,
      default: DEFAULT_BACKOFF,
      examples: ["5s"],
    },
  }, { required: ["policy"] }),
}, {
  title: "Restart",
  description:
    "Whether the container is started again when it ended: never, after a failure, or always. For `up`; `run` runs once.",
  default: "no",
  examples: ["always", { policy: "on-failure", maxRetries: 5 }],
  "x-expects": "no, on-failure, always, or {policy: …, maxRetries: …}",
});

export const UPDATE_SCHEMA: Schema = {
  title: "Update",
  description:
    "How `up` replaces a container that changed: `stopFirst`, or `startFirst`, which starts the new one, waits until it is ready, and then stops the old one.",
  enum: ["stopFirst", "startFirst"],
  default: "stopFirst",
  examples: ["startFirst"],
  "x-expects": "stopFirst or startFirst",
};

export const PROFILES_SCHEMA: Schema = list({
  type: "string",
  pattern: "^[A-Za-z0-9][A-Za-z0-9_.-]{0,62}$",
  "x-expects": "a profile's name such as debug",
}, {
  title: "Profiles",
  description:
    "The container is there only when one of these is asked for (`up --profile debug`). Absent: always.",
  minItems: 1,
  uniqueItems: true,
  examples: [["debug"]],
  "x-expects": "a list such as [debug]",
});

/** `restart:` → policy, bound and first wait. */
export function normaliseRestart(
  context: Context,
  { value, pointer }: Part<ContainerKeys["restart"]>,
): DesiredRestart {
  const said = typeof value === "string" ? { policy: value } : value ?? { policy: "no" as const };
  const backoff = said.backoff ?? DEFAULT_BACKOFF;
  const backoffMs = readDuration(context, { value: backoff, pointer: join(pointer, "backoff") });
  for (const key of ["maxRetries", "backoff"] as const) {
    if (said.policy !== "no" || said[key] === undefined) continue;
    context.report({
      code: "CONTRADICTION",
      message: `\`${key}\` of a container that is never restarted`,
      pointer: join(pointer, key),
      part: "key",
      note: "say policy: on-failure or always, or leave it out",
    });
  }
  return {
    policy: said.policy,
    ...(said.maxRetries === undefined ? {} : { maxRetries: said.maxRetries }),
    backoffMs: backoffMs ?? 0,
  };
}

const HEALTH_DEFAULTS = { interval: "30s", timeout: "30s", startPeriod: "0s" } as const;

/** `healthcheck:` → what is tried and how often. */
export function normaliseHealthcheck(
  context: Context,
  { value, pointer }: Part<ContainerKeys["healthcheck"]>,
): DesiredHealthcheck | undefined {
  if (value === undefined) return undefined;
  const duration = (key: keyof typeof HEALTH_DEFAULTS): number | undefined =>
    readDuration(context, {
      value: value[key] ?? HEALTH_DEFAULTS[key],
      pointer: join(pointer, key),
    });
  const intervalMs = duration("interval");
  const timeoutMs = duration("timeout");
  for (const [key, ms] of [["interval", intervalMs], ["timeout", timeoutMs]] as const) {
    if (ms !== 0) continue;
    const message = `${key} must be longer than ${value[key]}`;
    context.report({ code: "BAD_DURATION", message, pointer: join(pointer, key) });
  }
  return {
    test: healthTest(value),
    intervalMs: intervalMs ?? 0,
    timeoutMs: timeoutMs ?? 0,
    retries: value.retries ?? 3,
    startPeriodMs: duration("startPeriod") ?? 0,
    onFailure: value.onFailure ?? "none",
    origin: pointer,
  };
}

function healthTest({ exec, shell, http, tcp }: HealthcheckSpec): DesiredHealthcheck["test"] {
  if (exec !== undefined) return { kind: "exec", exec };
  if (shell !== undefined) return { kind: "exec", exec: ["/bin/sh", "-ec", shell] };
  if (http !== undefined) return { kind: "http", port: http.port, path: http.path ?? "/" };
  return { kind: "tcp", port: tcp?.port ?? 0 };
}
