/** `containerv up`: what the spec says is made true, and stays with -d; else it is looked at until it ends. */
import { type Done, up, type UpOptions, type UpResult } from "../lifecycle/up.ts";
import { chooseProfiles } from "../lifecycle/projects.ts";
import { showDuration } from "../show/table.ts";
import { absolutePath } from "../lifecycle/load.ts";
import { versionOf, type WatchOrder } from "../lifecycle/supervise/watcher.ts";
import { type Arguments, readVariables, UsageError } from "./arguments.ts";
import { BAD_INPUT, OWN_FAILURE } from "./main.ts";
import { stderr } from "./output.ts";
import { absoluteSpec, loadSource, openSource, overFiles, showFailure } from "./spec.ts";
import type { LoadResult } from "../../spec/model/load_result.ts";
import type { Desired } from "../../spec/model/desired.ts";
import { factsOf } from "../apply/facts.ts";

/** More containers than that are summed up. */
const SHOWN_MAX = 20;

export async function command(given: Arguments): Promise<number> {
  const isDetached = given.options["--detach"] === true;
  const wanted = await readWanted(given);
  if (wanted === undefined) return BAD_INPUT;
  if (isDetached) {
    if (given.options["--watch"] !== true) return (await bringUp(wanted)).status;
    return (await bringUp(wanted, { watch: watchOf(wanted, given) })).status;
  }
  return await (await import("./up_foreground.ts")).upInForeground(wanted, given);
}

/** A project as a spec wants it. */
export interface Wanted {
  readonly desired: Desired;
  /** Absolute path of the spec. */
  readonly file: string;
  /** Absolute paths of those that are merged over it. */
  readonly over: readonly string[];
  readonly result: LoadResult;
}

/** What the arguments say is wanted; `undefined`: the spec is wrong, and that has been said. Throws UsageError, ContainervError. */
export async function readWanted(given: Arguments): Promise<Wanted | undefined> {
  const source = openSource(given);
  const loaded = await loadSource(source);
  if (loaded === undefined) return undefined;
  const desired = withProfiles(loaded.desired, given);
  return { desired, file: absoluteSpec(source), over: overFiles(given), result: loaded.result };
}

/** The spec, the files that it is made of, and .env beside it. */
export function filesOf({ file, result: { places } }: Wanted): readonly string[] {
  const parts = new Set(Object.values(places).map((place) => place.file));
  const directory = file.slice(0, file.lastIndexOf("/"));
  const read = [...parts].map((part) => absolutePath(part, process.cwd()));
  return [file, `${directory}/.env`, ...read];
}

/** How the supervisor says the same again. Values of variables are no arguments: others could read them. */
function watchOf(wanted: Wanted, given: Arguments): WatchOrder {
  const profiles = (given.lists?.["--profile"] ?? []).flatMap((name) => ["--profile", name]);
  const over = wanted.over.flatMap((file) => ["--file", file]);
  return {
    args: ["up", "-d", "--watch", wanted.file, ...over, ...profiles],
    variables: readVariables(given) ?? {},
    files: Object.fromEntries(
      [...filesOf(wanted), ...wanted.over].map((file) => [file, versionOf(file)]),
    ),
  };
}

/** Makes it true, and says what is done. Without a `result` nothing was: it could not begin. */
export async function bringUp(
  wanted: Wanted,
  options: Pick<UpOptions, "onOpen" | "isAborted" | "watch"> = {},
): Promise<{ readonly status: number; readonly result?: UpResult }> {
  const { desired, file, over, result: { places, hidden } } = wanted;
  const many = desired.containers.length > SHOWN_MAX;
  const onDone = (done: Done): void => {
    if (!many && isGood(done)) stderr(`✔ ${done.name} ${outcomeText(done)}\n`);
  };
  const begun = performance.now();
  let result: UpResult;
  try {
    result = await up(desired, file, { onDone, over, ...options });
  } catch (error) {
    await showFailure(factsOf(error), places, hidden);
    return { status: OWN_FAILURE };
  }
  for (const { facts } of result.failures) await showFailure(facts, places, hidden);
  if (many) stderr(summary(result, performance.now() - begun));
  if (result.supervisor !== undefined) {
    const what = supervised(desired, options.watch !== undefined);
    stderr(`supervisor ${result.supervisor} (${what})${await reboot(wanted)}\n`);
  }
  if (result.failures.length === 0) return { status: 0, result };
  const names = [...new Set(result.failures.map(({ name }) => name))];
  stderr(`✘ containerv could not make ${names.join(", ")} (exit 125)\n`);
  return { status: OWN_FAILURE, result };
}

/** As `chooseProfiles`, of what the command line asks for. Throws UsageError. */
export function withProfiles(desired: Desired, { lists }: Arguments): Desired {
  const chosen = chooseProfiles(desired, lists?.["--profile"] ?? []);
  if (typeof chosen === "string") throw new UsageError(chosen);
  return chosen;
}

/** Whoever asks for restarts wants to know what a reboot does. */
async function reboot({ desired, file }: Wanted): Promise<string> {
  if (desired.containers.every(({ restart }) => restart.policy === "no")) return "";
  const { hasUnit, unitPath } = await import("../lifecycle/unit.ts");
  const path = unitPath(desired.project, file);
  return hasUnit(desired.project, file)
    ? `. After a reboot: ${path.slice(path.lastIndexOf("/") + 1)}`
    : `. It does not survive a reboot: containerv unit --install ${file}`;
}

/** What the supervisor is there for. */
function supervised({ containers }: Desired, watches: boolean): string {
  const restarts = containers.some(({ restart }) => restart.policy !== "no");
  const checks = containers.some(({ healthcheck }) => healthcheck !== undefined);
  return [
    ...(restarts ? ["restart"] : []),
    ...(checks ? ["health"] : []),
    ...(watches ? ["watch"] : []),
  ].join(", ");
}

const isGood = ({ action, start }: Done): boolean =>
  action === "none" || action === "remove" || action === "change" || start?.record !== undefined;

function outcomeText(done: Done): string {
  const { action, why, start, healthy, ms, differences, drift } = done;
  if (action === "change") {
    const what = [
      ...differences.map(({ key, text }) => text === undefined ? key : `${key} ${text}`),
      ...drift.map(({ text }) => `mended: ${text}`),
    ];
    return `changed without a restart: ${what.join("; ")}`;
  }
  if (action === "none") return why === "it runs" ? "unchanged" : "completed before, unchanged";
  if (action === "remove") return "removed: the spec has it no more";
  const ended = start?.record?.ended ?? done.ending;
  const state = ended === undefined
    ? healthy === true ? "healthy" : "running"
    : ended.status === 0
    ? "completed"
    : `exited (${ended.status})`;
  return `${state} ${showDuration(ms)}${action === "replace" ? ` (replaced: ${why})` : ""}`;
}

function summary({ done }: UpResult, ms: number): string {
  const counts = new Map<string, number>();
  for (const one of done.filter(isGood)) {
    const what = one.action === "none"
      ? "unchanged"
      : one.action === "remove"
      ? "removed"
      : one.action === "change"
      ? "changed"
      : "started";
    counts.set(what, (counts.get(what) ?? 0) + 1);
  }
  return `✔ ${[...counts].map(([what, count]) => `${count} ${what}`).join(", ")} · ${
    showDuration(ms)
  }\n`;
}
