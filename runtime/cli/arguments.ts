/** The command line → options and operands, by `arg` and the table of commands. */
import type { Spec } from "arg";
import type { CommandRow } from "./table.ts";

export interface Arguments {
  readonly operands: readonly string[];
  /** What stands behind `--`; absent when there is no `--`. */
  readonly command?: readonly string[];
  /** Switches that were given, and options with their value. */
  readonly options: Readonly<Record<string, string | true>>;
}

/** Wrong usage: printed with the command's usage line; exit status 125 for run, 2 else. */
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
  const spec: Record<string, BooleanConstructor | StringConstructor | string> = {
    "--help": Boolean,
    "-h": "--help",
  };
  for (const option of row.options) {
    spec[option.name] = option.value === undefined ? Boolean : String;
    if (option.short !== undefined) spec[option.short] = option.name;
  }
  try {
    const { _: operands, ...options } = arg(spec as Spec, { argv: [...own] });
    return {
      operands,
      options: options as unknown as Arguments["options"],
      ...command,
    };
  } catch (error) {
    if (error instanceof Error && "code" in error) throw new UsageError(error.message);
    throw error;
  }
}
