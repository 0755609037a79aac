/** What is wrong with a spec, as text for a person and as annotations for GitHub Actions. */
import type { Diagnostic } from "../../spec/text/diagnostic.ts";

export interface ShowDiagnosticsOptions {
  readonly color: boolean;
}

/** Characters of a source line that are shown; a longer one is cut around the column. */
const MAX_SOURCE = 100;
const GUTTER = 5;

/**
 * Diagnostics → lines, and how many there were at the end; `""` for none. A note stands behind the caret below the line it
 * is about; a fix alone needs no copy of the line that it replaces.
 */
export function showDiagnostics(
  diagnostics: readonly Diagnostic[],
  { color }: ShowDiagnosticsOptions,
): string {
  if (diagnostics.length === 0) return "";
  const paint = color ? paintAnsi : paintNothing;
  const blocks = diagnostics.map((diagnostic) => showDiagnostic(diagnostic, paint));
  return `${[...blocks.flat(), showCount(diagnostics)].join("\n")}\n`;
}

type Style = "error" | "warning" | "dim" | "fix";
type Paint = (text: string, style: Style) => string;

const ANSI: Readonly<Record<Style, string>> = {
  error: "31;1",
  warning: "33;1",
  dim: "2",
  fix: "32",
};

function paintAnsi(text: string, style: Style): string {
  return `\x1b[${ANSI[style]}m${text}\x1b[0m`;
}

function paintNothing(text: string): string {
  return text;
}

function showDiagnostic(diagnostic: Diagnostic, paint: Paint): readonly string[] {
  const { severity, message, note, fix } = diagnostic;
  const head = `${where(diagnostic)}: ${paint(severity, severity)}: ${escapeControls(message)}`;
  const bar = paint(`${" ".repeat(GUTTER)} |`, "dim");
  const lines = [head];
  const isShown = diagnostic.source !== undefined && (note !== undefined || fix === undefined);
  if (isShown && diagnostic.place !== undefined) lines.push(...showSource(diagnostic, paint));
  else if (note !== undefined) lines.push(`${bar} ${escapeControls(note)}`);
  if (fix !== undefined) lines.push(`${bar}     ${paint("fix:", "fix")} ${escapeControls(fix)}`);
  return lines;
}

function where({ place, pointer }: Diagnostic): string {
  if (place !== undefined) return `${escapeControls(place.file)}:${place.line}:${place.column}`;
  return pointer === "" ? "the spec" : escapeControls(pointer);
}

function showSource(diagnostic: Diagnostic, paint: Paint): readonly string[] {
  const { place, source = "", note, severity } = diagnostic;
  if (place === undefined) return [];
  const shown = cutAround(source, { column: place.column, length: place.length });
  const number = paint(`${String(place.line).padStart(GUTTER)} |`, "dim");
  const bar = paint(`${" ".repeat(GUTTER)} |`, "dim");
  const caret = paint("^".repeat(Math.max(1, shown.length)), severity);
  const behind = note === undefined ? "" : ` ${escapeControls(note)}`;
  return [
    `${number} ${shown.text}`.trimEnd(),
    `${bar} ${" ".repeat(shown.before)}${caret}${behind}`,
  ];
}

interface Cut {
  readonly text: string;
  /** Characters before the mark, and in it, as they are shown. */
  readonly before: number;
  readonly length: number;
}

/** The part of a line that holds the mark: the place counts characters, what is shown may be escaped and so wider. */
function cutAround(source: string, { column, length }: { column: number; length: number }): Cut {
  const characters = firstCharacters(source, column + MAX_SOURCE);
  const start = column - 1 > MAX_SOURCE - 30 ? column - 1 - 40 : 0;
  const isCutBefore = start > 0;
  const window = characters.slice(start, start + MAX_SOURCE);
  const isCutAfter = characters.length > start + MAX_SOURCE;
  const markEnd = Math.min(column - 1 - start + length, window.length);
  const before = escapeControls(window.slice(0, column - 1 - start).join(""));
  const marked = escapeControls(window.slice(column - 1 - start, markEnd).join(""));
  const after = escapeControls(window.slice(markEnd).join(""));
  const head = isCutBefore ? "…" : "";
  return {
    text: `${head}${before}${marked}${after}${isCutAfter ? "…" : ""}`,
    before: width(before) + head.length,
    length: width(marked),
  };
}

/** A line may be 1 MiB long: only what can be shown is split into characters. */
function firstCharacters(source: string, count: number): readonly string[] {
  return Array.from(source.slice(0, count * 2)).slice(0, count);
}

function width(text: string): number {
  return Array.from(text).length;
}

function showCount(diagnostics: readonly Diagnostic[]): string {
  const errors = diagnostics.filter(({ severity }) => severity === "error").length;
  const warnings = diagnostics.length - errors;
  const parts = [count(errors, "error"), count(warnings, "warning")].filter((part) => part !== "");
  return parts.join(", ") + (errors > 0 ? ", nothing was done" : "");
}

function count(number: number, noun: string): string {
  if (number === 0) return "";
  return number === 1 ? `1 ${noun}` : `${number} ${noun}s`;
}

/**
 * Control characters (C0, DEL, C1), and those that change the direction or the lines of what follows, as `\\x1b` or `\\u202e`: a spec
 * must not move the cursor of who reads about it. A tab becomes one blank, so that carets stand where they should.
 */
export function escapeControls(text: string): string {
  return text.replaceAll("\t", " ").replace(UNSHOWN, (one) => {
    const code = one.charCodeAt(0);
    return code < 256
      ? `\\x${code.toString(16).padStart(2, "0")}`
      : `\\u${code.toString(16).padStart(4, "0")}`;
  });
}

// deno-lint-ignore no-control-regex
const UNSHOWN = /[\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069]/g;

/** A workflow command of GitHub Actions per diagnostic: `::error file=…,line=…,col=…,title=…::message`. */
export function githubAnnotations(diagnostics: readonly Diagnostic[]): string {
  return diagnostics.map((diagnostic) => {
    const { severity, message, place, code, note, fix } = diagnostic;
    const properties = place === undefined
      ? [["title", code]]
      : [["file", place.file], ["line", place.line], ["col", place.column], ["title", code]];
    const said = properties.map(([key, value]) => `${key}=${escapeProperty(String(value))}`);
    const text = [
      place === undefined ? `${where(diagnostic)}: ${message}` : message,
      ...(note === undefined ? [] : [note]),
      ...(fix === undefined ? [] : [`fix: ${fix}`]),
    ].join("\n");
    return `::${severity} ${said.join(",")}::${escapeData(text)}\n`;
  }).join("");
}

/** https://github.com/actions/toolkit/blob/main/packages/core/src/command.ts: what ends a line or a message there. */
function escapeData(text: string): string {
  return text.replaceAll("%", "%25").replaceAll("\r", "%0D").replaceAll("\n", "%0A");
}

function escapeProperty(text: string): string {
  return escapeData(text).replaceAll(":", "%3A").replaceAll(",", "%2C");
}
