import { COMMANDS_SCHEMA } from "./command.ts";
import { DEPENDS_ON_SCHEMA } from "./depends.ts";
import { ENVIRONMENT_FILES_SCHEMA, ENVIRONMENT_SCHEMA, LABELS_SCHEMA } from "./environment.ts";
import { ABSOLUTE_PATH, type Schema } from "./fragment.ts";
import { LIMITS_SCHEMA } from "./limits.ts";
import { NAME_SCHEMA } from "./name.ts";
import { JOIN_SCHEMA, TIME_SCHEMA } from "./namespaces.ts";
import { NETWORK_SCHEMA } from "./network.ts";
import { ON_UNSUPPORTED_SCHEMA, PLATFORM_SCHEMA, VM_SCHEMA } from "./platform.ts";
import { POLICY_SCHEMA } from "./policy.ts";
import { PROCESS_SCHEMA } from "./process.ts";
import { ROOTFS_SCHEMA } from "./rootfs.ts";
import type { ContainerKeys, ProjectKeys } from "./spec_type.ts";
import { SECRETS_SCHEMA } from "./secrets.ts";
import { EXTENDS_SCHEMA, INCLUDE_SCHEMA } from "./files.ts";
import { LOGS_SCHEMA } from "./logs.ts";
import { STOP_SCHEMA } from "./stop.ts";
import { INPUTS_SCHEMA, OUTPUTS_SCHEMA } from "./storage.ts";
import {
  HEALTHCHECK_SCHEMA,
  PROFILES_SCHEMA,
  RESTART_SCHEMA,
  UPDATE_SCHEMA,
} from "./supervision.ts";
import { SYSCTLS_SCHEMA } from "./sysctls.ts";
import { VARIABLES_SCHEMA } from "./variables.ts";
import { USER_SCHEMA, USERNS_SCHEMA } from "./user.ts";
import { TOP_VOLUMES_SCHEMA, VOLUMES_SCHEMA } from "./volumes.ts";

const BOOLEAN: Schema = { type: "boolean", "x-expects": "true or false" };

/** In the order in which the documentation lists them. */
const KEYS = {
  extends: EXTENDS_SCHEMA,
  rootfs: ROOTFS_SCHEMA,
  commands: COMMANDS_SCHEMA,
  environment: ENVIRONMENT_SCHEMA,
  environmentFiles: ENVIRONMENT_FILES_SCHEMA,
  workdir: {
    title: "Working directory",
    description: "Where the commands start.",
    ...ABSOLUTE_PATH,
    default: "/",
    examples: ["/build"],
  },
  hostname: {
    title: "Host name",
    description: "Default: the container's name.",
    type: "string",
    maxLength: 64,
    pattern:
      "^[A-Za-z0-9]([A-Za-z0-9_-]*[A-Za-z0-9])?(\\.[A-Za-z0-9]([A-Za-z0-9_-]*[A-Za-z0-9])?)*$",
    examples: ["web-1"],
    "x-expects": "a host name such as web-1: letters, digits, `-`, `.`, at most 64",
  },
  labels: LABELS_SCHEMA,
  user: USER_SCHEMA,
  userns: USERNS_SCHEMA,
  join: JOIN_SCHEMA,
  time: TIME_SCHEMA,
  init: {
    title: "Init",
    description:
      "Our PID 1 reaps processes and forwards signals. Default: true for several commands and with `tty`, where a PID 1 of yours would not hear `^C`; else false.",
    ...BOOLEAN,
    examples: [true],
  },
  tty: {
    title: "Terminal",
    description:
      "Give the commands a terminal of their own, which shows on ours: job control, sizes, and keys such as `^C` are the container's. What they write to standard error comes with the rest, and TERM is `xterm`. `containerv run -t` says the same. Without a terminal of ours it still is one, 80 columns of 24 rows, and the end of our input is the end of its.",
    ...BOOLEAN,
    default: false,
    examples: [true],
  },
  stdin: {
    title: "Standard input",
    description:
      "Pass our standard input to the commands; without it they read /dev/null. Default: true with `tty`, else false. `containerv run -i` says the same.",
    ...BOOLEAN,
    examples: [true],
  },
  process: PROCESS_SCHEMA,
  sysctls: SYSCTLS_SCHEMA,
  volumes: VOLUMES_SCHEMA,
  secrets: SECRETS_SCHEMA,
  inputs: INPUTS_SCHEMA,
  outputs: OUTPUTS_SCHEMA,
  limits: LIMITS_SCHEMA,
  network: NETWORK_SCHEMA,
  policy: POLICY_SCHEMA,
  healthcheck: HEALTHCHECK_SCHEMA,
  restart: RESTART_SCHEMA,
  update: UPDATE_SCHEMA,
  dependsOn: DEPENDS_ON_SCHEMA,
  profiles: PROFILES_SCHEMA,
  stop: STOP_SCHEMA,
  logs: LOGS_SCHEMA,
  platform: PLATFORM_SCHEMA,
  vm: VM_SCHEMA,
  onUnsupported: ON_UNSUPPORTED_SCHEMA,
} satisfies Record<keyof ContainerKeys, Schema>;

/** Each key of a container; the type above keeps it in step with `spec_type.ts`. */
export const CONTAINER_KEYS: Readonly<Record<string, Schema>> = KEYS;

const TOP_KEYS = {
  name: NAME_SCHEMA,
  variables: VARIABLES_SCHEMA,
  include: INCLUDE_SCHEMA,
} satisfies Record<keyof ProjectKeys, Schema>;

/** Keys that stand at the top of a file only. */
export const PROJECT_KEYS: Readonly<Record<string, Schema>> = TOP_KEYS;

const EXTENSIONS: Schema = { patternProperties: { "^x-": true }, additionalProperties: false };

function refer(keys: Readonly<Record<string, Schema>>): Record<string, Schema> {
  return Object.fromEntries(Object.keys(keys).map((key) => [key, { $ref: `#/$defs/${key}` }]));
}

/** The JSON Schema (2020-12) of a spec: what `containerv schema` prints and what the validator is generated from. */
export const schema: Schema = {
  $schema: "https://json-schema.org/draft/2020-12/schema",
  title: "containerv",
  description:
    "A container as data. A file is one container (its keys stand at the top), or has `containers:`; not both. `x-…` keys are yours.",
  type: "object",
  "x-expects": 'a map such as {commands: ["echo hello"]}',
  properties: {
    ...refer(PROJECT_KEYS),
    containers: {
      title: "Containers",
      description: "Name → container. Not together with the keys of one container.",
      type: "object",
      minProperties: 1,
      propertyNames: NAME_SCHEMA,
      additionalProperties: { $ref: "#/$defs/container" },
      examples: [{ web: { commands: [["nginx"]] } }],
      "x-expects": "a map such as {web: {commands: […]}}",
    },
    ...refer(CONTAINER_KEYS),
    volumes: TOP_VOLUMES_SCHEMA,
  },
  ...EXTENSIONS,
  examples: [{ commands: ["echo hello"], limits: { memory: "64MiB", pids: 16 } }],
  $defs: {
    container: {
      title: "Container",
      type: "object",
      properties: refer(CONTAINER_KEYS),
      ...EXTENSIONS,
      "x-expects": "a map such as {commands: […]}",
    },
    ...PROJECT_KEYS,
    ...CONTAINER_KEYS,
  },
};
