/**
 * `NAME=value` lines, as `.env` files have them. A value between single quotes is taken as it stands, between double quotes
 * with `\n`, `\t`, `\r`, `\"`, `\\`, `\$`; without quotes to the end of the line or ` #`. Nothing is expanded: `$` stays.
 */

export interface Dotenv {
  readonly values: Readonly<Record<string, string>>;
  readonly problems: readonly { readonly line: number; readonly message: string }[];
}

const LINE = /^(?:export\s+)?([A-Za-z_][A-Za-z0-9_.]*)\s*=\s*(.*)$/;
const ESCAPES: Readonly<Record<string, string>> = { n: "\n", t: "\t", r: "\r" };

export function parseDotenv(text: string): Dotenv {
  const values: Record<string, string> = Object.create(null);
  const problems: { line: number; message: string }[] = [];
  text.replace(/^\ufeff/, "").split(/\r?\n/).forEach((whole, index) => {
    const line = whole.trim();
    if (line === "" || line.startsWith("#")) return;
    const [, name, rest = ""] = LINE.exec(line) ?? [];
    const value = name === undefined ? undefined : readValue(rest);
    if (name === undefined) problems.push({ line: index + 1, message: "is no NAME=value" });
    else if (value === undefined) {
      problems.push({ line: index + 1, message: `the quotes of ${name} are not closed` });
    } else values[name] = value;
  });
  return { values, problems };
}

/** `undefined`: its quotes are not closed, or something stands behind them. */
function readValue(text: string): string | undefined {
  const quote = text[0];
  if (quote !== '"' && quote !== "'") return text.replace(/(?:^|\s+)#.*$/, "").trimEnd();
  const inner = quote === "'" ? /^'([^']*)'\s*(?:#.*)?$/ : /^"((?:[^"\\]|\\.)*)"\s*(?:#.*)?$/;
  const found = inner.exec(text)?.[1];
  if (found === undefined || quote === "'") return found;
  return found.replace(/\\(.)/g, (_, letter: string) => ESCAPES[letter] ?? letter);
}
