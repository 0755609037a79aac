/** `dependsOn:`: which containers come first, and what must be true of them. */
import { suggest } from "../text/suggest.ts";
import { join } from "../text/tree.ts";
import type { Context, Part } from "./context.ts";
import type { DesiredContainer, DesiredDependency } from "./desired.ts";
import { byType, list, type Schema } from "./fragment.ts";
import type { ContainerKeys } from "./spec_type.ts";

const CONDITIONS = ["started", "healthy", "completed"] as const;

export const DEPENDS_ON_SCHEMA: Schema = byType({
  array: list({ type: "string", "x-expects": "a container's name" }, { uniqueItems: true }),
  object: { additionalProperties: { enum: CONDITIONS } },
}, {
  title: "Depends on",
  description:
    "Containers of the same file that come first. A list: healthy if it has a health check, else started; a map says which of started, healthy, completed (ended with 0).",
  examples: [["db"], { migrate: "completed" }],
  "x-expects": "a list such as [db], or a map such as {migrate: completed}",
});

/** The containers of the file by name: what a dependency can be held against. */
export type Siblings = ReadonlyMap<string, ContainerKeys>;

type Conditions = Readonly<Record<string, DesiredDependency["condition"]>>;

/** `dependsOn:` of the container `name` → a condition each. */
export function normaliseDependsOn(
  context: Context,
  { value, pointer }: Part<ContainerKeys["dependsOn"]>,
  { name, siblings }: { readonly name: string; readonly siblings: Siblings },
): readonly DesiredDependency[] {
  if (value === undefined) return [];
  const list = Array.isArray(value)
    ? (value as readonly string[]).map((container, index) => ({
      container,
      condition: undefined,
      at: join(pointer, index),
    }))
    : Object.entries(value as Conditions).map(([container, condition]) => ({
      container,
      condition,
      at: join(pointer, container),
    }));
  return list.flatMap(({ container, condition: said, at }): DesiredDependency[] => {
    const target = siblings.get(container);
    if (target === undefined || container === name) {
      reportNoTarget(context, { value: container, pointer: at }, { name, siblings });
      return [];
    }
    const condition = said ?? (target.healthcheck === undefined ? "started" : "healthy");
    checkCondition(context, { value: { container, condition, origin: at }, pointer: at }, target);
    return [{ container, condition, origin: at }];
  });
}

/** Containers of the file whose namespaces are joined come first, whatever else `dependsOn` says. */
export function joinedDependencies(
  context: Context,
  { value, pointer }: Part<DesiredContainer["join"]>,
  { name, siblings }: { readonly name: string; readonly siblings: Siblings },
): readonly DesiredDependency[] {
  const found = new Map<string, DesiredDependency>();
  for (const [kind, target] of Object.entries(value)) {
    if (typeof target === "string") continue;
    const { container } = target;
    const origin = join(pointer, kind);
    if (container === name) {
      const message = `\`${name}\` joins a namespace of its own`;
      context.report({ code: "DEPENDENCY_CYCLE", message, pointer: origin });
    } else if (siblings.has(container) && !found.has(container)) {
      found.set(container, { container, condition: "started", origin });
    }
  }
  return [...found.values()];
}

function reportNoTarget(
  context: Context,
  { value, pointer }: Part<string>,
  { name, siblings }: { readonly name: string; readonly siblings: Siblings },
): void {
  if (value === name) {
    const message = `\`${name}\` depends on itself`;
    return context.report({ code: "DEPENDENCY_CYCLE", message, pointer });
  }
  const others = [...siblings.keys()].filter((one) => one !== name);
  const near = suggest(value, others);
  const note = near !== undefined
    ? `did you mean ${near}?`
    : others.length === 0
    ? "the file has no other container"
    : `the others are ${others.slice(0, 8).join(", ")}`;
  const message = `there is no container \`${value.slice(0, 63)}\` in this file`;
  context.report({ code: "UNKNOWN_CONTAINER", message, pointer, note });
}

/** What can never become true would be waited for for ever. */
function checkCondition(
  context: Context,
  { value: { container, condition }, pointer }: Part<DesiredDependency>,
  target: ContainerKeys,
): void {
  const contradiction = (message: string, note: string): void =>
    context.report({ code: "CONTRADICTION", message, pointer, note });
  if (condition === "healthy" && target.healthcheck === undefined) {
    contradiction(
      `\`${container}\` has no health check, so it is never healthy`,
      "say started, or give it a healthcheck",
    );
  }
  const { restart } = target;
  const policy = typeof restart === "object" ? restart.policy : restart;
  if (condition === "completed" && policy === "always") {
    contradiction(
      `\`${container}\` is always restarted, so it is never completed`,
      "say restart: on-failure there",
    );
  }
}

