import { Composer, type Document, Lexer, type ParsedNode, Parser } from "yaml";
import { MAX_DEPTH, MAX_LEXEMES, MAX_TEXT_LENGTH } from "./bounds.ts";
import { buildTree } from "./build.ts";
import { decode } from "./decode.ts";
import { indexLines, type Lines } from "./lines.ts";
import type { Problem } from "./problem.ts";
import { clip } from "./strings.ts";
import { explainSyntax } from "./syntax.ts";
import type { Tree } from "./tree.ts";

type ParserTokens = Parameters<Composer["compose"]>[0];
type Token = ParserTokens extends Iterable<infer One> ? One : never;

export interface Parsed {
  readonly lines: Lines;
  /** Absent when the text has no structure that could be checked further. */
  readonly tree?: Tree;
  readonly problems: readonly Problem[];
}

/**
 * YAML → tree. Strict: YAML 1.2, one document, no tags but `!!str`, `!!map`, `!!seq`, no merge keys, no duplicate
 * keys, no number that is not exact. Bounded: size, nesting, nodes, aliases (`bounds.ts`). Never throws for what a text holds.
 */
export function parse(input: Uint8Array | string, file: string): Parsed {
  const decoded = decode(input);
  if ("problem" in decoded) {
    const { code, message, offset, text, note } = decoded.problem;
    const problem = { code, message, pointer: "", start: offset, end: offset };
    return {
      lines: indexLines(file, text),
      problems: [note === undefined ? problem : { ...problem, note }],
    };
  }
  const { text } = decoded;
  const lines = indexLines(file, text);
  const cut = tokenize(text);
  if ("problem" in cut) return { lines, problems: [cut.problem] };
  const documents = compose(cut.tokens, text.length);
  const problems = findSyntaxProblems(documents, text);
  const [document] = documents;
  if (problems.length > 0 || document === undefined) return { lines, problems };
  return { lines, ...buildTree(document, lines) };
}

/** What the lexer puts before a plain or block scalar. */
const SCALAR = "\x1f";

type Cut = { readonly tokens: readonly Token[] } | { readonly problem: Problem };

/**
 * Drives lexer and parser by hand, so that depth and amount are checked while the text is read: neither has a bound
 * of its own, and 10^6 `[` are allowed by the size limit.
 */
function tokenize(text: string): Cut {
  const parser = new Parser();
  const tokens: Token[] = [];
  let lexemes = 0;
  let last = "";
  for (const lexeme of new Lexer().lex(text)) {
    for (const token of parser.next(lexeme)) {
      const problem = token.type === "directive" ? checkDirective(token) : undefined;
      if (problem !== undefined) return { problem };
      tokens.push(token);
    }
    // The stack holds the document, each open collection, and the scalar that is being read.
    if (parser.stack.length > MAX_DEPTH + 2) return { problem: tooDeep(parser.offset) };
    const isText = last === SCALAR || lexeme.startsWith('"') || lexeme.startsWith("'");
    if (isText && lexeme.length > MAX_TEXT_LENGTH) {
      return { problem: tooLong(parser.offset - lexeme.length) };
    }
    last = lexeme;
    if (++lexemes > MAX_LEXEMES) return { problem: tooMany(parser.offset) };
  }
  for (const token of parser.end()) tokens.push(token);
  return { tokens };
}

/** Nothing but `%YAML 1.2` has a meaning here: no tag is known that `%TAG` could shorten. */
function checkDirective(
  token: { readonly source: string; readonly offset: number },
): Problem | undefined {
  if (/^%YAML\s+1\.2\s*$/.test(token.source)) return undefined;
  const start = token.offset;
  return {
    code: "DIRECTIVE",
    message: `\`${clip(token.source, 40)}\`: a spec is YAML 1.2 and has no directives`,
    pointer: "",
    start,
    end: start + token.source.length,
  };
}

function tooDeep(offset: number): Problem {
  return {
    code: "TOO_DEEP",
    message: `maps and lists are nested deeper than ${MAX_DEPTH}`,
    pointer: "",
    start: Math.max(0, offset - 1),
    end: offset,
  };
}

function tooLong(offset: number): Problem {
  return {
    code: "TOO_LARGE",
    message: `a text is longer than ${MAX_TEXT_LENGTH} characters`,
    pointer: "",
    start: offset,
    end: offset + 1,
  };
}

function tooMany(offset: number): Problem {
  return {
    code: "TOO_LARGE",
    message: `the file has more than ${MAX_LEXEMES} words, blanks and signs`,
    pointer: "",
    start: offset,
  };
}

function compose(tokens: readonly Token[], length: number): readonly Document.Parsed<ParsedNode>[] {
  // failsafe: each scalar stays text, so that numbers and booleans are resolved from what was written, by us.
  // uniqueKeys is quadratic in the library; build.ts checks it in linear time and names the first place.
  const composer = new Composer({
    version: "1.2",
    schema: "failsafe",
    uniqueKeys: false,
    merge: false,
    prettyErrors: false,
    strict: true,
    logLevel: "silent",
  });
  return [...composer.compose(tokens, true, length)];
}

function findSyntaxProblems(
  documents: readonly Document.Parsed<ParsedNode>[],
  text: string,
): readonly Problem[] {
  const problems = documents.flatMap((document) =>
    document.errors.map((error) => explainSyntax(error, text))
  );
  // A quote that is not closed swallows the rest: what is missing after it is not missing.
  if (/^a `["']` is missing/.test(problems[0]?.message ?? "")) {
    return problems.slice(0, 1);
  }
  const [, second] = documents;
  if (second !== undefined) {
    problems.push({
      code: "SEVERAL_DOCUMENTS",
      message: "a second document starts here; a spec is one document",
      pointer: "",
      start: second.range[0],
      note: "several containers go below `containers:` in one document",
    });
  }
  return problems;
}
