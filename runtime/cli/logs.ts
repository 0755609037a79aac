/** `containerv logs`: what detached containers wrote. */
import { SyscallError } from "../../ffi/linux/error.ts";
import { followLogs } from "../lifecycle/follow.ts";
import { keepAgain } from "../lifecycle/keep_again.ts";
import { type LogLine, openLogs } from "../lifecycle/logs.ts";
import { type Arguments, UsageError } from "./arguments.ts";
import { formOf, printLines } from "./log_output.ts";
import { ContainervError } from "../plan/error.ts";
import { stderr } from "./output.ts";
import { meantContainers } from "./project.ts";
import { timeOption } from "./time.ts";

export async function command(given: Arguments): Promise<number> {
  const { options } = given;
  const views = meantContainers(given);
  const form = formOf(views.map(({ name }) => name), { json: options["--json"] === true });
  const tail = tailOf(options["--tail"]);
  const since = timeOption(options, "--since") ?? 0n;
  const until = timeOption(options, "--until");
  const isMeant = ({ timeNs }: LogLine): boolean =>
    timeNs >= since && (until === undefined || timeNs < until);
  const print = (lines: readonly LogLine[]): void => printLines(lines.filter(isMeant), form);
  await keepAgain(views).catch((error) => {
    // What is in the log is shown all the same.
    if (!(error instanceof ContainervError)) throw error;
    stderr(`! what was not kept is not shown: ${error.message}\n`);
  });
  try {
    if (options["--follow"] !== true) {
      const lines = openLogs(views).next({ rest: true }).filter(isMeant);
      print(tail < lines.length ? lines.slice(lines.length - tail) : lines);
    } else {
      if (until !== undefined) throw new UsageError("--until and --follow contradict each other");
      await followLogs(views, { tail, print });
    }
  } catch (error) {
    // A reader that is gone ends the output, not the program.
    if (!(error instanceof SyscallError)) throw error;
  }
  return 0;
}

function tailOf(value: string | true | undefined): number {
  if (value === undefined || value === true) return Infinity;
  if (!/^\d{1,9}$/.test(value)) {
    throw new UsageError(`--tail takes a number of lines, not ${value}`);
  }
  return Number(value);
}
