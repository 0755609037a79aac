import type { ScalarValue } from "./tree.ts";

/** What a plain (unquoted) word is, or why it is refused and what to write instead. */
export type Plain =
  | { readonly value: ScalarValue }
  | {
    readonly value: ScalarValue;
    readonly code: string;
    readonly message: string;
    readonly fix: string;
    readonly note?: string;
  };

const JSON_NUMBER = /^-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?$/;
const MODE_LIKE = /^[-+]?0o?[0-7]+$/;
// All that some YAML reader (1.1, 1.2 core, libyaml) takes for a number.
const NUMBER_LIKE =
  /^[-+]?(?:(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][-+]?[0-9]+)?|0x[0-9a-fA-F]+|0b[01]+)$/;
const NOT_FINITE = /^(?:[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN))$/;

/**
 * Resolves a plain word by the YAML 1.2 core schema, narrowed: a number is written as in JSON, and a word that two
 * YAML readers would take for two different values is refused (`0644`, `0x1F`, `1e3`, `+1`, `.5`). What is exact
 * as text but not as a double (2^53 + 1, 1e400) is refused too. The value beside a refusal lets checking go on.
 */
export function resolvePlain(word: string): Plain {
  switch (word) {
    case "":
    case "~":
    case "null":
    case "Null":
    case "NULL":
      return { value: null };
    case "true":
    case "True":
    case "TRUE":
      return { value: true };
    case "false":
    case "False":
    case "FALSE":
      return { value: false };
  }
  if (JSON_NUMBER.test(word)) return resolveNumber(word);
  if (MODE_LIKE.test(word)) return refuseMode(word);
  if (NOT_FINITE.test(word)) {
    const message = `${word} is not a finite number`;
    return { value: word, code: "NUMBER_FORM", message, fix: `"${word}"` };
  }
  if (NUMBER_LIKE.test(word)) return refuseForm(word);
  return { value: word };
}

function resolveNumber(word: string): Plain {
  const value = Number(word);
  if (Object.is(value, -0)) {
    return {
      value: 0,
      code: "NUMBER_FORM",
      message: `${word} is not a number that is kept`,
      fix: "0",
    };
  }
  if (isExact(word, value)) return { value };
  return {
    value: word,
    code: "LOSSY_NUMBER",
    message: `${word} can't be kept exactly: it would become ${value}`,
    fix: `"${word}"`,
  };
}

/** Integers up to 2^53 - 1 are exact; a fraction is taken as exact up to the 15 digits that a double keeps. */
function isExact(word: string, value: number): boolean {
  if (!word.includes(".")) return Number.isSafeInteger(value);
  const digits = word.replace(/^-?0*\.?0*/, "").replace(".", "").replace(/0+$/, "");
  return digits.length <= 15 && Math.abs(value) <= Number.MAX_SAFE_INTEGER &&
    (value !== 0 || digits === "");
}

function refuseMode(word: string): Plain {
  const digits = word.replace(/^[-+]?0o?0*/, "");
  const sign = word.startsWith("-") ? "-" : "";
  const value = sign + Number.parseInt(digits || "0", word.includes("o") ? 8 : 10);
  return {
    value: `0${digits}`,
    code: "MODE_LIKE_NUMBER",
    message: `${word} is the number ${value} in YAML 1.2`,
    fix: `"0${digits}"`,
  };
}

function refuseForm(word: string): Plain {
  const value = word.startsWith("-0x") ? -Number(word.slice(1)) : Number(word);
  const isUnderflow = value === 0 && /[1-9]/.test(word.split(/[eE]/)[0] ?? "");
  if (!Number.isFinite(value) || isUnderflow) {
    const message = `${word} can't be kept exactly: it would become ${value}`;
    return { value: word, code: "LOSSY_NUMBER", message, fix: `"${word}"` };
  }
  const message = `${word} is read differently by different YAML readers`;
  const refused = { value: word, code: "NUMBER_FORM", message, fix: `"${word}"` };
  return JSON_NUMBER.test(String(value))
    ? { ...refused, note: `or ${value} for the number` }
    : refused;
}
