/** Help texts, made from the table of commands. */
import { suggest } from "../../spec/text/suggest.ts";
import type { Arguments } from "./arguments.ts";
import { BAD_INPUT } from "./main.ts";
import { stderr, stdout } from "./output.ts";
import { type CommandRow, commandRow, COMMANDS } from "./table.ts";

const INTRODUCTION = "containerv runs what a YAML file says: checked, planned, shown, applied.";

export function command({ operands }: Arguments): number {
  const [name] = operands;
  if (name === undefined) {
    stdout(overview());
    return 0;
  }
  const row = commandRow(name);
  if (row === undefined) return unknown(name);
  stdout(commandHelp(row));
  return 0;
}

/** Says that there is no such command, and which one was probably meant. */
export function unknown(name: string): number {
  const nearest = suggest(name, COMMANDS.map((row) => row.name));
  const meant = nearest === undefined ? "" : `; did you mean "${nearest}"?`;
  stderr(`containerv: there is no command "${name}"${meant}\nsee containerv help\n`);
  return BAD_INPUT;
}

function overview(): string {
  const rows = COMMANDS.map((row) => `  ${row.name.padEnd(13)}${row.summary}`);
  return [
    INTRODUCTION,
    "",
    "usage: containerv COMMAND [OPTIONS]",
    "",
    ...rows,
    "",
    "containerv help COMMAND says more. A first spec:",
    "",
    '  commands: ["echo hello from $(hostname)"]',
    "  limits: {memory: 64MiB}",
    "",
  ].join("\n");
}

function commandHelp(row: CommandRow): string {
  const lines = [`usage: containerv ${row.name} ${row.usage}`.trimEnd(), "", row.summary];
  for (const paragraph of row.text) lines.push("", ...wrap(paragraph));
  if (row.options.length > 0) lines.push("", "options:");
  for (const option of row.options) {
    const name = `${option.short === undefined ? "" : `${option.short}, `}${option.name}` +
      (option.value === undefined ? "" : ` ${option.value}`);
    lines.push(`  ${`${name} `.padEnd(18)}${option.help}`);
  }
  if (row.examples.length > 0) lines.push("", "examples:");
  for (const example of row.examples) lines.push(`  ${example}`);
  return `${lines.join("\n")}\n`;
}

const WIDTH = 80;

function wrap(text: string): readonly string[] {
  const lines: string[] = [];
  let line = "";
  for (const word of text.split(" ")) {
    if (line !== "" && line.length + word.length + 1 > WIDTH) {
      lines.push(line);
      line = word;
    } else line = line === "" ? word : `${line} ${word}`;
  }
  return [...lines, line];
}
