/** `containerv kill`: a signal for the first process of containers. */
import { SIGKILL, signalNumber } from "../../ffi/abi/signal.ts";
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
  const number = signalNumber(value);
  if (number === undefined) throw new UsageError(`there is no signal ${value}`);
  return number;
}
