/** `containerv run`: to the end, with the terminal's streams and signals passed through. */
import { signalName } from "../../ffi/abi/signal.ts";
import type { LoadResult } from "../../spec/model/load_result.ts";
import type { Outcome } from "../apply/outcome.ts";
import { outcomeOf, start, type Startable, withCopies } from "../lifecycle/start.ts";
import { plannedStartable, remember, rememberedStartable } from "../lifecycle/startable.ts";
import { LINE_START } from "../plan/launcher/format.ts";
import type { Summary } from "../plan/plan.ts";
import type { Report } from "../plan/report.ts";
import { LAUNCHER_BUILD } from "../version.ts";
import { type Arguments, givenWords } from "./arguments.ts";
import { OWN_FAILURE } from "./main.ts";
import { stderr } from "./output.ts";
import { passSignals } from "./pass_signals.ts";
import { loadSource, openSource, showFailure, type Source } from "./spec.ts";

export async function command(given: Arguments): Promise<number> {
  return await runToEnd(given, performance.now());
}

/** As `command`, for a run that the launcher began `msAgo`, and did not see end plainly. */
export async function launched(
  given: Arguments,
  { msAgo, reports }: { readonly msAgo: number; readonly reports: readonly Report[] },
): Promise<number> {
  return await runToEnd(given, performance.now() - msAgo, reports);
}

async function runToEnd(
  given: Arguments,
  begun: number,
  reports?: readonly Report[],
): Promise<number> {
  const source = openSource(given);
  let startable: Startable | undefined;
  let outcome: Outcome;
  try {
    startable = await startableOf(source);
    if (startable === undefined) return OWN_FAILURE;
    const ended = reports === undefined
      ? { again: startable }
      : await outcomeOf(startable, reports);
    if ("again" in ended) outcome = await run(startable = ended.again, { source, given });
    else outcome = ended;
    if (reports !== undefined && outcome.failure !== undefined) await forget(source);
  } catch (error) {
    return await ownFailure(error, source);
  }
  await showFailures(outcome, source);
  if (given.options["--quiet"] !== true) {
    if (outcome.copied !== undefined && outcome.status === 0) await showCopied(outcome.copied);
    const { summary } = startable;
    stderr(await statusLine(outcome, summary, { source, ms: performance.now() - begun }));
  }
  return outcome.status;
}

interface Given {
  readonly source: Source;
  readonly given: Arguments;
}

async function run(startable: Startable, { source, given }: Given): Promise<Outcome> {
  const letGo = startable.summary.terminal === true
    ? (await import("../lifecycle/terminal.ts")).holdTerminal()
    : undefined;
  const remember = LAUNCHER_BUILD === undefined
    ? undefined
    : await forLauncher(startable, { source, given });
  // Never released: they go with the process, which has nothing left to do then but to say how it went.
  const { started } = passSignals(() =>
    start(startable, [0, 1, 2], { announce: false, rehearse: true })
  );
  remember?.();
  const outcome = await started.ended;
  letGo?.();
  return outcome;
}

/** A file by its name and at most `--quiet`: all else is not remembered for the launcher. */
async function forLauncher(
  startable: Startable,
  { source: { spec }, given: { operands, command: behind, options, lists } }: Given,
): Promise<(() => void) | undefined> {
  const quiet = options["--quiet"] === true;
  const isPlain = Object.keys(options).length === (quiet ? 1 : 0) && lists === undefined &&
    behind === undefined && operands.length === 1 && operands[0] !== "-";
  if (!isPlain || spec === undefined) return undefined;
  const { runLaunch } = await import("../lifecycle/launch.ts");
  const words = givenWords();
  const line = ` ms${factsOf(startable.summary).map((fact) => ` · ${fact}`).join("")}\n`;
  return runLaunch({ spec, words, ...(quiet ? {} : { line }) }, startable);
}

/** What failed may be what is remembered. */
async function forget({ spec }: Source): Promise<void> {
  if (spec?.cache === undefined) return;
  const { forgetRunLaunch } = await import("../lifecycle/launch.ts");
  forgetRunLaunch(spec.cache, givenWords());
}

const factsOf = ({ limits, policy }: Summary): readonly string[] => [
  ...(limits.length > 0 ? [limits.join(", ")] : []),
  policy,
];

