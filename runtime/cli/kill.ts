/** `containerv kill`: a signal for the first process of containers. */
import { SIGKILL, SIGNALS } from "../../ffi/abi/signal.ts";
import { signalContainer } from "../lifecycle/verbs.ts";
import { type Arguments, UsageError } from "./arguments.ts";
import { eachContainer, needNames } from "./project.ts";

export function command(given: Arguments): Promise<number> {
  needNames(given);
  const signal = signalOf(given.options["--signal"]);
  return eachContainer(given, (view) => {
    signalContainer(view, signal);
    return "was sent the signal";
  });
}

function signalOf(value: string | true | undefined): number {
  if (typeof value !== "string") return SIGKILL;
  const names: Readonly<Record<string, number>> = SIGNALS;
  const number = names[value] ?? names[`SIG${value}`] ?? Number(value);
  if (Number.isInteger(number) && number > 0 && number <= 64) return number;
  throw new UsageError(`there is no signal ${value}`);
}
