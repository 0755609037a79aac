import { MAX_HINTED } from "./bounds.ts";
import type { Problem } from "./problem.ts";
import { explain, type Explained } from "./explain.ts";
import { isWithin, join, keysOf, type Value } from "./tree.ts";

type Schema = { readonly [keyword: string]: unknown };

/** An error of a validator that ajv generated, as far as it is used. */
export interface SchemaError {
  readonly keyword: string;
  readonly instancePath: string;
  readonly schemaPath: string;
  readonly params: { readonly [name: string]: unknown };
  /** Set by `propertyNames`: the error is about this key, not about the map. */
  readonly propertyName?: string;
}

/** A function that ajv generated: false, and its errors beside it, when the value does not fit. */
export interface Validator {
  (value: unknown): boolean;
  errors?: readonly SchemaError[] | null;
}

/** What is known about a fault besides the schema; each may say more than the schema does. */
export interface Hints {
  readonly unknownKey?: (pointer: string, found: { key: string; value: Value }) => Hint | undefined;
  readonly wrongType?: (pointer: string, value: Value) => Hint | undefined;
  /** More than "is not …" about a text that does not have the form that its schema asks for. */
  readonly badForm?: (schema: Schema, value: string) => (Hint & { message: string }) | undefined;
  /** What was written at a pointer, for a fix: `0x1F` rather than 31. */
  readonly source?: (pointer: string) => string | undefined;
}

export interface Hint {
  readonly note?: string;
  readonly fix?: string;
}

export interface Checker extends Hints {
  readonly validator: Validator;
  readonly schema: Schema;
}

/** Keywords whose error only says that an error inside them was found. */
const FRAMES = new Set(["if", "propertyNames", "allOf", "then"]);

/**
 * Checks a value and says each fault once, in words: errors that only follow from another at the same place are
 * dropped, `oneOf` over required keys becomes "one of a, b, c".
 */
export function validate(value: Value, checker: Checker): readonly Problem[] {
  if (checker.validator(value)) return [];
  const errors = checker.validator.errors ?? [];
  const real = errors.filter((error) => !FRAMES.has(error.keyword) && !isInsideOneOf(error));
  const wrongTypes = new Set(
    real.filter((error) => error.keyword === "type").map((error) => error.instancePath),
  );
  // With the type wrong, what else the schema says of the value (its length, its enum) is noise.
  const kept = real.filter((error) =>
    error.keyword === "type" || !wrongTypes.has(error.instancePath)
  );
  const { validator, schema } = checker;
  return dropFollowing(kept).map((error, index) =>
    toProblem(error, { value, checker: index < MAX_HINTED ? checker : { validator, schema } })
  );
}

/** The branches of our `oneOf`s hold only `required`; which key is missing from each branch is not the message. */
function isInsideOneOf(error: SchemaError): boolean {
  return /\/oneOf\/[0-9]+\/required$/.test(error.schemaPath);
}

/** An unknown key in a map that misses one is most likely that key: the missing one is not said as well. */
function dropFollowing(errors: readonly SchemaError[]): readonly SchemaError[] {
  const unknown = new Set(
    errors.filter((error) => error.keyword === "additionalProperties")
      .map((error) => error.instancePath),
  );
  return errors.filter((error) => {
    const isMissing = error.keyword === "required" || isNoneOf(error);
    return !(isMissing && unknown.has(error.instancePath));
  });
}

function isNoneOf(error: SchemaError): boolean {
  return error.keyword === "oneOf" && error.params.passingSchemas === null;
}

interface Given {
  readonly value: Value;
  readonly checker: Checker;
}

function toProblem(error: SchemaError, { value, checker }: Given): Problem {
  const isAboutKey = error.propertyName !== undefined;
  const pointer = isAboutKey
    ? join(error.instancePath, error.propertyName)
    : error.keyword === "additionalProperties"
    ? join(error.instancePath, String(error.params.additionalProperty))
    : error.instancePath;
  const schema = schemaAt(checker.schema, error);
  const found = isAboutKey ? error.propertyName : valueAt(value, pointer);
  const explained: Explained = explain({ error, schema, pointer, found, checker, root: value });
  return { pointer, ...explained };
}

/**
 * The schema that holds the keyword which failed; `{}` where the path leads nowhere. ajv makes a function of each `$ref`'s
 * target and counts `schemaPath` from there, so the references that the instance's path crosses are followed first.
 */
export function schemaAt(root: Schema, error: SchemaError): Schema {
  const keys = keysOf(error.schemaPath.slice(error.schemaPath.indexOf("#") + 1)).slice(0, -1);
  let schema = compiledAt(root, error);
  for (const key of keys) schema = asSchema(schema[decodeURIComponent(key)]);
  return schema;
}

/** The schema whose function made the error: the target of the last `$ref` on the way, else the root. */
function compiledAt(root: Schema, error: SchemaError): Schema {
  let compiled = root;
  let schema = root;
  const enter = (next: Schema): void => {
    const isReference = typeof next.$ref === "string";
    schema = isReference ? targetOf(root, String(next.$ref)) : next;
    if (isReference) compiled = schema;
  };
  for (const key of keysOf(error.instancePath)) {
    const properties = asSchema(schema.properties);
    enter(asSchema(Object.hasOwn(properties, key) ? properties[key] : schema.additionalProperties));
  }
  return compiled;
}

function targetOf(root: Schema, reference: string): Schema {
  return keysOf(reference.slice(1)).reduce<Schema>((schema, key) => asSchema(schema[key]), root);
}

function asSchema(value: unknown): Schema {
  return typeof value === "object" && value !== null ? value as Schema : {};
}

/** The value at a pointer; `undefined` where there is none. */
export function valueAt(root: Value, pointer: string): Value | undefined {
  let value: Value | undefined = root;
  for (const key of keysOf(pointer)) {
    if (typeof value !== "object" || value === null) return undefined;
    value = (value as { readonly [key: string]: Value })[key];
  }
  return value;
}

/** True when one of the problems is an error at the pointer or below it. */
export function hasErrorWithin(problems: readonly Problem[], pointer: string): boolean {
  return problems.some((one) => one.severity !== "warning" && isWithin(one.pointer, pointer));
}
