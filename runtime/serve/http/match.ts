/** Path of a request → row of a table. Pure. */

interface Row {
  readonly method: string;
  readonly path: string;
}

export interface Match<Found extends Row> {
  readonly row: Found;
  readonly names: Readonly<Record<string, string>>;
}

/** The row of a method and a path; the methods that the path has, when this is none of them. */
export function matchRoute<Found extends Row>(
  rows: readonly Found[],
  method: string,
  segments: readonly string[],
): Match<Found> | readonly string[] {
  const allowed: string[] = [];
  for (const row of rows) {
    const names = namesIn(row.path.slice(1).split("/"), segments);
    if (names === undefined) continue;
    if (row.method === method) return { row, names };
    allowed.push(row.method);
  }
  return allowed;
}

function namesIn(
  pattern: readonly string[],
  segments: readonly string[],
): Readonly<Record<string, string>> | undefined {
  if (pattern.length !== segments.length) return undefined;
  const names: Record<string, string> = {};
  for (const [index, part] of pattern.entries()) {
    const segment = segments[index] ?? "";
    const [, name] = /^\{(\w+)\}$/.exec(part) ?? [];
    if (name === undefined ? part !== segment : segment === "") return undefined;
    if (name !== undefined) names[name] = segment;
  }
  return names;
}
