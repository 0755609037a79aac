/** `containerv stats`: what containers use, a table that is drawn anew each second on a terminal. */
import { SIGINT, SIGTERM } from "../../ffi/abi/signal.ts";
import { listenToSignals } from "../../ffi/linux/signals.ts";
import { type Sample, sampleJson } from "../lifecycle/as_json.ts";
import { sampleUsage } from "../lifecycle/samples.ts";
import { showBytes, showTable } from "../show/table.ts";
import type { Arguments } from "./arguments.ts";
import { isTerminal, stdout } from "./output.ts";
import { meantContainers } from "./project.ts";

const SECOND_MS = 1000;
/** How long is looked at where nobody watches. */
const ONCE_MS = 200;

export async function command(given: Arguments): Promise<number> {
  if (given.options["--json"] === true) {
    const samples = await sample(given, ONCE_MS);
    stdout(`${JSON.stringify(samples.map(sampleJson), null, 2)}\n`);
    return 0;
  }
  if (!isTerminal(1)) {
    stdout(table(await sample(given, ONCE_MS)));
    return 0;
  }
  let ended = 0;
  const release = listenToSignals(["SIGINT", "SIGTERM"], (signal) => ended = signal);
  while (ended === 0) {
    const text = table(await sample(given, SECOND_MS));
    // Home, the table, and nothing of an older one behind it.
    stdout(`\x1b[H${text.replaceAll("\n", "\x1b[K\n")}\x1b[J`);
  }
  release();
  return ended === SIGINT || ended === SIGTERM ? 0 : 1;
}

const sample = (given: Arguments, ms: number): Promise<readonly Sample[]> =>
  sampleUsage(meantContainers(given), ms);

function table(samples: readonly Sample[]): string {
  const rows = samples.map(({ view, usage, processors }) => [
    view.name,
    `${(processors * 100).toFixed(1)} %`,
    showBytes(usage.memoryBytes),
    usage.memoryLimitBytes === undefined ? "-" : showBytes(usage.memoryLimitBytes),
    usage.processLimit === undefined
      ? String(usage.processes)
      : `${usage.processes} of ${usage.processLimit}`,
  ]);
  return showTable([["NAME", "CPU", "MEMORY", "LIMIT", "PROCESSES"], ...rows]);
}
