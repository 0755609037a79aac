import { MAX_TEXT_LENGTH } from "./bounds.ts";

/**
 * What no string of a spec may hold, however it was written (`"\0"` in YAML is a NUL too): a NUL would cut it short
 * in every kernel call, a lone surrogate has no UTF-8 form.
 */
export function checkText(
  text: string,
):
  | { readonly code: string; readonly message: string; readonly more?: { readonly note: string } }
  | undefined {
  if (text.length > MAX_TEXT_LENGTH) {
    return { code: "TOO_LARGE", message: `a text is longer than ${MAX_TEXT_LENGTH} characters` };
  }
  if (text.includes("\0")) return { code: "NUL", message: "a text with a NUL (U+0000) in it" };
  if (/\p{Surrogate}/u.test(text)) {
    return { code: "LONE_SURROGATE", message: "half of a surrogate pair, which is no character" };
  }
  return undefined;
}

/** `text` for a message: at most `limit` characters, control characters visible. */
export function clip(text: string, limit = 60): string {
  const short = text.length <= limit ? text : `${text.slice(0, limit)}…`;
  return JSON.stringify(short).slice(1, -1).replaceAll('\\"', '"').replaceAll("\\\\", "\\");
}
