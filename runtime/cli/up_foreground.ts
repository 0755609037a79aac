/** `containerv up` at a terminal: output of all containers until they have ended, one has failed, or ^C. */
import { SyscallError } from "../../ffi/linux/error.ts";
import { listenToSignals } from "../../ffi/linux/signals.ts";
import { factsOf } from "../apply/facts.ts";
import { type Ended, type Foreground, lookAt } from "../lifecycle/foreground.ts";
import { feedWatchdog, notifyManager } from "../lifecycle/notify.ts";
import { type SpecChanges, watchFiles } from "../lifecycle/spec_changes.ts";
import { type Arguments, UsageError } from "./arguments.ts";
import { formOf, type LogForm, printLines } from "./log_output.ts";
import { OWN_FAILURE } from "./main.ts";
import { isTerminal, stderr } from "./output.ts";
import { endingText } from "../lifecycle/ending_text.ts";
import { graceOf } from "./project.ts";
import { showFailure } from "./spec.ts";
import { bringUp, filesOf, readWanted, type Wanted } from "./up.ts";

/** Somebody at a terminal, and what they want. */
interface Session {
  wanted: Wanted;
  form: LogForm;
  /** How often its end was asked for. */
  asked: number;
  /** A container ended with 0, and an output of it could not be had. */
  incomplete: boolean;
  /** Failures that were said. */
  readonly said: Set<string>;
  readonly given: Arguments;
  readonly shown: Foreground;
}

/** Exit status: that of the container that failed, 125 when one could not be made, else 0. */
export async function upInForeground(wanted: Wanted, given: Arguments): Promise<number> {
  const session = begin(wanted, given);
  using shown = session.shown;
  const unwatch = feedWatchdog();
  const release = listenToSignals(["SIGINT", "SIGTERM", "SIGHUP"], () => ask(session));
  try {
    const status = given.options["--watch"] === true
      ? await untilAsked(session)
      : await untilOver(session);
    notifyManager("STOPPING=1");
    await shown.stop({ ...graceOf(given), hurry: () => session.asked > 1 });
    return status === 0 && session.incomplete ? OWN_FAILURE : status;
  } finally {
    release();
    unwatch();
  }
}

function begin(wanted: Wanted, given: Arguments): Session {
  const { options } = given;
  const session: Omit<Session, "shown"> & { shown?: Foreground } = {
    wanted,
    form: formFor(wanted),
    asked: 0,
    incomplete: false,
    said: new Set(),
    given,
  };
  const shown = lookAt(wanted.desired, {
    file: wanted.file,
    stopOnFailure: options["--keep-going"] !== true && options["--watch"] !== true,
    endless: options["--watch"] === true,
    onLines: (lines) => {
      try {
        printLines(lines, session.form);
      } catch (error) {
        if (!(error instanceof SyscallError)) throw error;
        // Nobody reads any more: as ^C.
        ask({ ...session, shown });
      }
    },
    onEnded: async (ended) => {
      stderr(endedText(ended, session.asked > 0));
      await showOutputs(session, ended);
    },
  });
  return Object.assign(session, { shown });
}

/** A line with its digest for each output, and what could not be had, unless `up` has said so. */
async function showOutputs(
  session: Pick<Session, "wanted" | "said"> & { incomplete: boolean },
  { collected, ending }: Ended,
): Promise<void> {
  if (collected === undefined) return;
  const { copied, missed } = collected;
  if (missed.length > 0 && ending.status === 0) session.incomplete = true;
  const { showCopies } = await import("../show/copies.ts");
  stderr(showCopies(copied, process.cwd()));
  const { places, hidden } = session.wanted.result;
  for (const facts of missed) {
    if (!session.said.has(JSON.stringify(facts))) await showFailure(facts, places, hidden);
  }
}

const formFor = ({ desired }: Wanted): LogForm =>
  formOf(desired.containers.map(({ name }) => name), { json: false });

function ask(session: Session): void {
  session.asked++;
  if (session.asked === 1 && isTerminal(2)) stderr("\nstopping; once more kills\n");
  session.shown.wake();
}

async function untilOver(session: Session): Promise<number> {
  const { shown, wanted, given } = session;
  const isAsked = (): boolean => session.asked > 0;
  const begun = await bringUp(wanted, { onOpen: shown.begin, isAborted: isAsked });
  for (const { facts } of begun.result?.failures ?? []) session.said.add(JSON.stringify(facts));
  const keepGoing = given.options["--keep-going"] === true;
  if (begun.result === undefined || (begun.status !== 0 && !keepGoing)) return begun.status;
  notifyManager("READY=1");
  const { failed } = await shown.untilOver(isAsked);
  if (failed !== undefined && !keepGoing && wanted.desired.containers.length > 1) {
    stderr(`${failed.name} has failed: the others are stopped (--keep-going leaves them)\n`);
  }
  if (isAsked() && failed === undefined) return 0;
  return begun.status === 0 ? failed?.ending.status ?? 0 : begun.status;
}

/** Each change of the spec is made true. What failed is there to be mended: the status is 0. */
async function untilAsked(session: Session): Promise<number> {
  const { shown } = session;
  using changes = watchFiles(shown.wake);
  const isAsked = (): boolean => session.asked > 0;
  for (;;) {
    changes.add(filesOf(session.wanted));
    const options = { onOpen: shown.begin, isAborted: isAsked };
    const begun = await bringUp(session.wanted, options);
    // Nothing is there to be looked at.
    if (begun.result === undefined && !changes.isPending()) return begun.status;
    notifyManager("READY=1");
    await nextWanted(session, changes);
    if (isAsked()) return 0;
  }
}

/** Resolves with another form of what is wanted, or when the end was asked for. */
async function nextWanted(session: Session, changes: SpecChanges): Promise<void> {
  const { shown, given } = session;
  const isAsked = (): boolean => session.asked > 0;
  for (;;) {
    await shown.untilOver(() => isAsked() || changes.isPending());
    if (isAsked()) return;
    await changes.settled();
    const next = await reread(given);
    const { desired } = session.wanted;
    if (next === undefined || next.desired.project !== desired.project) {
      const why = next === undefined ? "wrong" : "another project's by its name";
      stderr(`the spec is ${why}: what runs is left as it is\n`);
      continue;
    }
    if (JSON.stringify(next.desired) === JSON.stringify(desired)) continue;
    session.wanted = next;
    session.form = formFor(next);
    shown.want(next.desired);
    return;
  }
}

/** `undefined`: it is wrong, or not there, and that has been said. */
async function reread(given: Arguments): Promise<Wanted | undefined> {
  try {
    return await readWanted(given);
  } catch (error) {
    if (error instanceof UsageError) stderr(`containerv up: ${error.message}\n`);
    else await showFailure(factsOf(error), {});
    return undefined;
  }
}

const endedText = ({ name, ending }: Ended, asked: boolean): string =>
  `${asked || ending.status === 0 ? "✔" : "✘"} ${name} ${endingText(ending)}\n`;
