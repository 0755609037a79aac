import type { Schema } from "./fragment.ts";

/** Short enough for one path component and for the 64 bytes of a host name, and no shell or path meaning in it. */
const NAME = /^[a-z0-9][a-z0-9_.-]{0,62}$/;

export const isName = (text: string): boolean => NAME.test(text);

export const NAME_SCHEMA: Schema = {
  title: "Name",
  description:
    "The name of the project, and of the container where the file is one. Small letters, digits, `_`, `.` and `-`, at most 63, the first a letter or digit. Default: the file's name without its ending.",
  type: "string",
  pattern: NAME.source,
  examples: ["shop", "web-1"],
  "x-expects": "a name such as web-1: small letters, digits, `_`, `.`, `-`, at most 63",
};

/**
 * The name of a spec that has no `name:`: the file's name without directory and ending, with what a name can't hold
 * made to `-`. `-` (standard input) and names of which nothing is left become `container`.
 */
export function nameOfFile(file: string): string {
  const base = file.slice(Math.max(file.lastIndexOf("/"), file.lastIndexOf("\\")) + 1);
  const stem = base.replace(/\.(?:ya?ml|json)$/i, "").toLowerCase();
  const name = stem.replace(/[^a-z0-9_.-]+/g, "-").replace(/^[^a-z0-9]+/, "").slice(0, 63);
  return name === "" ? "container" : name;
}

/** What would be a name: `My App` → `my-app`. */
export function nearestName(text: string): string {
  return nameOfFile(text.replaceAll("/", "-"));
}
