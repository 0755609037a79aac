/** What `doctor` prints: whether a container runs, then each feature, and for what is missing its cost and its fix. */
import type { Host } from "../plan/host.ts";

export interface ShownFeature {
  readonly name: string;
  readonly group: string;
  readonly since?: string;
  readonly needs: string;
  readonly gives: string;
  readonly without: string;
  readonly fix: string;
  readonly required: boolean;
  /** `unknown`: it could not be asked. */
  readonly state: "yes" | "no" | "unknown";
  readonly detail?: string;
}

export interface Trial {
  readonly works: boolean;
  /** Why it does not. */
  readonly why?: string;
  readonly fix?: string;
  /** What of the defaults does not hold here. */
  readonly losses: readonly string[];
}

export interface Diagnosis {
  /** What `plan --host FILE` takes. */
  readonly host: Host;
  /** A container of the defaults was really run. */
  readonly trial: Trial;
  readonly features: readonly ShownFeature[];
}

const SIGNS = { yes: "✔", no: "✘", unknown: "?" } as const;
const COLORS = { yes: "32", no: "31;1", unknown: "33" } as const;

const HEADINGS: Readonly<Record<string, string>> = {
  start: "to start a container",
  rootfs: "for its root file system",
  limits: "for limits",
  "no root": "without root",
  policy: "for policies",
  network: "for networks",
  vm: "for virtual machines",
};

/** The whole diagnosis as text, with colour where wanted. */
export function showDoctor(
  { host, trial, features }: Diagnosis,
  options: { readonly color: boolean } = { color: false },
): string {
  const sign = (state: keyof typeof SIGNS): string =>
    options.color ? `\x1b[${COLORS[state]}m${SIGNS[state]}\x1b[0m` : SIGNS[state];
  const lines = [showHost(host), "", ...showTrial(trial, sign)];
  let group: string | undefined;
  for (const feature of features) {
    if (feature.group !== group) lines.push("", HEADINGS[feature.group] ?? feature.group);
    group = feature.group;
    lines.push(...showFeature(feature, sign));
  }
  lines.push("", showCount(features));
  return `${lines.join("\n")}\n`;
}

type Sign = (state: keyof typeof SIGNS) => string;

function showHost(host: Host): string {
  const who = host.privileged
    ? "with all rights"
    : "in a user namespace of its own for each container";
  return `Linux ${host.kernel} on ${host.architecture}, user ${host.uid}, ${who}`;
}

function showTrial({ works, why, fix, losses }: Trial, sign: Sign): readonly string[] {
  const lines = works
    ? [`${sign("yes")} a container of the defaults runs`]
    : [`${sign("no")} a container of the defaults does not run: ${why}`];
  if (fix !== undefined) lines.push(`    fix   ${fix}`);
  for (const loss of losses) lines.push(`    note  ${loss}`);
  return lines;
}

function showFeature(feature: ShownFeature, sign: Sign): readonly string[] {
  const { name, since, state, detail, gives, without, fix } = feature;
  if (state === "yes") {
    return [`  ${sign(state)} ${name}${detail === undefined ? "" : `: ${detail}`}`];
  }
  const version = since === undefined ? "" : ` (Linux ${since})`;
  const seen = state === "unknown" ? `could not be asked: ${detail}` : detail ?? "not here";
  const lines = [`  ${sign(state)} ${name}${version}: ${seen}`];
  if (state === "unknown") return [...lines, `      for   ${gives}`];
  return [...lines, `      cost  ${without}`, `      fix   ${fix}`];
}

function showCount(features: readonly ShownFeature[]): string {
  const count = (state: ShownFeature["state"]): number =>
    features.filter((feature) => feature.state === state).length;
  const unknown = count("unknown");
  const rest = unknown === 0 ? "" : `, ${unknown} could not be asked`;
  return `${count("yes")} there, ${count("no")} missing${rest}. Nothing was changed.`;
}
