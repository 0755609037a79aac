/** The parts of docs/serve.md that are made from the tables of runtime/serve: its routes, and which status a code of an error has. */
import type { Field } from "../../runtime/serve/http/fields.ts";
import type { Route } from "../../runtime/serve/route.ts";

const PARTS = ["codes", "routes"] as const;

/** The page with these parts anew; they stand between comments. */
export function servePage(
  page: string,
  routes: readonly Route[],
  statuses: Readonly<Record<number, readonly string[]>>,
): string {
  const made = { codes: codesPart(statuses), routes: routes.map(routePart).join("\n") };
  return PARTS.reduce((text, part) => {
    const [begin, end] = [`<!-- ${part} -->\n`, `<!-- end of ${part} -->\n`];
    const [before = "", rest] = text.split(begin);
    const [, after] = rest?.split(end) ?? [];
    if (after === undefined) throw new Error(`docs/serve.md has no ${begin.trim()} with an end`);
    return `${before}${begin}\n${made[part]}\n${end}${after}`;
  }, page);
}

function codesPart(statuses: Readonly<Record<number, readonly string[]>>): string {
  const rows = Object.entries(statuses).map(([status, codes]) =>
    `| ${status} | ${codes.join(", ")} |`
  );
  return ["| status | codes |", "|---|---|", ...rows, "| 500 | all others |", ""].join("\n");
}

const fieldLine = ([name, { help, required }]: [string, Field]): string =>
  `- \`${name}\`${required === true ? " (needed)" : ""}: ${help}`;

function routePart({ method, path, summary, gives, query, body }: Route): string {
  const what = `${summary[0]?.toUpperCase()}${summary.slice(1)}. Gives: ${
    gives.replace(/\.$/, "")
  }.`;
  const fields = Object.entries(query);
  const isPlain = fields.every(([name]) => name === "project");
  const short = body === "spec"
    ? "Body: a spec. Query: `file`, `base`, `set`, `profile`, as above."
    : "Query: `project`.";
  return [
    `### \`${method} ${path}\``,
    "",
    what,
    "",
    ...(fields.length === 0
      ? []
      : body === "spec" || isPlain
      ? [short, ""]
      : ["Query:", "", ...fields.map(fieldLine), ""]),
    ...(body === "archive" ? ["Body: the archive, at most 8 MiB.", ""] : []),
    ...(typeof body === "object"
      ? ["Body, JSON:", "", ...Object.entries(body).map(fieldLine), ""]
      : []),
  ].join("\n");
}
