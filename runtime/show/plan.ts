/** A plan as text: one line an operation, as strace would print the call, and at its end the line that asked for it. */
import type { Place } from "../../spec/text/diagnostic.ts";
import type { Op } from "../plan/ops/registry.ts";
import { definition } from "../plan/ops/registry.ts";
import { showCalls, undoOps } from "../plan/lower.ts";
import type { Plan } from "../plan/plan.ts";
import { escapeControls } from "./diagnostics.ts";

export type Places = Readonly<Record<string, Place>>;

export interface ShowOptions {
  readonly places: Places;
  /** Every system call of every operation, not only the one that matters. */
  readonly calls?: boolean;
}

/** Column at which the origin begins, when the call leaves room for it. */
const ORIGIN_COLUMN = 68;

export function showPlan(plan: Plan, options: ShowOptions): string {
  const lines = [
    `+ ${plan.container}   create, ${plan.ops.length} operations`,
    ...planLines(plan, options),
    "1 to create. Nothing was changed.",
  ];
  return `${lines.join("\n")}\n`;
}

/** Its operations, what takes them back, and what is lost. */
export function planLines(plan: Plan, options: ShowOptions): readonly string[] {
  const lines: string[] = [];
  plan.ops.forEach((op, index) => lines.push(...opLines(op, `${index + 1}`, options)));
  const undo = plan.ops.flatMap((op) => undoOps(op).map((back) => ({ back, op }))).reverse();
  const after = undo.filter(({ back }) => back.kind !== "end");
  const when = plan.lasting === true ? "when" : "afterwards, and when";
  if (after.length > 0) lines.push(`  ${when}ever a step fails:`);
  for (const { back } of after) lines.push(...opLines(back, "-", options));
  for (const loss of plan.losses) {
    lines.push(`! ${escapeControls(loss.message)} ${showOrigin(loss.origin, options.places)}`);
  }
  return lines;
}

function opLines(op: Op, number: string, options: ShowOptions): readonly string[] {
  const text = `${number.padStart(4)} ${escapeControls(definition(op).describe(op))}`;
  const line = `${text.padEnd(ORIGIN_COLUMN)} ${showOrigin(op.origin, options.places)}`;
  if (!options.calls) return [line];
  return [line, ...showCalls(op).map((call) => `       ${escapeControls(call)}`)];
}

/** `:3 limits.memory`, or `default`; for a spec without lines only the key. */
export function showOrigin(origin: string, places: Places): string {
  if (!origin.startsWith("/")) return origin;
  const place = places[origin];
  const key = dotted(origin);
  if (place === undefined) return key;
  // Of another file than the spec's own: which.
  const own = places[""]?.file ?? place.file;
  const file = place.file === own ? "" : place.file;
  return `${file}:${place.line} ${key}`;
}

/** `/commands/0/exec` → `commands[0].exec`. */
export function dotted(pointer: string): string {
  return pointer.split("/").slice(1).map((part, index) => {
    const key = part.replaceAll("~1", "/").replaceAll("~0", "~");
    if (/^\d+$/.test(key)) return `[${key}]`;
    return index === 0 ? key : `.${key}`;
  }).join("");
}

/** The plan as JSON for `plan --json`: each operation with its line, its calls and its origin's place. */
export function planJson(plan: Plan, places: Places): unknown {
  return {
    ...plan,
    ops: plan.ops.map((op) => ({
      ...op,
      show: definition(op).describe(op),
      calls: showCalls(op),
      ...(places[op.origin] === undefined ? {} : { line: places[op.origin]?.line }),
    })),
  };
}
