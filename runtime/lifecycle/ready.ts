/** Waits until a container that this program started is healthy: its check is made here, and nobody is left to go on with it. */
import { SIGKILL } from "../../ffi/abi/signal.ts";
import { keepAliveUntil } from "../../ffi/linux/children.ts";
import type { DesiredHealthcheck } from "../../spec/model/desired.ts";
import { ContainervError, type ErrorFacts } from "../plan/error.ts";
import { judge, JUST_STARTED } from "../subjects/supervision/health.ts";
import { type HandleParts, targetOf } from "./handle.ts";
import { runCheck } from "./supervise/check.ts";

/** Rejects with NO_HEALTHCHECK, UNHEALTHY; the container has ended then. */
export async function awaitHealthy(parts: HandleParts, signal?: AbortSignal): Promise<void> {
  const { container, started } = parts;
  const { healthcheck } = container;
  try {
    if (healthcheck === undefined) throw noCheck();
    await follow(healthcheck, parts, signal);
  } catch (error) {
    started.signal(SIGKILL);
    await keepAliveUntil(started.ended);
    throw error;
  }
}

function noCheck(): ContainervError {
  return new ContainervError({
    code: "NO_HEALTHCHECK",
    message: "nobody can say when it is healthy: the spec has no `healthcheck:`",
    pointer: "",
    fix: "healthcheck: {exec: [true], interval: 1s}",
  });
}

async function follow(
  check: DesiredHealthcheck,
  parts: HandleParts,
  signal: AbortSignal | undefined,
): Promise<void> {
  const { container } = parts;
  const target = targetOf(parts);
  const begun = performance.now();
  let ending: string | undefined;
  parts.exited.then(({ code }) => (ending = `ended with ${code}`), () => (ending = "ended"));
  for (let health = JUST_STARTED;;) {
    const passed = await target().then((process) => runCheck(check, { container, process }))
      .catch((error: unknown) => {
        if (error instanceof ContainervError && error.code === "NOT_RUNNING") return false;
        throw error;
      });
    signal?.throwIfAborted();
    const atMs = performance.now() - begun;
    health = judge(check, health, { passed, atMs }).health;
    if (health.status === "healthy") return;
    if (ending !== undefined) {
      throw unhealthy(check, `${container.name} ${ending} before it was healthy`);
    }
    if (health.status === "unhealthy") {
      throw unhealthy(
        check,
        `${container.name} is unhealthy: its check failed ${check.retries} times in a row`,
      );
    }
    await pause(Math.max(0, health.dueMs - atMs), parts, signal);
  }
}

function unhealthy({ origin }: DesiredHealthcheck, message: string): ContainervError {
  const facts: ErrorFacts = { code: "UNHEALTHY", message, pointer: origin, undone: "it was ended" };
  return new ContainervError(facts);
}

/** Until the time is over, the container has ended or nobody waits any more. */
async function pause(ms: number, { exited }: HandleParts, signal?: AbortSignal): Promise<void> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const over = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, ms);
    signal?.addEventListener("abort", () => resolve(), { once: true });
    exited.then(() => resolve(), () => resolve());
  });
  await over;
  clearTimeout(timer);
}
