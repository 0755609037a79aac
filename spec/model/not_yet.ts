import type { Problem } from "../text/problem.ts";
import { join, keysOf, type Value } from "../text/tree.ts";
import type { Schema } from "./fragment.ts";

type MapValue = { readonly [key: string]: Value };

/**
 * Finds what the schema knows and the program can't do yet, by the annotations `x-not-yet` and `x-not-yet-values`.
 * One problem for the outermost such key; nothing that is written is ever ignored.
 */
export function findNotYet(value: Value, root: Schema): readonly Problem[] {
  const problems: Problem[] = [];
  visit({ value, schema: root, pointer: "" }, { root, problems });
  return problems;
}

interface Visited {
  readonly value: Value;
  readonly schema: Schema;
  readonly pointer: string;
}

interface Walk {
  readonly root: Schema;
  readonly problems: Problem[];
}

function visit({ value, schema, pointer }: Visited, walk: Walk): void {
  const forms = formsOf(value, { schema, root: walk.root });
  const whole = forms.map((form) => form["x-not-yet"]).find((text) => text !== undefined);
  if (whole !== undefined) {
    walk.problems.push(notYetProblem(pointer, { instead: String(whole) }));
    return;
  }
  for (const form of forms) {
    const values = form["x-not-yet-values"] as Readonly<Record<string, string>> | undefined;
    if (values === undefined || typeof value === "object") continue;
    const key = String(value);
    if (!Object.hasOwn(values, key)) continue;
    walk.problems.push(notYetProblem(pointer, { value: key, instead: values[key] ?? "" }));
    return;
  }
  for (const form of forms) visitChildren({ value, schema: form, pointer }, walk);
}

function visitChildren({ value, schema, pointer }: Visited, walk: Walk): void {
  if (Array.isArray(value)) {
    const items = schema.items;
    if (!isSchema(items)) return;
    value.forEach((item: Value, index: number) =>
      visit({ value: item, schema: items, pointer: join(pointer, index) }, walk)
    );
    return;
  }
  if (typeof value !== "object" || value === null) return;
  const properties = (schema.properties ?? {}) as Readonly<Record<string, Schema>>;
  for (const [key, item] of Object.entries(value as MapValue)) {
    if (key.startsWith("x-")) continue;
    const known = Object.hasOwn(properties, key) ? properties[key] : schema.additionalProperties;
    if (isSchema(known)) visit({ value: item, schema: known, pointer: join(pointer, key) }, walk);
  }
}

/** The schema with its `$ref` followed, and the variant of `byType` that the value's type chooses. */
export function formsOf(
  value: Value,
  { schema, root }: { readonly schema: Schema; readonly root: Schema },
): readonly Schema[] {
  const forms = [schema];
  if (typeof schema.$ref === "string") {
    const name = schema.$ref.slice("#/$defs/".length);
    const target = (root.$defs as Readonly<Record<string, Schema>>)[name];
    if (target !== undefined) forms.push(...formsOf(value, { schema: target, root }));
  }
  for (const variant of (schema.allOf ?? []) as readonly { if?: Schema; then?: Schema }[]) {
    if (variant.then !== undefined && isOfType(value, variant.if?.type)) {
      forms.push(...formsOf(value, { schema: variant.then, root }));
    }
  }
  return forms;
}

function isOfType(value: Value, type: unknown): boolean {
  if (type === "array") return Array.isArray(value);
  if (type === "object") {
    return typeof value === "object" && value !== null && !Array.isArray(value);
  }
  if (type === "integer") return Number.isInteger(value);
  const found: string = typeof value;
  return found === type;
}

function isSchema(value: unknown): value is Schema {
  return typeof value === "object" && value !== null;
}

/** A problem with the code NOT_YET: the key (or its value) is right, the program is not that far. */
export function notYetProblem(
  pointer: string,
  { value, instead }: { readonly value?: string; readonly instead: string },
): Problem {
  const keys = keysOf(pointer).filter((key) => !/^[0-9]+$/.test(key));
  const key = keys[keys.length - 1] ?? "";
  const what = value === undefined ? `\`${key}\`` : `\`${key}: ${value}\``;
  return {
    code: "NOT_YET",
    message: `${what} is not implemented yet`,
    pointer,
    part: value === undefined ? "key" : "value",
    note: instead.charAt(0).toLowerCase() + instead.slice(1).replace(/\.$/, ""),
  };
}
