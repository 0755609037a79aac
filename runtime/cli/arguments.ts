/** The command line → options and operands, by `arg` and the table of commands. */
import type { Spec } from "arg";
import { REPORTED_ROLE } from "../plan/launcher/format.ts";
import type { CommandRow } from "./table.ts";

export interface Arguments {
  readonly operands: readonly string[];
  /** What stands behind `--`; absent when there is no `--`. */
  readonly command?: readonly string[];
  /** Switches that were given, and options with their value. */
  readonly options: Readonly<Record<string, string | true>>;
  /** Values of options that may be given several times. */
  readonly lists?: Readonly<Record<string, readonly string[]>>;
}

/** The command line as it was typed, without the program's name; what the launcher executed has its role in front. */
export function givenWords(): readonly string[] {
  const words = process.argv.slice(2);
  return words[0] === REPORTED_ROLE ? words.slice(1) : words;
}

/** Wrong usage: printed with the command's usage line; exit status 125 for run and exec, 2 else. */
export class UsageError extends Error {}

/** Throws UsageError. */
export async function parseArguments(
  argv: readonly string[],
  row: CommandRow,
): Promise<Arguments> {
  const dashes = argv.indexOf("--");
  const own = dashes < 0 ? argv : argv.slice(0, dashes);
  const command = dashes < 0 ? {} : { command: argv.slice(dashes + 1) };
  if (!own.some((word) => word.startsWith("-"))) return { operands: own, options: {}, ...command };
  const { default: arg } = await import("arg");
  const spec: Record<
    string,
    BooleanConstructor | StringConstructor | [StringConstructor] | string
  > = {
    "--help": Boolean,
    "-h": "--help",
  };
  for (const option of row.options) {
    const type = option.many === true ? [String] as [StringConstructor] : String;
    spec[option.name] = option.value === undefined ? Boolean : type;
    if (option.short !== undefined) spec[option.short] = option.name;
  }
  try {
    const { _: operands, ...given } = arg(spec as Spec, { argv: [...own] });
    const pairs = Object.entries<string | true | readonly string[] | undefined>(given);
    const lists = pairs.filter(([, value]) => Array.isArray(value));
    return {
      operands,
      options: Object.fromEntries(pairs.filter(([, value]) => !Array.isArray(value))),
      ...(lists.length === 0 ? {} : { lists: Object.fromEntries(lists) }),
      ...command,
    } as Arguments;
  } catch (error) {
    if (error instanceof Error && "code" in error) throw new UsageError(error.message);
    throw error;
  }
}

/** `--set NAME=value` → the values of variables; `undefined` when none was given. Throws UsageError. */
export function readVariables({ lists }: Arguments): Readonly<Record<string, string>> | undefined {
  const given = lists?.["--set"];
  if (given === undefined) return undefined;
  return Object.fromEntries(given.map((text) => {
    const at = text.indexOf("=");
    if (at < 1) throw new UsageError(`--set takes NAME=VALUE, not "${text}"`);
    return [text.slice(0, at), text.slice(at + 1)];
  }));
}
