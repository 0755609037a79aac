/** What a request may say besides its path: fields of a query or of a JSON body, each with a kind. Pure. */
import { badRequest, type Fault } from "./fault.ts";

/** `words`: a list; `pairs`: NAME=VALUE in a query, an object in a body; `time`: 10m, or a date. */
export type FieldKind = "text" | "flag" | "count" | "words" | "pairs" | "time";

export interface Field {
  readonly kind: FieldKind;
  readonly help: string;
  readonly required?: true;
}

export type Fields = Readonly<Record<string, Field>>;

interface Values {
  readonly text: string;
  readonly flag: boolean;
  readonly count: number;
  readonly words: readonly string[];
  readonly pairs: Readonly<Record<string, string>>;
  readonly time: string;
}

/** What was given of the fields; all that is not required may be absent. */
export type Given<Known extends Fields> = {
  readonly [Name in keyof Known]?: Values[Known[Name]["kind"]];
};

const WHAT: Readonly<Record<FieldKind, string>> = {
  text: "a text",
  flag: "true or false",
  count: "a number from 0 to 999999999",
  words: "a list of texts",
  pairs: "NAME=VALUE",
  time: "10m, or a time",
};

/** The pairs of a query. Fault: an unknown name, one that is there twice, or a value that does not fit. */
export function readQuery(
  pairs: readonly (readonly [string, string])[],
  fields: Fields,
): Readonly<Record<string, unknown>> | Fault {
  const unknown = pairs.find(([name]) => !Object.hasOwn(fields, name));
  if (unknown !== undefined) return unknownName(unknown[0], fields);
  const given: Record<string, unknown> = {};
  for (const [name, field] of Object.entries(fields)) {
    const texts = pairs.filter((pair) => pair[0] === name).map(([, text]) => text);
    const [first] = texts;
    if (first === undefined) continue;
    const many = field.kind === "words" || field.kind === "pairs";
    if (texts.length > 1 && !many) return badRequest(`${name} is there twice`);
    const value = many ? valueOfMany(field.kind, texts) : valueOf(field.kind, first);
    if (value === undefined) return badRequest(`${name} takes ${WHAT[field.kind]}`);
    given[name] = value;
  }
  return missing(given, fields) ?? given;
}

/** The members of a JSON body. Faults as of a query. */
export function readMembers(
  value: unknown,
  fields: Fields,
): Readonly<Record<string, unknown>> | Fault {
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    return badRequest("the body is an object of JSON");
  }
  for (const [name, member] of Object.entries(value)) {
    const field = Object.hasOwn(fields, name) ? fields[name] : undefined;
    if (field === undefined) return unknownName(name, fields);
    if (!fits(field.kind, member)) return badRequest(`${name} takes ${WHAT[field.kind]}`);
  }
  return missing(value as Readonly<Record<string, unknown>>, fields) ??
    value as Readonly<Record<string, unknown>>;
}

function missing(given: Readonly<Record<string, unknown>>, fields: Fields): Fault | undefined {
  const name = Object.keys(fields).find((one) =>
    fields[one]?.required === true && given[one] === undefined
  );
  return name === undefined ? undefined : badRequest(`${name} is needed`);
}

function unknownName(name: string, fields: Fields): Fault {
  const known = Object.keys(fields);
  const list = known.length === 0 ? "there are none" : `there are ${known.join(", ")}`;
  return badRequest(`there is no ${JSON.stringify(name.slice(0, 80))}: ${list}`);
}

function valueOf(kind: FieldKind, text: string): unknown {
  if (kind === "flag") {
    return text === "false" ? false : text === "true" || text === "" || undefined;
  }
  if (kind === "count") return /^\d{1,9}$/.test(text) ? Number(text) : undefined;
  return text;
}

function valueOfMany(kind: FieldKind, texts: readonly string[]): unknown {
  if (kind === "words") return texts;
  if (texts.some((text) => text.indexOf("=") < 1)) return undefined;
  return Object.fromEntries(texts.map((text) => {
    const equals = text.indexOf("=");
    return [text.slice(0, equals), text.slice(equals + 1)];
  }));
}

const isText = (value: unknown): boolean => typeof value === "string";

function fits(kind: FieldKind, value: unknown): boolean {
  if (kind === "flag") return typeof value === "boolean";
  if (kind === "count") {
    return Number.isInteger(value) && Number(value) >= 0 && Number(value) <= 999_999_999;
  }
  if (kind === "words") return Array.isArray(value) && value.every(isText);
  if (kind === "pairs") {
    return typeof value === "object" && value !== null && !Array.isArray(value) &&
      Object.values(value).every(isText);
  }
  return isText(value);
}
