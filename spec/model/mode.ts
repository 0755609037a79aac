import type { Schema } from "./fragment.ts";

export const MODE: Schema = {
  title: "Mode",
  description: "Permissions in octal, between quotes.",
  type: "string",
  pattern: "^0?[0-7]{3,4}$",
  examples: ["0644"],
  "x-expects": 'a mode such as "0644", between quotes',
};

/** `"0644"` → 420. */
export function modeOf(text: string): number {
  return parseInt(text, 8);
}
