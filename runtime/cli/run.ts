/** `containerv run`: to the end, with the terminal's streams and signals passed through. */
import { SIGINT, SIGKILL, signalName, SIGTERM } from "../../ffi/abi/signal.ts";
import { listenToSignals } from "../../ffi/linux/signals.ts";
import type { LoadResult } from "../../spec/model/load_result.ts";
import type { Outcome } from "../apply/outcome.ts";
import { startContainer, type Started } from "../lifecycle/start.ts";
import type { Arguments } from "./arguments.ts";
import { OWN_FAILURE } from "./main.ts";
import { stderr } from "./output.ts";
import { loadArguments, onlyContainer, showFailure } from "./spec.ts";

export async function command(given: Arguments): Promise<number> {
  const begun = performance.now();
  const loaded = await loadArguments(given);
  if (loaded === undefined) return OWN_FAILURE;
  const { result } = loaded;
  let started: Started;
  let outcome: Outcome;
  try {
    started = startContainer(onlyContainer(loaded.desired), [0, 1, 2]);
    const stop = passSignals(started);
    outcome = await started.ended;
    stop();
  } catch (error) {
    return await ownFailure(error, result);
  }
  const quiet = given.options["--quiet"] === true;
  if (outcome.failure !== undefined) await showFailure(outcome.failure, result);
  for (const facts of outcome.leftovers) await showFailure(facts, result);
  if (!quiet) stderr(statusLine(outcome, started, { result, ms: performance.now() - begun }));
  return outcome.status;
}

/** Signals that end or steer a program go to the container; what stops the terminal stays the terminal's. */
const PASSED = [
  "SIGHUP",
  "SIGINT",
  "SIGQUIT",
  "SIGTERM",
  "SIGUSR1",
  "SIGUSR2",
  "SIGWINCH",
  "SIGCONT",
] as const;

/**
 * PID 1 of a container does not die of a signal that it does not handle: after SIGINT or SIGTERM the grace time runs, and
 * a second one ends it at once.
 */
function passSignals(started: Started): () => void {
  let asked = 0;
  let timer: ReturnType<typeof setTimeout> | undefined;
  const stop = listenToSignals(PASSED, (signal) => {
    started.signal(signal);
    if (signal !== SIGINT && signal !== SIGTERM) return;
    asked++;
    if (asked > 1) started.signal(SIGKILL);
    const { graceMs } = started.prepared.plan.summary.stop;
    timer ??= setTimeout(() => started.signal(SIGKILL), graceMs);
  });
  return () => {
    clearTimeout(timer);
    stop();
  };
}

/** Nothing ran: says why, and that it was containerv that failed. */
async function ownFailure(error: unknown, result: LoadResult): Promise<number> {
  const { factsOf } = await import("../apply/facts.ts");
  await showFailure(factsOf(error), result);
  stderr("✘ containerv failed: nothing was run (exit 125)\n");
  return OWN_FAILURE;
}

function statusLine(
  outcome: Outcome,
  started: Started,
  run: { readonly result: LoadResult; readonly ms: number },
): string {
  const { limits, policy, commands } = started.prepared.plan.summary;
  const facts = [
    `${Math.round(run.ms)} ms`,
    ...(limits.length > 0 ? [limits.join(", ")] : []),
    policy,
  ];
  if (outcome.status === 0 && outcome.reason === "exited") {
    return `✔ exit 0 · ${facts.join(" · ")}\n`;
  }
  const command = commands[outcome.command];
  const place = run.result.places[command?.origin ?? ""];
  const step = commands.length > 1
    ? `step ${outcome.command + 1}/${commands.length} ${command?.name}: `
    : "";
  const where = place === undefined ? "" : ` (${place.file}:${place.line})`;
  return `✘ ${step}${ending(outcome)}${where} · ${facts.join(" · ")}\n`;
}

function ending(outcome: Outcome): string {
  switch (outcome.reason) {
    case "exited":
      return `exit ${outcome.status}`;
    case "signal":
      return `ended by ${signalName(outcome.signal ?? 0)}, exit ${outcome.status}`;
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
