/** `healthcheck:` → what a result means, and when the next check is due. Decides; whoever supervises acts. */
import type { DesiredHealthcheck } from "../../../spec/model/desired.ts";

export interface Health {
  readonly status: "starting" | "healthy" | "unhealthy";
  /** Failures in a row that count. */
  readonly failures: number;
  /** When the next check is due, in milliseconds since the container was started. */
  readonly dueMs: number;
}

/** The result of one check. */
export interface CheckResult {
  readonly passed: boolean;
  /** When it was over, in milliseconds since the container was started. */
  readonly atMs: number;
}

/** What is to be done with the container now that its health has changed. */
export type HealthAction = "none" | "restart" | "stop";

/** While a container has not been healthy yet it is looked at more often: others wait for it. */
export const STARTING_INTERVAL_MS = 1000;

/** The health of a container that has just been started: its first check is due at once. */
export const JUST_STARTED: Health = { status: "starting", failures: 0, dueMs: 0 };

/** Pure: the health after one result, and what `onFailure` asks for when it has just become unhealthy. */
export function judge(
  check: DesiredHealthcheck,
  before: Health,
  result: CheckResult,
): { readonly health: Health; readonly action: HealthAction } {
  if (result.passed) {
    const dueMs = result.atMs + check.intervalMs;
    return { health: { status: "healthy", failures: 0, dueMs }, action: "none" };
  }
  // A container that was healthy once has come up: what fails then is no part of starting.
  const forgiven = before.status === "starting" && result.atMs < check.startPeriodMs;
  const failures = forgiven ? before.failures : before.failures + 1;
  const status = failures >= check.retries ? "unhealthy" : before.status;
  const pause = status === "starting"
    ? Math.min(check.intervalMs, STARTING_INTERVAL_MS)
    : check.intervalMs;
  return {
    health: { status, failures, dueMs: result.atMs + pause },
    action: status === "unhealthy" && before.status !== "unhealthy" ? check.onFailure : "none",
  };
}
