/** `containerv exec` as it is mostly used: a container's name and a command. All else is for ./exec, which loads far more. */
import { O_CLOEXEC, O_RDONLY } from "../../ffi/abi/fcntl.ts";
import { openat } from "../../ffi/calls/open.ts";
import { Fd } from "../../ffi/linux/fd.ts";
import { findRecorded, quickStartable } from "../lifecycle/quick_exec.ts";
import { start } from "../lifecycle/start.ts";
import { openTarget } from "../lifecycle/target.ts";
import { ContainervError } from "../plan/error.ts";
import type { Arguments } from "./arguments.ts";
import { passSignals } from "./pass_signals.ts";

export async function command(given: Arguments): Promise<number> {
  const status = await quickly(given);
  return status ?? await (await import("./exec.ts")).command(given);
}

/** `undefined`: nothing was done, and this is no case for it. */
async function quickly(
  { operands: [name, ...words], command: behind, options, lists }: Arguments,
): Promise<number | undefined> {
  const argv = behind ?? words;
  const interactive = options["--interactive"] === true;
  if (Object.keys(options).length > (interactive ? 1 : 0) || lists !== undefined) return undefined;
  if (name === undefined || argv.length === 0) return undefined;
  const container = findRecorded(name);
  if (container === undefined) return undefined;
  try {
    using pidfd = openTarget({ ...container.process, name: container.name });
    using nothing = Fd.open(openat({ pathname: "/dev/null", flags: O_RDONLY | O_CLOEXEC }));
    const startable = await quickStartable(container, argv, { pidfd });
    const stdio = [interactive ? 0 : nothing.number, 1, 2] as const;
    const started = start(startable, stdio, { announce: false, rehearse: true });
    // Not taken away: they go with the process.
    passSignals(started);
    const outcome = await started.ended;
    const { failure, leftovers, status } = outcome;
    if (failure !== undefined || leftovers.length > 0) {
      await (await import("./exec.ts")).showFailures(outcome);
    }
    return status;
  } catch (error) {
    // What there is to say about a container that has ended meanwhile is said there.
    if (error instanceof ContainervError && error.code === "NOT_RUNNING") return undefined;
    return await (await import("./exec.ts")).ownFailure(error);
  }
}
