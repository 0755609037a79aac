/** The JSON Schema → docs/yaml.md: every key with its meaning, form, default, example, and whether it works yet. Pure. */
import { Document, visit } from "yaml";
import type { Schema } from "../../spec/model/fragment.ts";

const HEAD = `# The YAML

<!-- Written by tools/gen_reference.ts from spec/model. Do not edit. -->

A file describes one container: its keys stand at the top. The name of the container is \`name\`, or the file's name without its
ending. A file with \`containers:\` describes several, and has none of these keys at the top. Keys that begin with \`x-\` are yours;
anchors and aliases work. An unknown key is an error with the nearest known one; so are keys written twice, numbers that would lose
digits, and \`0644\` without quotes.

An editor completes and checks while one writes:

\`\`\`sh
containerv schema > containerv.schema.json
\`\`\`
\`\`\`yaml
# yaml-language-server: $schema=./containerv.schema.json
commands: ["echo hello from $(hostname)"]
\`\`\`

Sizes are texts with a unit: \`512MiB\`, \`1.5GB\`. Durations: \`30s\`, \`1m30s\`, \`500ms\`. Every default that takes effect is shown by
\`containerv plan\` as \`default\`.

**Not yet**: the key is known and checked, and refused by name with what works instead. It is never ignored.
`;

interface Row {
  /** As `rootfs.layers[].at`. */
  readonly path: string;
  readonly schema: Schema;
}

const asSchema = (value: unknown): Schema | undefined =>
  typeof value === "object" && value !== null && !Array.isArray(value)
    ? value as Schema
    : undefined;

/** A schema and the forms that it may take (`if`/`then`), references followed. */
function formsOf(schema: Schema, root: Schema): readonly Schema[] {
  const forms = [schema];
  if (typeof schema["$ref"] === "string") {
    const name = schema["$ref"].split("/").at(-1) ?? "";
    const target = asSchema(asSchema(root["$defs"])?.[name]);
    if (target !== undefined) forms.push(...formsOf(target, root));
  }
  for (const part of (schema["allOf"] ?? []) as readonly Schema[]) {
    const then = asSchema(part["then"]);
    if (then !== undefined) forms.push(...formsOf(then, root));
  }
  return forms;
}

/** Every key below a schema. What is below several forms of one value is listed once. */
function rowsBelow({ path, schema }: Row, root: Schema): readonly Row[] {
  const rows = new Map<string, Row>();
  const add = (row: Row): void => {
    for (const one of [row, ...rowsBelow(row, root)]) {
      if (!rows.has(one.path)) rows.set(one.path, one);
    }
  };
  for (const form of formsOf(schema, root)) {
    for (const [key, value] of Object.entries(asSchema(form["properties"]) ?? {})) {
      const property = asSchema(value);
      if (property !== undefined) add({ path: `${path}.${key}`, schema: property });
    }
    const items = asSchema(form["items"]);
    if (items !== undefined) {
      for (const one of rowsBelow({ path: `${path}[]`, schema: items }, root)) add(one);
    }
    const values = asSchema(form["additionalProperties"]);
    if (values !== undefined) {
      for (const one of rowsBelow({ path: `${path}.NAME`, schema: values }, root)) add(one);
    }
  }
  return [...rows.values()];
}

function textOf(schema: Schema, keyword: string, root: Schema): string | undefined {
  const found = formsOf(schema, root).map((form) => form[keyword])
    .find((value) => typeof value === "string");
  return found as string | undefined;
}

/** What may stand there: the values, or the words of the messages. The outermost form knows best. */
function takes(schema: Schema, root: Schema): string {
  for (const form of formsOf(schema, root)) {
    const values = form["enum"];
    if (Array.isArray(values)) return values.map((value) => `\`${value}\``).join(", ");
    if (typeof form["x-expects"] === "string") return form["x-expects"];
  }
  return "";
}

function defaultOf(schema: Schema, root: Schema): string {
  const form = formsOf(schema, root).find((one) => Object.hasOwn(one, "default"));
  return form === undefined ? "" : `\`${flow(form["default"])}\``;
}

