/** The target of a request: its path by segments and its query by pairs, decoded strictly. Pure. */
import { badRequest, type Fault } from "./fault.ts";

export interface Target {
  readonly segments: readonly string[];
  readonly query: readonly (readonly [name: string, value: string])[];
}

export function parseTarget(target: string): Target | Fault {
  const at = target.indexOf("?");
  const path = at < 0 ? target : target.slice(0, at);
  const segments = path.slice(1).split("/").map(decodePart);
  if (segments.some((segment) => segment === undefined || segment === "." || segment === "..")) {
    return badRequest("the path has a segment that can't be decoded, or `.` or `..`");
  }
  const pairs = at < 0 ? [] : target.slice(at + 1).split("&").filter((pair) => pair !== "");
  const query = pairs.map((pair) => {
    const equals = pair.indexOf("=");
    const words = equals < 0 ? [pair, ""] : [pair.slice(0, equals), pair.slice(equals + 1)];
    // As forms write a blank.
    return words.map((word) => decodePart(word.replaceAll("+", "%20")));
  });
  if (query.some((pair) => pair.includes(undefined))) {
    return badRequest("the query has what can't be decoded");
  }
  return { segments: segments as string[], query: query as [string, string][] };
}

/** `undefined`: a `%` without two digits behind it, bytes that are no UTF-8, or a control character. */
function decodePart(text: string): string | undefined {
  if (/%(?![0-9A-Fa-f]{2})/.test(text)) return undefined;
  try {
    const decoded = decodeURIComponent(text);
    // deno-lint-ignore no-control-regex
    return /[\x00-\x1f\x7f]/.test(decoded) ? undefined : decoded;
  } catch (error) {
    if (error instanceof URIError) return undefined;
    throw error;
  }
}
