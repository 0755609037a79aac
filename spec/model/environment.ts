import { HOST_PATH, list, notYet, type Schema } from "./fragment.ts";

/** Any name that execve can pass on; a `=` would end it, and a line break is always a mistake. */
const VARIABLE: Schema = { pattern: "^[^=\\s]+$" };

export const ENVIRONMENT_SCHEMA: Schema = {
  title: "Environment",
  description:
    "Variables of the commands: name → text. A number or boolean is an error, because its spelling would be lost: quote it.",
  type: "object",
  propertyNames: { ...VARIABLE, "x-expects": "a variable's name, without `=` and blanks" },
  additionalProperties: { type: "string", "x-expects": "text" },
  default: {},
  examples: [{ LANG: "C.UTF-8", PORT: "8080" }],
  "x-expects": 'a map such as {PORT: "8080"}',
};

export const ENVIRONMENT_FILES_SCHEMA: Schema = notYet(
  list(HOST_PATH, {
    title: "Environment files",
    description: "Files of NAME=value lines.",
    default: [],
    examples: [["./app.env"]],
    "x-expects": "a list such as [./app.env]",
  }),
  'What works: environment: {NAME: "value"}.',
);

export const LABELS_SCHEMA: Schema = {
  title: "Labels",
  description: "Your own words about the container: name → text, in one line.",
  type: "object",
  propertyNames: {
    pattern: "^[^=\\x00-\\x20]+$",
    "x-expects": "a label's name, without `=` and blanks",
  },
  additionalProperties: {
    type: "string",
    pattern: "^[^\\x00-\\x1f\\x7f]*$",
    "x-expects": "text in one line",
  },
  default: {},
  examples: [{ team: "web" }],
  "x-expects": "a map such as {team: web}",
};
