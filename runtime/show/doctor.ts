/** What `doctor` prints. */
import type { Host } from "../plan/host.ts";

export interface Diagnosis {
  readonly host: Host;
  readonly features: readonly {
    readonly name: string;
    readonly since?: string;
    readonly use: string;
    readonly without: string;
    readonly required: boolean;
    readonly state: "yes" | "no" | "unknown";
    readonly detail?: string;
  }[];
  /** A container of the defaults was really run. */
  readonly trial: { readonly works: boolean; readonly why?: string; readonly fix?: string };
  /** Controllers that hold limits for this user. */
  readonly limits: readonly string[];
}

const SIGNS = { yes: "✔", no: "✘", unknown: "?" } as const;

export function showDoctor({ host, features, trial, limits }: Diagnosis): string {
  const lines = [
    `kernel ${host.kernel} on ${host.architecture}, user ${host.uid}` +
    (host.privileged ? ", privileged" : ", in user namespaces"),
    "",
    trial.works
      ? "✔ a container of the defaults runs"
      : `✘ a container of the defaults does not run: ${trial.why}`,
  ];
  if (trial.fix !== undefined) lines.push(`    to have it: ${trial.fix}`);
  lines.push(
    limits.length > 0
      ? `✔ limits can be held: ${limits.join(", ")}`
      : "✘ no limits: no cgroup is delegated to this user\n    to have them: run as root",
    "",
  );
  for (const feature of features) {
    const detail = feature.detail === undefined ? "" : ` (${feature.detail})`;
    lines.push(`${SIGNS[feature.state]} ${feature.name}${detail}: ${feature.use}`);
    if (feature.state === "no") lines.push(`    to have it: ${feature.without}`);
  }
  return `${lines.join("\n")}\n`;
}
