/** A JSON Schema (2020-12), or a part of one. */
export type Schema = { readonly [keyword: string]: unknown };

/** What a value can be, and the schema for each. */
export type Variants = Partial<
  Record<"string" | "integer" | "number" | "boolean" | "array" | "object", Schema>
>;

/**
 * A value of one of several types. Said with `type` and `if`/`then` rather than `anyOf`, so that a wrong value is
 * judged only by the form that was chosen: one message about it, not one per form.
 */
export function byType(variants: Variants, keywords: Schema): Schema {
  const types = Object.keys(variants);
  const allOf = Object.entries(variants).map(([type, then]) => ({ if: { type }, then }));
  return { ...keywords, type: types, allOf };
}

/** A map with these keys and no others. */
export function map(properties: Readonly<Record<string, Schema>>, keywords: Schema = {}): Schema {
  return { type: "object", properties, additionalProperties: false, ...keywords };
}

/** A list of `items`. */
export function list(items: Schema, keywords: Schema = {}): Schema {
  return { type: "array", items, ...keywords };
}

/**
 * Our own annotations. `x-expects`: the value in words, for messages. `x-not-yet`: the key is understood and refused, with what
 * works instead. `x-not-yet-values`: the same for some of the values that a key can have.
 */
export const ANNOTATIONS = ["x-expects", "x-not-yet", "x-not-yet-values"] as const;

/** The schema with a sentence in its description that the key is refused for now. */
export function notYet(schema: Schema, instead: string): Schema {
  const description = `${schema.description ?? ""} Not implemented yet: refused. ${instead}`.trim();
  return { ...schema, description, "x-not-yet": instead };
}

export const ABSOLUTE_PATH: Schema = {
  type: "string",
  pattern: "^/",
  maxLength: 4095,
  "x-expects": "an absolute path such as /srv/www",
};

/** A path of the host: absolute, or relative to the directory that the spec is in. */
export const HOST_PATH: Schema = {
  type: "string",
  minLength: 1,
  maxLength: 4095,
  "x-expects": "a path such as ./site or /srv/www",
};

export const SIZE: Schema = {
  type: "string",
  pattern: "^[0-9]+(\\.[0-9]+)?\\s?(B|[kKMGTP]B|[KMGTP]iB)$",
  "x-expects": "a size such as 512MiB or 1.5GB",
};

export const DURATION: Schema = {
  type: "string",
  pattern: "^(?=.)([0-9]+d)?([0-9]+h)?([0-9]+m)?([0-9]+(\\.[0-9]{1,3})?s)?([0-9]+ms)?$",
  "x-expects": "a duration such as 30s, 1m30s or 500ms",
};

/** `exec` of a command: argv, at least the program. */
export const ARGV: Schema = list({ type: "string", "x-expects": "text" }, {
  minItems: 1,
  "x-expects": "a list such as [make, -j2]",
});