/** Remembered from an earlier run, or planned now. `undefined`: the spec is wrong, and that has been said. */
async function startableOf(source: Source): Promise<Startable | undefined> {
  const known = source.spec === undefined
    ? undefined
    : rememberedStartable(source.spec, source.load);
  if (known?.summary.copies !== undefined) return await withCopies(known);
  if (known !== undefined) return known;
  const loaded = await loadSource(source);
  if (loaded === undefined) return undefined;
  const { onlyContainer } = await import("../lifecycle/only.ts");
  const planned = await plannedStartable(onlyContainer(loaded.desired));
  if (source.spec !== undefined) remember(source.spec, loaded.result, planned);
  return planned;
}

async function showFailures(outcome: Outcome, source: Source): Promise<void> {
  const { failure, leftovers, missed = [] } = outcome;
  const all = [...(failure === undefined ? [] : [failure]), ...leftovers, ...missed];
  if (all.length === 0) return;
  const { places, hidden } = await source.load();
  for (const facts of all) await showFailure(facts, places, hidden);
}

/** Nothing ran: says why, and that it was containerv that failed. */
async function ownFailure(error: unknown, source: Source): Promise<number> {
  const { factsOf } = await import("../apply/facts.ts");
  // What failed may have been the loading itself: then there are no places.
  const { places, hidden } = await source.load().catch((): LoadResult => ({
    diagnostics: [],
    places: {},
  }));
  await showFailure(factsOf(error), places, hidden);
  stderr("✘ containerv failed: nothing was run (exit 125)\n");
  return OWN_FAILURE;
}

async function statusLine(
  outcome: Outcome,
  summary: Summary,
  run: { readonly source: Source; readonly ms: number },
): Promise<string> {
  const { commands } = summary;
  const facts = [`${Math.round(run.ms)} ms`, ...factsOf(summary), ...pressureFacts(outcome)];
  if (outcome.status === 0 && outcome.reason === "exited") {
    return `${LINE_START}${facts.join(" · ")}\n`;
  }
  const command = commands[outcome.command];
  const { places } = await run.source.load();
  const place = places[command?.origin ?? ""];
  const step = commands.length > 1
    ? `step ${outcome.command + 1}/${commands.length} ${command?.name}: `
    : "";
  const where = place === undefined ? "" : ` (${place.file}:${place.line})`;
  const limit = limitBehind(outcome, summary, places);
  const kept = await keptText(outcome);
  return `✘ ${step}${ending(outcome)}${limit ?? where} · ${[...kept, ...facts].join(" · ")}\n`;
}

/** `kept: reports/junit.xml`: what there is of a container that failed. */
async function keptText({ copied = [] }: Outcome): Promise<readonly string[]> {
  if (copied.length === 0) return [];
  const { shortPath } = await import("../show/copies.ts");
  return [`kept: ${copied.map(({ to }) => shortPath(to, process.cwd())).join(", ")}`];
}

/** A line with its digest for each output. */
async function showCopied(copied: NonNullable<Outcome["copied"]>): Promise<void> {
  const { showCopies } = await import("../show/copies.ts");
  stderr(showCopies(copied, process.cwd()));
}

/** What the limits did besides ending the container. */
function pressureFacts({ pressure, reason }: Outcome): readonly string[] {
  const { oomKills, pidsRefused, throttled } = pressure;
  return [
    ...(oomKills > 0 && reason !== "oom" ? [`${oomKills} killed: out of memory`] : []),
    ...(pidsRefused > 0 && reason !== "pids" ? [`${pidsRefused} processes refused`] : []),
    ...(throttled > 0 ? [`cpu throttled in ${throttled} periods`] : []),
  ];
}

/** ` (limits.memory 24MiB, spec.yaml:3)`: the limit that ended the container, and where it stands. */
function limitBehind(
  { reason }: Outcome,
  summary: Summary,
  places: LoadResult["places"],
): string | undefined {
  if (reason !== "oom" && reason !== "pids") return undefined;
  const blame = summary.blame[reason];
  if (blame === undefined) return undefined;
  const place = places[blame.origin];
  const where = place === undefined ? blame.origin : `${place.file}:${place.line}`;
  return ` (${blame.text}, ${where})`;
}

function ending(outcome: Outcome): string {
  switch (outcome.reason) {
    case "exited":
      return `exit ${outcome.status}`;
    case "signal":
      return `ended by ${signalName(outcome.signal ?? 0)}, exit ${outcome.status}`;
    case "oom":
      return `exit ${outcome.status}: out of memory`;
    case "pids":
      return `exit ${outcome.status}: too many processes`;
    case "timeout":
      return `its time was over, exit ${outcome.status}`;
    case "not started":
      return `the command could not be executed, exit ${outcome.status}`;
    case "failed":
      return `containerv failed, exit ${outcome.status}`;
    case "lost":
      return `the stage was killed, exit ${outcome.status}`;
  }
}
