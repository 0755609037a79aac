/** `containerv exec`: a command in a container that runs, with this command's streams and signals. */
import { O_CLOEXEC, O_RDONLY } from "../../ffi/abi/fcntl.ts";
import { openat } from "../../ffi/calls/open.ts";
import { Fd } from "../../ffi/linux/fd.ts";
import type { Outcome } from "../apply/outcome.ts";
import { commandOf } from "../lifecycle/commands.ts";
import { startExec } from "../lifecycle/exec.ts";
import { runningTarget } from "../lifecycle/running.ts";
import { type Arguments, UsageError } from "./arguments.ts";
import { OWN_FAILURE } from "./main.ts";
import { passSignals } from "./pass_signals.ts";
import { meantProject } from "./project.ts";
import { showFailure } from "./spec.ts";

export async function command(given: Arguments): Promise<number> {
  const [name, ...words] = given.operands;
  if (name === undefined) throw new UsageError("name a container");
  const argv = given.command ?? words;
  if (argv.length === 0) throw new UsageError("there is no command behind `--`");
  try {
    const target = runningTarget(name, meantProject(given));
    const wanted = await commandOf(argv, optionsOf(given));
    const { "--interactive": interactive, "--tty": tty } = given.options;
    const outcome = await run(target, wanted, { interactive, tty });
    await showFailures(outcome);
    return outcome.status;
  } catch (error) {
    if (error instanceof UsageError) throw error;
    return await ownFailure(error);
  }
}

/** Why it did not start, and what could not be taken back. */
export async function showFailures({ failure, leftovers }: Outcome): Promise<void> {
  for (const facts of [failure ?? [], ...leftovers].flat()) await showFailure(facts, {});
}

/** Nothing ran. */
export async function ownFailure(error: unknown): Promise<number> {
  const { factsOf } = await import("../apply/facts.ts");
  await showFailure(factsOf(error), {});
  return OWN_FAILURE;
}

async function run(
  target: Parameters<typeof startExec>[0],
  wanted: Parameters<typeof startExec>[1],
  { interactive, tty }: { readonly interactive: unknown; readonly tty: unknown },
): Promise<Outcome> {
  using nothing = Fd.open(openat({ pathname: "/dev/null", flags: O_RDONLY | O_CLOEXEC }));
  const letGo = tty === true
    ? (await import("../lifecycle/terminal.ts")).holdTerminal()
    : undefined;
  const { started, release } = passSignals(() =>
    startExec(target, wanted, {
      announce: false,
      rehearse: true,
      // A terminal has its input, as with `tty: true`.
      stdio: [interactive === true || tty === true ? 0 : nothing.number, 1, 2],
      ...(tty === true ? { terminal: { input: true } } : {}),
    })
  );
  try {
    return await started.ended;
  } finally {
    letGo?.();
    release();
  }
}

function optionsOf({ options, lists }: Arguments): Parameters<typeof commandOf>[1] {
  const text = (name: string): string | undefined =>
    typeof options[name] === "string" ? options[name] : undefined;
  const user = text("--user");
  const workdir = text("--workdir");
  const added = lists?.["--env"];
  const environment = added === undefined ? undefined : Object.fromEntries(added.map(pairOf));
  return {
    ...(user === undefined ? {} : { user }),
    ...(workdir === undefined ? {} : { workdir }),
    ...(environment === undefined ? {} : { environment }),
  };
}

function pairOf(text: string): readonly [string, string] {
  const equals = text.indexOf("=");
  if (equals < 1) throw new UsageError(`--env takes NAME=VALUE, not ${text}`);
  return [text.slice(0, equals), text.slice(equals + 1)];
}
