/** What is known of a container, and what differs → what is done about it, and why. Pure. */
import type { Difference } from "./compare.ts";
import type { Drift } from "./drift.ts";

/**
 * `start`: it is not there. `change`: while it runs, or in its records alone. `replace`: ended, removed, and made anew. `remove`: the
 * spec has it no more.
 */
export type Action = "start" | "change" | "replace" | "remove" | "none";

export interface Seen {
  readonly state: "created" | "starting" | "running" | "exited" | "broken" | "stale";
  /** Exit status, where it has ended and somebody saw how. */
  readonly status?: number;
  /** Somebody asked for its end. */
  readonly stopped?: boolean;
  /** A start of it was cut off: somebody wanted it to run. */
  readonly unfinished?: boolean;
  readonly differences: readonly Difference[];
  readonly drift: readonly Drift[];
  /** Why some keys can't be changed while it runs, though of others they could: how the keys begin, and the reason. */
  readonly settled?: { readonly keys: string; readonly why: string };
}

export interface Decision {
  readonly action: Action;
  readonly why: string;
}

/** `undefined`: there is nothing of it. */
export function decide(seen: Seen | undefined): Decision {
  if (seen === undefined) return { action: "start", why: "it is not there" };
  switch (seen.state) {
    case "running":
      return whileRunning(seen);
    case "exited":
      return afterEnd(seen);
    case "created":
      return { action: "start", why: "it was not started" };
    case "starting":
      return { action: "replace", why: "its start was not finished" };
    case "broken":
      return { action: "replace", why: "its record is broken" };
    case "stale":
      return { action: "replace", why: "it is of an earlier boot" };
  }
}

function whileRunning({ differences, drift, settled }: Seen): Decision {
  const made = differences.filter(({ cost }) => cost === "recreate");
  if (made.length > 0) return { action: "replace", why: changed(made) };
  if (settled !== undefined) {
    const these = differences.filter(({ key, cost }) =>
      cost === "live" && key.startsWith(settled.keys)
    );
    return { action: "replace", why: `${changed(these)}: ${settled.why}` };
  }
  const lost = drift.find(({ mend }) => mend === undefined);
  if (lost !== undefined) return { action: "replace", why: lost.text };
  if (differences.length > 0) return { action: "change", why: changed(differences) };
  const [first] = drift;
  if (first !== undefined) return { action: "change", why: first.text };
  return { action: "none", why: "it runs" };
}

/** What has ended well stays as it is; what is only read at the next start is noted for it. */
function afterEnd({ differences, status, stopped, unfinished }: Seen): Decision {
  const settled = differences.filter(({ cost }) => cost === "recreate");
  if (settled.length > 0) return { action: "replace", why: changed(settled) };
  if (unfinished === true) return { action: "replace", why: "its start was not finished" };
  if (stopped === true) return { action: "replace", why: "it was stopped" };
  if (status === undefined) return { action: "replace", why: "it has ended, nobody saw how" };
  if (status !== 0) return { action: "replace", why: `it ended with ${status}` };
  if (differences.length > 0) return { action: "change", why: changed(differences) };
  return { action: "none", why: "it is completed" };
}

/** `its spec has changed: limits.memory, labels`. */
function changed(differences: readonly Difference[]): string {
  return `its spec has changed: ${differences.map(({ key }) => key).join(", ")}`;
}