/** Containers that wait for each other; each circle is reported once, at its first dependency. */
export function checkCycles(context: Context, containers: readonly DesiredContainer[]): void {
  const rest = new Map(sortByDependencies(containers).rest.map((one) => [one.name, one]));
  const seen = new Set<string>();
  for (const first of rest.keys()) {
    const path: DesiredDependency[] = [];
    // Each container that is left waits for another that is left: the way ends in a circle.
    for (let name = first; !seen.has(name);) {
      seen.add(name);
      const next = rest.get(name)?.dependsOn.find(({ container }) => rest.has(container));
      if (next === undefined) break;
      path.push(next);
      name = next.container;
    }
    const last = path[path.length - 1]?.container;
    const start = last === first ? 0 : 1 + path.findIndex(({ container }) => container === last);
    if (last !== undefined && (last === first || start < path.length)) {
      reportCycle(context, path.slice(start));
    }
  }
}

function reportCycle(context: Context, path: readonly DesiredDependency[]): void {
  const names = path.map(({ container }) => container);
  context.report({
    code: "DEPENDENCY_CYCLE",
    message: `containers wait for each other: ${[names[names.length - 1], ...names].join(" → ")}`,
    pointer: path[0]?.origin ?? "",
    note: "leave one of these dependencies out",
  });
}

/** Whatever is active must have what it depends on: profiles of a dependency are all among its own, or it has none. */
export function checkProfiles(context: Context, containers: readonly DesiredContainer[]): void {
  const byName = new Map(containers.map((one) => [one.name, one]));
  for (const { name, profiles, dependsOn } of containers) {
    for (const { container, origin } of dependsOn) {
      const other = byName.get(container)?.profiles ?? [];
      if (other.length === 0) continue;
      const gap = profiles.find((profile) => !other.includes(profile));
      if (profiles.length > 0 && gap === undefined) continue;
      context.report({
        code: "CONTRADICTION",
        message: gap === undefined
          ? `\`${container}\` is there only with a profile, \`${name}\` always`
          : `with the profile \`${gap}\` there is \`${name}\`, but not \`${container}\``,
        pointer: origin,
        note: `give both the same profiles: [${other.join(", ")}]`,
      });
    }
  }
}

/** What is there when these profiles are asked for; containers without profiles always are. */
export function activeContainers(
  containers: readonly DesiredContainer[],
  active: ReadonlySet<string>,
): readonly DesiredContainer[] {
  return containers.filter(({ profiles }) =>
    profiles.length === 0 || profiles.some((profile) => active.has(profile))
  );
}

/**
 * The containers in the order in which they start: each list can start together once those before it are what is waited for.
 * A dependency that is not among `containers` is taken as fulfilled. They must have no circle, which loading has checked.
 */
export function startOrder(
  containers: readonly DesiredContainer[],
): readonly (readonly DesiredContainer[])[] {
  return sortByDependencies(containers).steps;
}

/** `rest`: what is in a circle, or waits for one. Linear: a spec can name many thousands. */
function sortByDependencies(containers: readonly DesiredContainer[]): {
  readonly steps: readonly (readonly DesiredContainer[])[];
  readonly rest: readonly DesiredContainer[];
} {
  const byName = new Map(containers.map((one) => [one.name, one]));
  const waiting = new Map<string, number>();
  const waiters = new Map<string, DesiredContainer[]>();
  for (const one of containers) {
    const needs = one.dependsOn.filter(({ container }) => byName.has(container));
    waiting.set(one.name, needs.length);
    for (const { container } of needs) {
      const known = waiters.get(container);
      if (known === undefined) waiters.set(container, [one]);
      else known.push(one);
    }
  }
  const steps: DesiredContainer[][] = [];
  let ready = containers.filter(({ name }) => waiting.get(name) === 0);
  while (ready.length > 0) {
    steps.push(ready);
    const next: DesiredContainer[] = [];
    for (const waiter of ready.flatMap(({ name }) => waiters.get(name) ?? [])) {
      const left = (waiting.get(waiter.name) ?? 0) - 1;
      waiting.set(waiter.name, left);
      if (left === 0) next.push(waiter);
    }
    ready = next;
  }
  return { steps, rest: containers.filter(({ name }) => (waiting.get(name) ?? 0) > 0) };
}
