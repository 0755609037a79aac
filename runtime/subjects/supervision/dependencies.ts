/** `dependsOn:` → which containers may be started now, which wait, and which never can. Decides; whoever supervises acts. */
import type { DesiredContainer, DesiredDependency } from "../../../spec/model/desired.ts";
import type { Health } from "./health.ts";

/** What is known of a container of the project. */
export interface Known {
  readonly state: "absent" | "running" | "ended";
  /** Exit status of one that ended. */
  readonly code?: number;
  /** Absent: it has no check, or none was made yet. */
  readonly health?: Health["status"];
  /** It ended, or is about to be ended, and is started again. */
  readonly restarting?: boolean;
}

export type Readiness =
  | { readonly kind: "ready" }
  | { readonly kind: "waits"; readonly for: DesiredDependency }
  | { readonly kind: "never"; readonly because: DesiredDependency; readonly why: string };

type Depending = Pick<DesiredContainer, "dependsOn">;

/** What keeps one container from being started; what can never be comes before what may still become true. */
export function readiness(
  container: Depending,
  known: (name: string) => Known,
): Readiness {
  let waits: DesiredDependency | undefined;
  for (const dependency of container.dependsOn) {
    const verdict = holds(dependency, known(dependency.container));
    if (typeof verdict === "string") return { kind: "never", because: dependency, why: verdict };
    if (!verdict) waits ??= dependency;
  }
  return waits === undefined ? { kind: "ready" } : { kind: "waits", for: waits };
}

/** True, false (not yet), or why it never will. */
function holds({ container, condition }: DesiredDependency, known: Known): boolean | string {
  if (known.state === "absent" || known.restarting === true) return false;
  switch (condition) {
    case "completed":
      if (known.state === "running") return false;
      return known.code === 0 ? true : `${container} ended with ${known.code ?? "no status"}`;
    case "started":
      return known.state === "running" || known.code === 0
        ? true
        : `${container} ended with ${known.code ?? "no status"}`;
    case "healthy":
      if (known.state === "ended") {
        return `${container} ended with ${known.code ?? "no status"} before it was healthy`;
      }
      return known.health === "unhealthy"
        ? `${container} is unhealthy`
        : known.health === "healthy";
  }
}
