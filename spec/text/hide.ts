/** Values that must not be printed. */

export const HIDDEN = "‹hidden›";

/** A value of one or two characters stands in every text: hiding it would hide the text and not the value. */
const SHORTEST = 3;

/** The text with each value replaced, also where it stands escaped as in JSON. Of data, use `hideIn` before it is shown. */
export function hide(text: string, values: readonly string[] = []): string {
  let hidden = text;
  // Longest first: one may be part of another.
  for (const value of [...values].sort((a, b) => b.length - a.length)) {
    if (value.length < SHORTEST) continue;
    const escaped = JSON.stringify(value).slice(1, -1);
    for (const form of new Set([value, escaped])) hidden = hidden.replaceAll(form, HIDDEN);
  }
  return hidden;
}

/** Plain data with each value replaced in all its texts: what is shown of it later can't show a part of one. */
export function hideIn<T>(data: T, values: readonly string[] = []): T {
  if (values.length === 0) return data;
  const visit = (value: unknown): unknown => {
    if (typeof value === "string") return hide(value, values);
    if (Array.isArray(value)) return value.map(visit);
    if (typeof value !== "object" || value === null) return value;
    return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, visit(item)]));
  };
  // Sound: only texts are replaced, by texts.
  return visit(data) as T;
}
