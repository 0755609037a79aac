/** `variables:` and `${{ NAME }}`: values from outside, put in after parsing, so that none can become structure. */
import { parseDotenv } from "../text/dotenv.ts";
import type { Problem } from "../text/problem.ts";
import { hasReference, onlyReference, substitute } from "../text/references.ts";
import { checkText } from "../text/strings.ts";
import { suggest } from "../text/suggest.ts";
import { join, keysOf, type Value } from "../text/tree.ts";
import { map, type Schema } from "./fragment.ts";
import type { VariableSpec } from "./spec_type.ts";

export const VARIABLES_SCHEMA: Schema = {
  title: "Variables",
  description:
    "Declared variables, used as `${{ NAME }}` in any text and put in after parsing. A value comes from `--set NAME=value`, else from the environment, else from `.env` beside the file, else from `default`.",
  type: "object",
  propertyNames: {
    pattern: "^[A-Za-z_][A-Za-z0-9_]*$",
    "x-expects": "a variable's name: letters, digits and `_`",
  },
  additionalProperties: map({
    default: { type: "string", "x-expects": "text, between quotes where it looks like a number" },
    required: { type: "string", "x-expects": "why it is needed, as text" },
    secret: { type: "boolean", default: false, "x-expects": "true or false" },
  }),
  examples: [{ TAG: { default: "1.27" }, PASS: { required: "put PASS=… in .env", secret: true } }],
  "x-expects": 'a map such as {TAG: {default: "1.27"}}',
};

/** Where values come from, the first that has one. */
export interface VariableSources {
  /** `--set`, or the library's `variables`. A name that is not declared is an error. */
  readonly set?: Readonly<Record<string, string>>;
  readonly environment?: Readonly<Record<string, string | undefined>>;
  /** Text of `.env` beside the spec, when there is one; asked for only when variables are declared. */
  readonly dotenv?: () => string | undefined;
}

export interface Filled {
  readonly value: Value;
  /** Values of secret variables that were put in. */
  readonly hidden: readonly string[];
  /** Pointers of texts that hold one. */
  readonly secretPointers: ReadonlySet<string>;
  /** True: it depends on more than the spec. */
  readonly volatile: boolean;
}

export type ScalarType = "string" | "number" | "boolean";

export interface FillOptions {
  readonly sources: VariableSources;
  /** Whether the spec takes a value of a type at a place. */
  readonly takes: (keys: readonly string[], type: ScalarType) => boolean;
  readonly report: (problem: Problem) => void;
}

interface Variable {
  readonly value?: string;
  readonly secret: boolean;
}

type Variables = ReadonlyMap<string, Variable>;

/** The spec with every reference filled in. Reports what is not declared, or has no value. */
export function fillVariables(spec: Value, options: FillOptions): Filled {
  const declared = declarations(spec);
  const set = Object.keys(options.sources.set ?? {});
  if (declared.size === 0 && set.length === 0 && !anyReference(spec)) {
    return { value: spec, hidden: [], secretPointers: new Set(), volatile: false };
  }
  for (const name of set) {
    if (!declared.has(name)) reportUndeclared({ name, declared, pointer: "" }, options.report);
  }
  const variables = readVariables(declared, options);
  const secretPointers = new Set<string>();
  const filling: Filling = { ...options, variables, secretPointers };
  const value = fill({ value: spec, pointer: "" }, filling);
  const hidden = [...variables.values()].flatMap(({ secret, value }) =>
    secret && value !== undefined ? [value] : []
  );
  return { value, hidden, secretPointers, volatile: true };
}

/** What is declared well; the schema reports the rest. */
function declarations(spec: Value): ReadonlyMap<string, VariableSpec> {
  const found = isMap(spec) ? spec["variables"] : undefined;
  if (!isMap(found)) return new Map();
  return new Map(
    Object.entries(found).map((
      [name, value],
    ) => [name, (isMap(value) ? value : {}) as VariableSpec]),
  );
}

function readVariables(
  declared: ReadonlyMap<string, VariableSpec>,
  { sources, report }: FillOptions,
): Variables {
  const { set = {}, environment = {}, dotenv } = sources;
  const file = declared.size === 0 ? undefined : dotenv?.();
  const { values, problems } = parseDotenv(file ?? "");
  for (const { line, message } of problems) {
    report({ code: "BAD_DOTENV", message: `.env:${line} ${message}`, pointer: "/variables" });
  }
  const own = (from: Readonly<Record<string, string | undefined>>, name: string) =>
    Object.hasOwn(from, name) ? from[name] : undefined;
  return new Map([...declared].map(([name, spec]) => {
    const pointer = join("/variables", name);
    const given = own(set, name) ?? own(environment, name) ?? own(values, name);
    if (spec.default !== undefined && spec.required !== undefined) {
      const message = `\`${name}\` has a default, so it is not required`;
      report({ code: "CONTRADICTION", message, pointer, note: "leave one of them out" });
    }
    const value = given ?? (typeof spec.default === "string" ? spec.default : undefined);
    const problem = value === undefined ? undefined : checkText(value);
    if (problem !== undefined) {
      report({
        code: problem.code,
        message: `${problem.message}, in the value of ${name}`,
        pointer,
      });
    }
    const secret = spec.secret === true;
    if (value === undefined) reportMissing(name, spec, { pointer, report });
    return [name, { ...(value === undefined ? {} : { value }), secret }];
  }));
}

