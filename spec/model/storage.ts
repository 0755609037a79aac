import {
  ABSOLUTE_PATH,
  byType,
  HOST_PATH,
  list,
  map,
  notYet,
  type Schema,
  SIZE,
} from "./fragment.ts";

const VOLUME_KINDS: Readonly<Record<string, Schema>> = {
  bind: {
    title: "Directory",
    description: "A path of the host.",
    ...HOST_PATH,
    examples: ["./src"],
  },
  volume: {
    title: "Volume",
    description: "A volume that is declared below `volumes`.",
    type: "string",
    pattern: "^[a-z0-9][a-z0-9_.-]{0,62}$",
    examples: ["data"],
    "x-expects": "a volume's name such as data",
  },
  tmpfs: { title: "Memory", description: "A tmpfs of this size.", ...SIZE, examples: ["64MiB"] },
};

const VOLUME_MAP: Schema = map({
  ...VOLUME_KINDS,
  at: {
    title: "Place",
    description: "Where in the container.",
    ...ABSOLUTE_PATH,
    examples: ["/src"],
  },
  readonly: {
    title: "Read-only",
    type: "boolean",
    default: false,
    examples: [true],
    "x-expects": "true or false",
  },
  owner: {
    title: "Owner",
    description: "`match`: the source's owner appears as the container's user.",
    enum: ["match"],
    examples: ["match"],
  },
  create: {
    title: "Create",
    description: "Make the source when it is missing; else that is an error.",
    type: "boolean",
    default: false,
    examples: [true],
    "x-expects": "true or false",
  },
}, {
  required: ["at"],
  oneOf: Object.keys(VOLUME_KINDS).map((kind) => ({ required: [kind] })),
});

const MOUNTS: Schema = list(
  byType({ string: { pattern: "^[^:]+:/[^:]*(:ro|:rw)?$" }, object: VOLUME_MAP }, {
    "x-expects": "a volume such as ./src:/src:ro or {bind: ./src, at: /src}",
  }),
  { "x-expects": "a list such as [./src:/src:ro]" },
);

const DECLARED: Schema = {
  type: "object",
  propertyNames: {
    pattern: "^[a-z0-9][a-z0-9_.-]{0,62}$",
    "x-expects": "a volume's name such as data",
  },
  additionalProperties: map({}, { "x-expects": "an empty map: {}" }),
};

const INSTEAD = "What works: a layer of rootfs: {dir: ./src, at: /src}.";

export const VOLUMES_SCHEMA: Schema = notYet({
  ...MOUNTS,
  title: "Volumes",
  description:
    "Directories of the host and named volumes in the container: `./src:/dst[:ro]`, `data:/dst`, or {bind | volume | tmpfs, at, readonly, owner, create}. A missing source is an error unless `create`.",
  examples: [["./src:/src:ro"]],
}, INSTEAD);

/** At the top of a file with `containers:` the word declares; in a file that is one container it does either. */
export const TOP_VOLUMES_SCHEMA: Schema = notYet(
  byType({ array: MOUNTS, object: DECLARED }, {
    title: "Volumes",
    description: "Named volumes (a map), or the volumes of the one container (a list).",
    examples: [{ data: {} }, ["./src:/src:ro"]],
    "x-expects": "a map such as {data: {}}, or a list such as [./src:/src:ro]",
  }),
  INSTEAD,
);

const MODE: Schema = {
  title: "Mode",
  description: "Permissions in octal, between quotes.",
  type: "string",
  pattern: "^0?[0-7]{3,4}$",
  examples: ["0644"],
  "x-expects": 'a mode such as "0644", between quotes',
};

export const INPUTS_SCHEMA: Schema = notYet(
  list(
    map({
      from: {
        title: "From",
        description: "A path of the host.",
        ...HOST_PATH,
        examples: ["./site.mk"],
      },
      to: {
        title: "To",
        description: "A path in the container.",
        ...ABSOLUTE_PATH,
        examples: ["/build/Makefile"],
      },
      mode: MODE,
    }, { required: ["from", "to"] }),
    {
      title: "Inputs",
      description: "Copied in before the first command.",
      examples: [[{ from: "./site.mk", to: "/build/Makefile", mode: "0644" }]],
      "x-expects": "a list such as [{from: ./a, to: /b}]",
    },
  ),
  INSTEAD,
);

export const OUTPUTS_SCHEMA: Schema = notYet(
  list(
    map({
      from: {
        title: "From",
        description: "A path in the container.",
        ...ABSOLUTE_PATH,
        examples: ["/build/dist"],
      },
      to: { title: "To", description: "A path of the host.", ...HOST_PATH, examples: ["./dist"] },
      mode: MODE,
      when: {
        title: "When",
        description: "Only after success, or always.",
        enum: ["success", "always"],
        default: "success",
        examples: ["always"],
      },
    }, { required: ["from", "to"] }),
    {
      title: "Outputs",
      description:
        "Copied out after the last command; they belong to the owner of the directory they are written to.",
      examples: [[{ from: "/build/dist", to: "./dist" }]],
      "x-expects": "a list such as [{from: /build/dist, to: ./dist}]",
    },
  ),
  "What works: write to standard output.",
);
