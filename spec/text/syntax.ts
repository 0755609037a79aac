import type { YAMLParseError } from "yaml";
import type { Problem } from "./problem.ts";
import { clip } from "./strings.ts";

/** What the reader of a syntax error wants to know, by the code of the `yaml` package. */
const SYNTAX: Readonly<Record<string, { readonly message?: string; readonly note?: string }>> = {
  TAB_AS_INDENT: { message: "a tab is used as indentation", note: "YAML is indented with spaces" },
  BAD_INDENT: { note: "what belongs together starts at the same column" },
  BLOCK_AS_IMPLICIT_KEY: {
    message: "a second `: ` in one line",
    note: "put the value between quotes, or the nested map on its own line",
  },
  MULTILINE_IMPLICIT_KEY: {
    message: "this is neither a key nor part of the value above",
    note: "a `:` is missing, or the indentation differs from the line above",
  },
  BAD_SCALAR_START: { note: "put the value between quotes" },
  BAD_DQ_ESCAPE: {
    note: "in double quotes a backslash starts an escape; write \\\\ or use single quotes",
  },
  KEY_OVER_1024_CHARS: { message: "a key is longer than 1024 characters" },
};

/** An error of the `yaml` package → a problem in our words; its own message where it says it best. */
export function explainSyntax(error: YAMLParseError, text: string): Problem {
  const known = SYNTAX[error.code];
  const missing = /^Flow (?:sequence|map) .* end with a ([\]}])$/.exec(error.message)?.[1] ??
    /^Missing closing (["'])quote$/.exec(error.message)?.[1];
  const [from, to] = error.pos;
  const start = Math.min(from, text.length);
  const end = Math.min(to, text.length);
  if (missing !== undefined) {
    return {
      code: "SYNTAX",
      message: `a \`${missing}\` is missing before this`,
      pointer: "",
      start,
      end,
    };
  }
  const isPlainSyntax = error.code === "MISSING_CHAR" || error.code === "UNEXPECTED_TOKEN";
  const message = known?.message ?? lowerFirst(clip(error.message, 200));
  return {
    code: isPlainSyntax ? "SYNTAX" : error.code,
    message,
    pointer: "",
    start,
    end,
    ...(known?.note === undefined ? {} : { note: known.note }),
  };
}

function lowerFirst(text: string): string {
  return text.charAt(0).toLowerCase() + text.slice(1);
}