function reportMissing(
  name: string,
  { required }: VariableSpec,
  { pointer, report }: { readonly pointer: string; readonly report: FillOptions["report"] },
): void {
  report({
    code: "MISSING_VARIABLE",
    message: `\`${name}\` has no value`,
    pointer,
    part: "key",
    note: required ?? `--set ${name}=…, the environment, .env, or a default`,
  });
}

interface Filling extends FillOptions {
  readonly variables: Variables;
  readonly secretPointers: Set<string>;
}

interface Part {
  readonly value: Value;
  readonly pointer: string;
}

function fill({ value, pointer }: Part, filling: Filling): Value {
  if (typeof value === "string") return fillText(value, pointer, filling);
  if (typeof value !== "object" || value === null) return value;
  if (Array.isArray(value)) {
    return value.map((item: Value, index) =>
      fill({ value: item, pointer: join(pointer, index) }, filling)
    );
  }
  const filled: Record<string, Value> = Object.create(null);
  for (const [key, item] of Object.entries(value as Readonly<Record<string, Value>>)) {
    const isOwn = key.startsWith("x-") && pointer === "";
    filled[key] = isOwn ? item : fill({ value: item, pointer: join(pointer, key) }, filling);
  }
  return filled;
}

function fillText(text: string, pointer: string, filling: Filling): Value {
  if (!hasReference(text)) return text;
  const { variables, report, secretPointers } = filling;
  if (pointer.startsWith("/variables/")) {
    const message = "a variable can't be made of another";
    report({ code: "BAD_REFERENCE", message, pointer, note: "write the value" });
    return text;
  }
  const { text: filled, names, wrong } = substitute(text, (name) => variables.get(name)?.value);
  for (const name of wrong) {
    const message = `\`${name.slice(0, 40)}\` is no variable`;
    report({ code: "BAD_REFERENCE", message, pointer, note: "as in ${{ TAG }}: a name alone" });
  }
  for (const name of new Set(names)) {
    const known = variables.get(name);
    if (known === undefined) reportUndeclared({ name, declared: variables, pointer }, report);
    if (known?.secret === true) {
      secretPointers.add(pointer);
      warnExposed(name, pointer, report);
    }
  }
  return onlyReference(text) ? asTaken(filled, pointer, filling) : filled;
}

/** Every user of the machine can read the arguments of every process (proc_pid_cmdline(5)). */
function warnExposed(name: string, pointer: string, report: Filling["report"]): void {
  const keys = keysOf(pointer);
  const inCommand = keys[0] === "commands" || (keys[0] === "containers" && keys[2] === "commands");
  if (!inCommand || keys.includes("environment")) return;
  report({
    code: "SECRET_IN_COMMAND",
    severity: "warning",
    message: `the secret \`${name}\` stands in a command, which everybody on the machine can read`,
    pointer,
    note: `secrets: {/run/secrets/${name.toLowerCase()}: "\${{ ${name} }}"}`,
  });
}

/** Where only a number or a truth is taken, a value that is one becomes one. */
function asTaken(text: string, pointer: string, { takes }: Filling): Value {
  const keys = keysOf(pointer);
  if (takes(keys, "string")) return text;
  if (/^-?(?:0|[1-9][0-9]{0,14})(?:\.[0-9]{1,15})?$/.test(text) && takes(keys, "number")) {
    return Number(text);
  }
  if (/^(?:true|false)$/.test(text) && takes(keys, "boolean")) return text === "true";
  return text;
}

function reportUndeclared(
  { name, declared, pointer }: {
    readonly name: string;
    readonly declared: { readonly keys: () => Iterable<string> };
    readonly pointer: string;
  },
  report: (problem: Problem) => void,
): void {
  const near = suggest(name, declared.keys());
  report({
    code: "UNDECLARED_VARIABLE",
    message: `\`${name.slice(0, 63)}\` is not declared`,
    pointer,
    note: near === undefined ? `variables: {${name}: {}}` : `did you mean ${near}?`,
  });
}

function anyReference(value: Value): boolean {
  if (typeof value === "string") return hasReference(value);
  if (typeof value !== "object" || value === null) return false;
  return Object.entries(value).some(([key, item]) => !key.startsWith("x-") && anyReference(item));
}

function isMap(value: Value | undefined): value is Readonly<Record<string, Value>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
