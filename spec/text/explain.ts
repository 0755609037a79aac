import type { Problem } from "./problem.ts";
import { showFlow } from "./flow.ts";
import { clip } from "./strings.ts";
import { suggest } from "./suggest.ts";
import { keysOf, type Value } from "./tree.ts";
import type { Hints, SchemaError } from "./validate.ts";

type Schema = { readonly [keyword: string]: unknown };

export interface Fault {
  readonly error: SchemaError;
  /** The schema whose keyword failed. */
  readonly schema: Schema;
  readonly pointer: string;
  /** The value (or the key, for an error about keys) that was found. */
  readonly found: Value | undefined;
  readonly checker: Hints & { readonly schema: Schema };
  readonly root: Value;
}

export type Explained = Omit<Problem, "pointer">;

/** One schema error → code, message, note and fix in the words of who wrote the spec. */
export function explain(fault: Fault): Explained {
  const { keyword, params } = fault.error;
  switch (keyword) {
    case "additionalProperties":
      return explainUnknownKey(fault);
    case "type":
      return explainType(fault);
    case "enum":
      return explainEnum(fault, asList(params.allowedValues));
    case "const":
      return explainEnum(fault, [params.allowedValue as Value]);
    case "required":
      return {
        code: "MISSING_KEY",
        message: `${nameOf(fault)} needs \`${params.missingProperty}:\``,
        part: "key",
      };
    case "oneOf":
      return explainOneOf(fault);
    case "minItems":
    case "minProperties":
    case "minLength":
      return { code: "EMPTY_VALUE", message: `${nameOf(fault)} is empty`, ...expectation(fault) };
    case "uniqueItems":
      return { code: "DUPLICATE_VALUE", message: `${nameOf(fault)} says the same thing twice` };
    case "minimum":
    case "maximum":
      return explainRange(fault);
    case "maxLength":
      return { code: "BAD_VALUE", message: `longer than ${params.limit} characters` };
    default:
      return explainForm(fault);
  }
}

function explainUnknownKey({ pointer, found, checker, root, schema }: Fault): Explained {
  const keys = keysOf(pointer);
  const key = keys[keys.length - 1] ?? "";
  const base = {
    code: "UNKNOWN_KEY",
    message: `unknown key \`${clip(key)}\``,
    part: "key",
  } as const;
  const hint = checker.unknownKey?.(pointer, { key, value: found ?? null });
  if (hint !== undefined) return { ...base, ...hint };
  const known = Object.keys(asSchema(schema.properties));
  const near = checker.unknownKey === undefined ? undefined : suggest(key, known);
  if (near !== undefined) return { ...base, note: `did you mean \`${near}\`?` };
  const isTop = keys.length === 1 || Array.isArray(root);
  return known.length > 0 && known.length <= 12 && !isTop
    ? { ...base, note: `known here: ${known.join(", ")}` }
    : base;
}

function explainType(fault: Fault): Explained {
  const { found, schema, pointer, checker } = fault;
  const expected = String(schema["x-expects"] ?? asList(schema.type).join(" or "));
  if (found === null) {
    const message = `${nameOf(fault)} has no value`;
    const base = { code: "NO_VALUE", message, note: `expected ${expected}`, part: "key" } as const;
    return isFreeText(schema) ? { ...base, fix: withKey(pointer, '""') } : base;
  }
  const message = `expected ${expected}, not ${describe(found)}`;
  const base = { code: "WRONG_TYPE", message } as const;
  const hint = checker.wrongType?.(pointer, found ?? null);
  if (hint !== undefined) return { ...base, ...hint };
  const fix = convert(fault);
  return fix === undefined ? base : { ...base, fix: withKey(pointer, fix) };
}

/** Text of any form: what is written can be kept by quoting it. */
function isFreeText(schema: Schema): boolean {
  return schema.type === "string" && schema.pattern === undefined && schema.minLength === undefined;
}

/** The same thing in the type that was expected, where that is plain to see. */
function convert({ found, schema, pointer, checker }: Fault): string | undefined {
  const types = asList(schema.type);
  if (typeof found === "number" || typeof found === "boolean") {
    return isFreeText(schema)
      ? JSON.stringify(checker.source?.(pointer) ?? String(found))
      : undefined;
  }
  if (typeof found !== "string") return undefined;
  const word = found.toLowerCase();
  if (types.includes("boolean")) {
    if (["yes", "on", "y", "true"].includes(word)) return "true";
    if (["no", "off", "n", "false"].includes(word)) return "false";
  }
  if (types.includes("number") || types.includes("integer")) {
    const digits = found.replaceAll("_", "");
    if (/^(?:0|[1-9][0-9]*)(?:\.[0-9]+)?$/.test(digits)) return digits;
  }
  return types.length === 1 && types[0] === "array" ? `[${showFlow(found)}]` : undefined;
}

