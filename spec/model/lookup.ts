import type { Schema } from "./fragment.ts";
import { formsOf } from "./not_yet.ts";
import { schema } from "./schema.ts";
import type { ScalarType } from "./variables.ts";

/** The keys that a map at a place of the spec can have; none where there is no map with fixed keys. */
export function schemaOf(
  keys: readonly string[],
): { readonly properties: Readonly<Record<string, Schema>> } {
  return { properties: Object.assign({}, ...formsAt(keys).map((form) => form.properties ?? {})) };
}

/** True where the spec takes a value of the type; a whole number is a `number` too. A list of words takes text. */
export function takesType(keys: readonly string[], type: ScalarType): boolean {
  return formsAt(keys).some((form) => {
    const types = form.type ?? (form.enum === undefined ? [] : "string");
    const all = (Array.isArray(types) ? types : [types]) as readonly string[];
    return all.includes(type) || (type === "number" && all.includes("integer"));
  });
}

/** True where the spec takes a number: a word like `0x10` there was meant as one. */
export function takesNumber(keys: readonly string[]): boolean {
  return takesType(keys, "number");
}

function formsAt(keys: readonly string[]): readonly Schema[] {
  let forms: readonly Schema[] = allForms(schema);
  for (const key of keys) forms = forms.flatMap((form) => step(form, key));
  return forms;
}

function step(form: Schema, key: string): readonly Schema[] {
  const properties = (form.properties ?? {}) as Readonly<Record<string, Schema>>;
  const known = Object.hasOwn(properties, key)
    ? properties[key]
    : form.items !== undefined && /^[0-9]+$/.test(key)
    ? form.items
    : form.additionalProperties;
  return typeof known === "object" && known !== null ? allForms(known as Schema) : [];
}

/** The forms of a schema for a map and for a list: what could have keys below it. */
function allForms(of: Schema): readonly Schema[] {
  const forms = [
    ...formsOf({}, { schema: of, root: schema }),
    ...formsOf([], { schema: of, root: schema }),
  ];
  return [...new Set(forms)];
}
