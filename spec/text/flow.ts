import type { Value } from "./tree.ts";

const PLAIN = /^(?:[A-Za-z_./][A-Za-z0-9_./+-]*|[1-9][0-9]*(?:\.[0-9]+)?[A-Za-z]{1,3})$/;
/** Words that some YAML reader takes for something else than text. */
const NOT_PLAIN = /^(?:true|false|null|yes|no|on|off|y|n|\.inf|\.nan)$/i;

/** A value as YAML in one line, as it can be pasted into a spec: `{image: "nginx:1.27"}`. Quotes where they matter. */
export function showFlow(value: Value): string {
  if (typeof value === "string") return isPlain(value) ? value : JSON.stringify(value);
  if (Array.isArray(value)) return `[${value.map(showFlow).join(", ")}]`;
  if (typeof value === "object" && value !== null) {
    const entries = Object.entries(value).map(([key, item]) =>
      `${showFlow(key)}: ${showFlow(item)}`
    );
    return `{${entries.join(", ")}}`;
  }
  return String(value);
}

function isPlain(text: string): boolean {
  return PLAIN.test(text) && !NOT_PLAIN.test(text);
}
