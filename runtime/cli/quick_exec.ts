/** `containerv exec` as it is mostly used: a container's name and a command. All else is for ./exec, which loads far more. */
import { O_CLOEXEC, O_RDONLY } from "../../ffi/abi/fcntl.ts";
import { openat } from "../../ffi/calls/open.ts";
import { Fd } from "../../ffi/linux/fd.ts";
import type { Outcome } from "../apply/outcome.ts";
import {
  findRecorded,
  type QuickStartable,
  quickStartable,
  type Recorded,
} from "../lifecycle/quick_exec.ts";
import { outcomeOf, start, type Startable } from "../lifecycle/start.ts";
import { openTarget } from "../lifecycle/target.ts";
import { ContainervError } from "../plan/error.ts";
import type { Report } from "../plan/report.ts";
import { LAUNCHER_BUILD } from "../version.ts";
import { type Arguments, givenWords } from "./arguments.ts";
import { passSignals } from "./pass_signals.ts";

export async function command(given: Arguments): Promise<number> {
  return await quickly(given) ?? await (await import("./exec.ts")).command(given);
}

/** As `command`, for one that the launcher ran already and did not see end plainly. */
export async function launched(given: Arguments, reports: readonly Report[]): Promise<number> {
  return await quickly(given, reports) ?? await (await import("./exec.ts")).command(given);
}

/** What `quickly` is for. */
interface Quick {
  /** What the container was called. */
  readonly name: string;
  readonly argv: readonly string[];
  readonly interactive: boolean;
  readonly container: Recorded;
}

/** `undefined`: it is no case for it. */
function quickOf(
  { operands: [name, ...words], command: behind, options, lists }: Arguments,
): Quick | undefined {
  const argv = behind ?? words;
  const interactive = options["--interactive"] === true;
  if (Object.keys(options).length > (interactive ? 1 : 0) || lists !== undefined) return undefined;
  if (name === undefined || argv.length === 0) return undefined;
  const container = findRecorded(name);
  return container === undefined ? undefined : { name, argv, interactive, container };
}

/** `undefined`: nothing was done, and this is no case for it. */
async function quickly(
  given: Arguments,
  reports?: readonly Report[],
): Promise<number | undefined> {
  const quick = quickOf(given);
  if (quick === undefined) return undefined;
  const { container, argv } = quick;
  try {
    using pidfd = openTarget({ ...container.process, name: container.name });
    const startable = await quickStartable(container, argv, { pidfd });
    const outcome = reports === undefined
      ? await run(startable, quick)
      : await resume(startable, { quick, reports });
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

async function run(startable: QuickStartable, quick: Quick): Promise<Outcome> {
  const { interactive, container, name } = quick;
  using nothing = Fd.open(openat({ pathname: "/dev/null", flags: O_RDONLY | O_CLOEXEC }));
  const stdio = [interactive ? 0 : nothing.number, 1, 2] as const;
  // Not released: they go with the process.
  const { started } = passSignals(() =>
    start(startable, stdio, { announce: false, rehearse: true })
  );
  if (LAUNCHER_BUILD !== undefined && startable.key !== undefined) {
    const { rememberExecLaunch } = await import("../lifecycle/launch.ts");
    const words = givenWords();
    const { key } = startable;
    rememberExecLaunch({ container, given: name, words, input: interactive, key }, startable);
  }
  return await started.ended;
}

/** Of what the launcher was told it could not say how it ended; what did not begin at all may begin now. */
async function resume(
  startable: Startable,
  { quick, reports }: { readonly quick: Quick; readonly reports: readonly Report[] },
): Promise<Outcome> {
  const ended = await outcomeOf(startable, reports);
  if ("again" in ended) return await run(ended.again, quick);
  if (ended.failure !== undefined) {
    (await import("../lifecycle/launch.ts")).forgetExecLaunch(givenWords());
  }
  return ended;
}
