import { SIGNALS } from "../../ffi/abi/signal.ts";
import { explainComposeWord, explainTopWord } from "../foreign/compose_words.ts";
import { showFlow } from "../text/flow.ts";
import { clip } from "../text/strings.ts";
import { keysOf, type Value } from "../text/tree.ts";
import type { Hint, Hints } from "../text/validate.ts";
import { parseDuration, parseSize, type Quantity } from "../text/units.ts";
import { ABSOLUTE_PATH, DURATION, type Schema, SIZE } from "./fragment.ts";
import { schemaOf } from "./lookup.ts";
import { NAME_SCHEMA, nearestName } from "./name.ts";
import { CONTAINER_KEYS } from "./schema.ts";

/** What we can say about a fault that the schema can't: words of compose, wrong indentation, forms of other tools. */
export const modelHints: Hints = { unknownKey, wrongType, badForm };

function unknownKey(pointer: string, found: { key: string; value: Value }): Hint | undefined {
  const parents = keysOf(pointer).slice(0, -1);
  const isTop = parents.length === 0;
  const isContainer = isTop || (parents.length === 2 && parents[0] === "containers");
  if (isTop) {
    const top = explainTopWord(found.key);
    if (top !== undefined) return { note: top };
  }
  if (isContainer) {
    const word = explainComposeWord(found.key, found.value);
    if (word !== undefined) return { note: word };
    const inner = findBelow(found);
    if (inner !== undefined) return inner;
  }
  return findAbove(parents, found);
}

/** `memory: 64MiB` beside `limits:`: the key is right one level down. */
function findBelow({ key, value }: { key: string; value: Value }): Hint | undefined {
  const homes = Object.keys(CONTAINER_KEYS).filter((home) =>
    Object.hasOwn(schemaOf([home]).properties, key)
  );
  const [home] = homes;
  if (home === undefined || homes.length > 1) return undefined;
  return { note: `it belongs below \`${home}\``, fix: `${home}: ${showFlow({ [key]: value })}` };
}

/** `network:` below `limits:`: the key is right one level up (or more). */
function findAbove(parents: readonly string[], { key }: { key: string }): Hint | undefined {
  for (let depth = parents.length - 1; depth >= 0; depth--) {
    const isKnown = Object.hasOwn(schemaOf(parents.slice(0, depth)).properties, key);
    const sibling = parents[depth];
    if (!isKnown || sibling === undefined) continue;
    const levels = parents.length - depth;
    const note = levels === 1
      ? `it belongs one level up, beside \`${sibling}\`: indent it like that`
      : `it belongs ${levels} levels up, beside \`${sibling}\``;
    return { note };
  }
  return undefined;
}

/** Lists where other tools write `NAME=value` lines, and single commands where a list of them is meant. */
function wrongType(pointer: string, value: Value): Hint | undefined {
  const keys = keysOf(pointer);
  const key = keys[keys.length - 1];
  if ((key === "environment" || key === "labels") && Array.isArray(value)) {
    const pairs = value.filter((item): item is string =>
      typeof item === "string" && item.includes("=")
    );
    if (pairs.length === 0) return undefined;
    const entries = pairs.map((pair) => {
      const at = pair.indexOf("=");
      return [pair.slice(0, at), pair.slice(at + 1)] as const;
    });
    return { fix: `${key}: ${showFlow(Object.fromEntries(entries))}` };
  }
  if (key === "commands" && typeof value === "string") {
    return { fix: `commands: ${showFlow([value])}` };
  }
  if (key === "signal" && typeof value === "number") {
    const name = Object.entries(SIGNALS).find(([, number]) => number === value)?.[0];
    return name === undefined ? { note: "signal(7) lists them" } : { fix: `signal: ${name}` };
  }
  return typeof value === "number" ? numberWithoutUnit(key ?? "", value) : undefined;
}

const DURATION_KEYS = new Set([
  "grace",
  "timeout",
  "interval",
  "startPeriod",
  "backoff",
  "maxWait",
]);
const SIZE_KEYS = new Set(["memory", "max", "high", "low", "swap", "tmpfs", "disk"]);

/** 30 → `30s`, 1048576 → `1MiB`: what was most likely meant. Few containers have less than 1 MiB, so 64 is 64MiB. */
function numberWithoutUnit(key: string, value: number): Hint | undefined {
  if (DURATION_KEYS.has(key)) return { note: "a duration has a unit", fix: `${key}: ${value}s` };
  if (!SIZE_KEYS.has(key) || value <= 0) return undefined;
  const note = "a size has a unit";
  const mebibytes = value / 1024 / 1024;
  if (Number.isInteger(mebibytes)) return { note, fix: `${key}: ${mebibytes}MiB` };
  return { note, fix: value < 1024 * 1024 ? `${key}: ${value}MiB` : `${key}: ${value}B` };
}

/** What is wrong with a size, a duration, a path, a name: the pattern only says that something is. */
function badForm(schema: Schema, value: string): (Hint & { message: string }) | undefined {
  const expects = schema["x-expects"];
  if (expects === SIZE["x-expects"]) return refusal(parseSize(value));
  if (expects === DURATION["x-expects"]) return refusal(parseDuration(value));
  if (expects === NAME_SCHEMA["x-expects"]) {
    const message = `"${clip(value)}" can't be a name`;
    return {
      message,
      note: "small letters, digits, `_`, `.`, `-`, at most 63",
      fix: nearestName(value),
    };
  }
  if (expects === ABSOLUTE_PATH["x-expects"] && value !== "") {
    const fix = showFlow(`/${value.replace(/^(?:\.\/|~\/)/, "")}`);
    return { message: `"${clip(value)}" is not an absolute path`, fix };
  }
  return undefined;
}

function refusal(quantity: Quantity): (Hint & { message: string }) | undefined {
  return "message" in quantity ? quantity : undefined;
}
