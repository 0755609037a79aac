/** The description of the interface, made of the rows that answer it. Source: OpenAPI 3.1. */
import type { FieldKind, Fields } from "./http/fields.ts";
import type { Route } from "./route.ts";
import { STATUSES } from "./status.ts";

const SCHEMAS: Readonly<Record<FieldKind, object>> = {
  text: { type: "string" },
  time: { type: "string" },
  flag: { type: "boolean" },
  count: { type: "integer", minimum: 0, maximum: 999_999_999 },
  words: { type: "array", items: { type: "string" } },
  pairs: { type: "object", additionalProperties: { type: "string" } },
};

/** In a query NAME=VALUE is a word, and may be there several times. */
const inQuery = (kind: FieldKind): object => SCHEMAS[kind === "pairs" ? "words" : kind];

function parametersOf({ path, query }: Route): readonly object[] {
  const names = [...path.matchAll(/\{(\w+)\}/g)].map(([, name]) => name);
  return [
    ...names.map((name) => ({ name, in: "path", required: true, schema: SCHEMAS.text })),
    ...Object.entries(query).map(([name, { kind, help, required = false }]) => ({
      name,
      in: "query",
      required,
      description: help,
      schema: inQuery(kind),
    })),
  ];
}

function membersOf(fields: Fields): object {
  const required = Object.keys(fields).filter((name) => fields[name]?.required === true);
  return {
    type: "object",
    additionalProperties: false,
    required,
    properties: Object.fromEntries(
      Object.entries(fields).map(([name, { kind, help }]) => [
        name,
        { ...SCHEMAS[kind], description: help },
      ]),
    ),
  };
}

function bodyOf({ body }: Route): object {
  if (body === undefined) return {};
  if (body === "archive") {
    return { requestBody: { description: "a tar archive", content: { "application/x-tar": {} } } };
  }
  if (body !== "spec") {
    return { requestBody: { content: { "application/json": { schema: membersOf(body) } } } };
  }
  const description = "a spec, as in a file: containerv schema prints its JSON Schema";
  const content = { "application/yaml": {}, "application/json": {} };
  return { requestBody: { description, content } };
}

function operationOf(row: Route): object {
  const types = row.streams
    ? { "application/x-ndjson": {}, "text/event-stream": {}, "application/json": {} }
    : { [row.type ?? "application/json"]: {} };
  return {
    summary: row.summary,
    parameters: parametersOf(row),
    ...bodyOf(row),
    responses: {
      200: { description: row.gives, content: types },
      default: { $ref: "#/components/responses/error" },
    },
  };
}

const ERROR = {
  description: `{error: {code, message, fix, …}}. ${
    Object.entries(STATUSES).map(([status, codes]) => `${status}: ${codes.join(", ")}`).join(". ")
  }. 500: every other code.`,
  content: {
    "application/json": {
      schema: {
        type: "object",
        required: ["error"],
        properties: {
          error: {
            type: "object",
            required: ["code", "message"],
            properties: { code: SCHEMAS.text, message: SCHEMAS.text, fix: SCHEMAS.text },
          },
        },
      },
    },
  },
} as const;

/** Of these rows. */
export function openapi(routes: readonly Route[], version: string): object {
  const paths: Record<string, Record<string, object>> = {};
  for (const row of routes) {
    (paths[row.path] ??= {})[row.method.toLowerCase()] = operationOf(row);
  }
  return {
    openapi: "3.1.0",
    info: { title: "containerv serve", version },
    paths,
    components: { responses: { error: ERROR } },
  };
}