/** What needs no quotes for a reader either, whatever YAML says of colons and blanks. */
const PLAIN = /^[\w.\/-]*$/;

/** A value as one line of YAML. */
function flow(value: unknown): string {
  const document = new Document(value);
  visit(document, {
    Scalar(_, node) {
      if (typeof node.value === "string" && !PLAIN.test(node.value)) node.type = "QUOTE_DOUBLE";
    },
  });
  return document.toString({
    collectionStyle: "flow",
    lineWidth: 0,
    flowCollectionPadding: false,
  }).trim();
}

/** A text in a cell: a bar would end it. */
const cell = (text: string): string => text.replaceAll("|", "\\|").replaceAll("\n", " ");

type State = "yes" | "not yet" | "partly";

function hasNotYet(schema: Schema, root: Schema): boolean {
  return formsOf(schema, root).some((form) =>
    Object.hasOwn(form, "x-not-yet") || Object.hasOwn(form, "x-not-yet-values")
  );
}

function stateOf(row: Row, root: Schema): State {
  const [own = {}, referred = {}] = formsOf(row.schema, root);
  if (Object.hasOwn(own, "x-not-yet")) return "not yet";
  if (Object.hasOwn(own, "$ref") && Object.hasOwn(referred, "x-not-yet")) return "not yet";
  const below = [row, ...rowsBelow(row, root)];
  return below.some((one) => hasNotYet(one.schema, root)) ? "partly" : "yes";
}

function exampleOf({ path, schema }: Row, root: Schema): readonly string[] {
  const examples = formsOf(schema, root).map((form) => form["examples"]).find(Array.isArray) ?? [];
  return examples.flatMap((example) => [
    "```yaml",
    flow({ [path]: example }).replace(/^\{|\}$/g, ""),
    "```",
    "",
  ]);
}

function showKey(row: Row, root: Schema): string {
  const { path, schema } = row;
  const lines = [`### ${path}`, "", textOf(schema, "description", root) ?? "", ""];
  const facts = [["takes", takes(schema, root)], ["default", defaultOf(schema, root)]]
    .filter(([, text]) => text !== "").map(([name, text]) => `${name}: ${text}`);
  if (facts.length > 0) lines.push(`${facts.join(" · ")}`, "");
  lines.push(...exampleOf(row, root));
  const below = rowsBelow(row, root);
  if (below.length > 0) {
    lines.push("| key | takes | default | |", "|---|---|---|---|");
    for (const one of below) {
      const about = [
        takes(one.schema, root),
        defaultOf(one.schema, root),
        textOf(one.schema, "description", root) ?? textOf(one.schema, "title", root) ?? "",
      ];
      lines.push(`| \`${one.path}\` | ${about.map(cell).join(" | ")} |`);
    }
    lines.push("");
  }
  return lines.join("\n");
}

/** The page: an index of the keys of a file, then each key. */
export function yamlPage(root: Schema): string {
  const properties = asSchema(root["properties"]) ?? {};
  const rows = Object.entries(properties).flatMap(([path, value]) => {
    const found = asSchema(value);
    return found === undefined ? [] : [{ path, schema: found }];
  });
  const index = rows.map((row) => {
    const title = textOf(row.schema, "title", root) ?? "";
    return `| [\`${row.path}\`](#${row.path.toLowerCase()}) | ${title} | ${stateOf(row, root)} |`;
  });
  const sections = rows.map((row) =>
    row.path === "containers"
      ? showKey({ ...row, schema: withoutBelow(row.schema) }, root)
      : showKey(row, root)
  );
  const table = ["## Keys", "", "| key | | works |", "|---|---|---|", ...index, ""];
  return `${[HEAD, ...table, ...sections].join("\n").trimEnd()}\n`;
}

/** The keys of each container are those of a file: they are not listed twice. */
function withoutBelow(schema: Schema): Schema {
  const { additionalProperties: _, ...rest } = schema;
  return rest;
}
