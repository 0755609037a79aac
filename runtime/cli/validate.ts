/** `containerv validate`: all errors of a spec at once. */
import { loadFile } from "../lifecycle/load.ts";
import { type Arguments, readVariables, UsageError } from "./arguments.ts";
import { BAD_INPUT } from "./main.ts";
import { stdout } from "./output.ts";
import { filesOf, showProblems, specHere } from "./spec.ts";

export async function command(given: Arguments): Promise<number> {
  const { options } = given;
  const variables = readVariables(given);
  const [file = specHere(), ...over] = filesOf(given);
  if (given.operands.length > 1) throw new UsageError("name one spec, or `-`");
  const result = await loadFile(file, {
    cache: false,
    ...(variables === undefined ? {} : { variables }),
    ...(over.length === 0 ? {} : { over }),
  });
  if (options["--json"] === true) stdout(`${JSON.stringify(result.diagnostics, null, 2)}\n`);
  else if (result.diagnostics.length > 0) await showProblems(result);
  return result.desired === undefined ? BAD_INPUT : 0;
}
