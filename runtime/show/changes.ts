/** What would be done about the containers of a project, as text and as JSON. Pure. */
import type { Plan } from "../plan/plan.ts";
import { escapeControls } from "./diagnostics.ts";
import { type Places, planJson, planLines, type ShowOptions, showOrigin } from "./plan.ts";

/** One container and what is done about it. */
export interface ShownChange {
  readonly name: string;
  readonly action: "start" | "change" | "replace" | "remove" | "none";
  readonly why: string;
  readonly differences: readonly {
    readonly key: string;
    readonly origin: string;
    readonly cost: "told" | "live" | "recreate";
    readonly text?: string;
  }[];
  readonly drift: readonly {
    readonly key: string;
    readonly origin: string;
    readonly text: string;
  }[];
  readonly plan?: Plan;
}

export interface ShownProject {
  readonly changes: readonly ShownChange[];
  /** What is lost of the project itself. */
  readonly lost: readonly { readonly what: string; readonly text: string }[];
}

const SIGNS = { start: "+", change: "~", replace: "±", remove: "-", none: " " } as const;
const COUNTED = [
  ["start", "to create"],
  ["change", "to change"],
  ["replace", "to replace"],
  ["remove", "to remove"],
  ["none", "unchanged"],
] as const;

const WIDTH = 68;

/** For `plan`: every container, with its operations. */
export function showChanges(
  { changes, lost }: ShownProject,
  options: ShowOptions & { /** It is about to be done. */ readonly isBegun?: boolean },
): string {
  const lines = changes.flatMap((change) => [
    `${SIGNS[change.action]} ${change.name}   ${headOf(change)}`,
    ...reasonLines(change, options.places),
    ...(change.plan === undefined ? [] : planLines(change.plan, options)),
  ]);
  const end = options.isBegun === true ? "" : " Nothing was changed.";
  lines.push(...lost.map(({ text }) => `! ${text}`), `${countsOf(changes)}.${end}`);
  return `${lines.join("\n")}\n`;
}

/** For `diff`: only what is not as it should be. */
export function showDifferences({ changes, lost }: ShownProject, places: Places): string {
  const lines = changes.filter(({ action }) => action !== "none").flatMap((change) => {
    const reasons = reasonLines(change, places);
    return [`${SIGNS[change.action]} ${change.name}   ${verbOf(change)}`, ...reasons];
  });
  return [...lines, ...lost.map(({ text }) => `! ${text}`)].map((line) => `${line}\n`).join("");
}

function headOf(change: ShownChange): string {
  const { action, why, plan } = change;
  if (action === "none") return `unchanged: ${why}`;
  const count = plan?.ops.length ?? 0;
  const operations = count === 0 ? "" : `, ${count} operation${count === 1 ? "" : "s"}`;
  return action === "start" ? `create${operations}` : `${verbOf(change)}${operations}`;
}

function verbOf({ action, why, differences, drift }: ShownChange): string {
  switch (action) {
    case "start":
      return `create: ${why}`;
    case "change":
      return drift.length === 0 && differences.every(({ cost }) => cost === "told")
        ? "change in its record alone"
        : "change while it runs";
    case "replace":
      return `replace: ${why}`;
    case "remove":
      return `remove: ${why}`;
    case "none":
      return "unchanged";
  }
}

function reasonLines({ differences, drift }: ShownChange, places: Places): readonly string[] {
  const line = (text: string, origin: string): string =>
    `${`     ${escapeControls(text)}`.padEnd(WIDTH)} ${showOrigin(origin, places)}`.trimEnd();
  return [
    ...differences.map(({ key, text, origin }) =>
      line(text === undefined ? key : `${key}: ${text}`, origin)
    ),
    ...drift.map(({ key, text, origin }) => line(`${key}: drift: ${text}`, origin)),
  ];
}

function countsOf(changes: readonly ShownChange[]): string {
  const counts = COUNTED.flatMap(([action, text]) => {
    const count = changes.filter((change) => change.action === action).length;
    return count === 0 ? [] : [`${count} ${text}`];
  });
  return counts.length === 0 ? "No container" : counts.join(", ");
}

/** For `plan --json` and `diff --json`. */
export function changesJson({ changes, lost }: ShownProject, places: Places): unknown {
  return {
    version: 1,
    changes: changes.map(({ name, action, why, differences, drift, plan }) => ({
      name,
      action,
      why,
      differences: differences.map((one) => withLine(one, places)),
      drift: drift.map(({ key, origin, text }) => withLine({ key, origin, text }, places)),
      ...(plan === undefined ? {} : { plan: planJson(plan, places) }),
    })),
    lost,
  };
}

function withLine<T extends { readonly origin: string }>(one: T, places: Places): T {
  const line = places[one.origin]?.line;
  return line === undefined ? one : { ...one, line };
}