function explainEnum(fault: Fault, allowed: readonly Value[]): Explained {
  const { found, pointer } = fault;
  const words = allowed.map((value) => showFlow(value));
  const [first = "", ...others] = words;
  const expects = others.length === 0 ? fault.schema["x-expects"] : undefined;
  const choice = others.length === 0 ? String(expects ?? first) : `one of ${words.join(", ")}`;
  const message = `${showShort(found)} is not ${choice}`;
  const base = { code: "BAD_VALUE", message } as const;
  const near = typeof found === "string"
    ? suggest(found, allowed.filter((value) => typeof value === "string"))
    : undefined;
  return near === undefined ? base : { ...base, fix: withKey(pointer, showFlow(near)) };
}

function explainOneOf({ found, schema, pointer }: Fault): Explained {
  const kinds = asList(schema.oneOf).flatMap((branch) =>
    asList(asSchema(branch).required) as readonly string[]
  );
  const present = kinds.filter((kind) =>
    typeof found === "object" && found !== null && Object.hasOwn(found, kind)
  );
  const choice = kinds.map((kind) => `\`${kind}\``).join(", ");
  if (present.length > 1) {
    const message = `${present.map((kind) => `\`${kind}\``).join(" and ")} together`;
    return { code: "CONTRADICTION", message, note: `exactly one of ${choice}` };
  }
  return { code: "MISSING_KEY", message: `${last(pointer)} needs one of ${choice}`, part: "key" };
}

function explainRange(fault: Fault): Explained {
  const { params, keyword } = fault.error;
  const side = keyword === "minimum" ? "less" : "more";
  return {
    code: "BAD_VALUE",
    message: `${showShort(fault.found)} is ${side} than ${params.limit}`,
  };
}

function explainForm(fault: Fault): Explained {
  const { found, error, checker, schema, pointer } = fault;
  const text = error.propertyName ?? found;
  const hint = typeof text === "string" ? checker.badForm?.(schema, text) : undefined;
  if (hint !== undefined) {
    const isKey = error.propertyName !== undefined;
    const fix = hint.fix === undefined || isKey ? hint.fix : withKey(pointer, hint.fix);
    const part = isKey ? "key" : "value";
    return {
      code: isKey ? "BAD_KEY" : "BAD_VALUE",
      ...hint,
      part,
      ...(fix === undefined ? {} : { fix }),
    };
  }
  if (error.propertyName !== undefined) {
    const message = `\`${clip(error.propertyName)}\` is not ${expectedWords(fault)}`;
    return { code: "BAD_KEY", message, part: "key" };
  }
  return { code: "BAD_VALUE", message: `${showShort(found)} is not ${expectedWords(fault)}` };
}

function expectedWords({ schema }: Fault): string {
  return String(schema["x-expects"] ?? "of the form that is needed here");
}

function expectation({ schema }: Fault): { note?: string } {
  const expected = schema["x-expects"];
  return expected === undefined ? {} : { note: `expected ${expected}` };
}

function describe(found: Value | undefined): string {
  if (Array.isArray(found)) return "a list";
  if (typeof found === "object" && found !== null) return "a map";
  if (typeof found === "string") return `the text ${showShort(found)}`;
  return `the ${typeof found} ${found}`;
}

function showShort(found: Value | undefined): string {
  if (typeof found === "string") return `"${clip(found)}"`;
  return clip(showFlow(found ?? null));
}

/** `commands[0]`, `limits`, or `the spec`: what a message is about. */
function nameOf({ pointer }: Fault): string {
  return last(pointer);
}

function last(pointer: string): string {
  const keys = keysOf(pointer);
  const key = keys[keys.length - 1];
  if (key === undefined) return "the spec";
  const isIndex = /^[0-9]+$/.test(key) && keys.length > 1;
  return isIndex ? `\`${clip(keys[keys.length - 2] ?? "")}[${key}]\`` : `\`${clip(key)}\``;
}

/** A fix as it can be copied: with the key where the value has one. */
function withKey(pointer: string, fix: string): string {
  const keys = keysOf(pointer);
  const key = keys[keys.length - 1];
  return key === undefined || /^[0-9]+$/.test(key) ? fix : `${clip(key)}: ${clip(fix, 200)}`;
}

function asList(value: unknown): readonly Value[] {
  return Array.isArray(value) ? value : value === undefined ? [] : [value as Value];
}

function asSchema(value: unknown): Schema {
  return typeof value === "object" && value !== null ? value as Schema : {};
}
