/** What `up` does between two starts: waits for what a container depends on, and sees the started ones become healthy. */
import type { DesiredContainer } from "../../../spec/model/desired.ts";
import type { ErrorFacts } from "../../plan/error.ts";
import { readiness } from "../../subjects/supervision/dependencies.ts";
import type { OpenProject } from "../project.ts";
import { createBell } from "../bell.ts";
import { superviseProject, type Supervision } from "./supervision.ts";

export interface Orderly {
  readonly supervision: Supervision;
  /** Resolves when the container may be started; with the reason when it never may. */
  readonly awaitDependencies: (container: DesiredContainer) => Promise<ErrorFacts | undefined>;
  /** Resolves when it is healthy, or is not going to be. */
  readonly awaitHealth: (container: DesiredContainer) => Promise<void>;
}

export interface OrderlyOptions {
  /** Called after each look at the containers. */
  readonly onLook: () => void;
  readonly onFailure: (name: string, facts: ErrorFacts) => void;
  /** True: it was to be started, and that failed or was not tried: whoever waits for it waits for ever. */
  readonly isGivenUp: (name: string) => boolean;
  /** True: nothing is waited for any more. */
  readonly isAborted?: () => boolean;
}

/** How long nothing may be looked at while somebody at the terminal waits. */
const LOOK_MS = 20;

const ABORTED: ErrorFacts = { code: "ABORTED", message: "it was told to stop before all was up" };

/** For as long as `up` holds the project. */
export function startOrderly(project: OpenProject, options: OrderlyOptions): Orderly {
  const bell = createBell();
  const supervision = superviseProject({
    places: project.places,
    wake: bell.ring,
    change: (act) => act(project),
    onFailure: options.onFailure,
  });
  let lookedAt = -Infinity;
  /** Steps until `verdict` says more than undefined. */
  const follow = async <Verdict>(
    verdict: () => Verdict | undefined,
  ): Promise<Verdict | ErrorFacts> => {
    for (;;) {
      const due = await supervision.step();
      lookedAt = performance.now();
      options.onLook();
      const found = verdict();
      if (found !== undefined) return found;
      if (options.isAborted?.() === true) return ABORTED;
      await bell.wait(Math.min(due ?? LOOK_MS, LOOK_MS));
    }
  };
  return {
    supervision,
    async awaitDependencies(container) {
      // It waits for nobody: then the others' checks alone are looked after, and not at each of a thousand starts.
      const fresh = performance.now() - lookedAt < LOOK_MS;
      if (container.dependsOn.length === 0 && fresh) return undefined;
      const found = await follow(() =>
        givenUp(container, options, supervision) ?? dependenciesOf(container, supervision)
      );
      return found === "good" ? undefined : found;
    },
    async awaitHealth(container) {
      await follow(() => healthOf(container, supervision));
    },
  };
}

function givenUp(
  { name, dependsOn }: DesiredContainer,
  { isGivenUp }: OrderlyOptions,
  { known }: Supervision,
): ErrorFacts | undefined {
  const because = dependsOn.find(({ container }) =>
    known(container).state === "absent" && isGivenUp(container)
  );
  if (because === undefined) return undefined;
  return {
    code: "DEPENDENCY_FAILED",
    pointer: because.origin,
    message: `${name} was not started: ${because.container} is not there`,
    fix: `see above why ${because.container} was not started`,
  };
}

function dependenciesOf(
  container: DesiredContainer,
  { known }: Supervision,
): ErrorFacts | "good" | undefined {
  const found = readiness(container, known);
  if (found.kind === "ready") return "good";
  if (found.kind === "waits") return undefined;
  return {
    code: "DEPENDENCY_FAILED",
    pointer: found.because.origin,
    message: `${container.name} was not started: ${found.why}`,
    fix: `containerv logs ${found.because.container} shows what it said`,
  };
}

/** `undefined`: nobody can say yet. */
export function healthOf(
  { name, healthcheck }: DesiredContainer,
  { known }: Supervision,
): ErrorFacts | "good" | undefined {
  const { state, health, code, restarting } = known(name);
  if (healthcheck === undefined || health === "healthy") return "good";
  if (restarting === true || state === "absent") return undefined;
  const facts = { code: "UNHEALTHY", pointer: healthcheck.origin };
  const fix = `containerv logs ${name} shows what it said`;
  if (state === "ended") {
    const message = `${name} ended with ${code ?? "no status"} before it was healthy`;
    return { ...facts, message, fix };
  }
  if (health !== "unhealthy") return undefined;
  const message = `${name} is unhealthy: its check failed ${healthcheck.retries} times in a row`;
  return { ...facts, message, fix };
}
