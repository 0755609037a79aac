/** `containerv completions SHELL`: made from the table of commands. */
import { type Arguments, UsageError } from "./arguments.ts";
import { stdout } from "./output.ts";
import { type CommandRow, COMMANDS } from "./table.ts";

const MAKERS: Readonly<Record<string, () => string>> = { bash, zsh, fish };

export function command({ operands }: Arguments): number {
  const make = MAKERS[operands[0] ?? ""];
  if (make === undefined) throw new UsageError("name a shell: bash, zsh or fish");
  stdout(make());
  return 0;
}

const names = (): string => COMMANDS.map((row) => row.name).join(" ");

function words(row: CommandRow): string {
  const options = row.options.flatMap((option) =>
    option.short === undefined ? [option.name] : [option.name, option.short]
  );
  const operands = row.name === "completions"
    ? Object.keys(MAKERS)
    : row.name === "help"
    ? COMMANDS.map((one) => one.name)
    : [];
  return [...options, "--help", ...operands].join(" ");
}

function bash(): string {
  const cases = COMMANDS.map((row) => {
    const files = row.files ? ' COMPREPLY+=($(compgen -f -- "$word"));' : "";
    return `    ${row.name}) COMPREPLY=($(compgen -W "${words(row)}" -- "$word"));${files} ;;`;
  });
  return [
    "_containerv() {",
    '  local word="${COMP_WORDS[COMP_CWORD]}"',
    '  if [ "$COMP_CWORD" -eq 1 ]; then',
    `    COMPREPLY=($(compgen -W "${names()}" -- "$word")); return`,
    "  fi",
    '  case "${COMP_WORDS[1]}" in',
    ...cases,
    "  esac",
    "}",
    "complete -o filenames -F _containerv containerv",
    "",
  ].join("\n");
}

function zsh(): string {
  const cases = COMMANDS.map((row) =>
    `    ${row.name}) compadd -- ${words(row)}${row.files ? "; _files" : ""} ;;`
  );
  return [
    "#compdef containerv",
    "_containerv() {",
    `  if (( CURRENT == 2 )); then compadd -- ${names()}; return; fi`,
    '  case "${words[2]}" in',
    ...cases,
    "  esac",
    "}",
    'if [ "$funcstack[1]" = "_containerv" ]; then _containerv "$@"; else compdef _containerv containerv; fi',
    "",
  ].join("\n");
}

function fish(): string {
  const lines = ["complete -c containerv -f"];
  for (const row of COMMANDS) {
    lines.push(
      `complete -c containerv -n __fish_use_subcommand -a ${row.name} -d '${row.summary}'`,
    );
    const seen = `-n '__fish_seen_subcommand_from ${row.name}'`;
    for (const option of row.options) {
      const short = option.short === undefined ? "" : ` -s ${option.short.slice(1)}`;
      const value = option.value === undefined ? "" : " -r";
      lines.push(
        `complete -c containerv ${seen} -l ${
          option.name.slice(2)
        }${short}${value} -d '${option.help}'`,
      );
    }
    if (row.files) lines.push(`complete -c containerv ${seen} -F`);
  }
  return `${lines.join("\n")}\n`;
}
