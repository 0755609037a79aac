/** Which specs `run` and `plan` take: one container, run once. What needs somebody who stays is for `up`. */
import type { Desired, DesiredContainer } from "../../spec/model/desired.ts";
import { ContainervError } from "../plan/error.ts";

/**
 * The one container of a spec that is run once. Throws NEEDS_UP for what would be left out in silence otherwise; `checked`: somebody
 * asks for its health.
 */
export function onlyContainer(
  { containers }: Desired,
  { checked }: { readonly checked: boolean } = { checked: false },
): DesiredContainer {
  const [container, second] = containers;
  if (container === undefined) {
    throw new ContainervError({ code: "SPEC_INVALID", message: "the spec has no container" });
  }
  if (second !== undefined) {
    const names = containers.slice(0, 8).map(({ name }) => name).join(", ");
    throw needsUp({
      pointer: `/containers/${second.name}`,
      what: `${containers.length} containers (${names}${containers.length > 8 ? ", …" : ""})`,
    });
  }
  const lasting = lastingKeys(container).find((key) => key !== "healthcheck" || !checked);
  if (lasting === undefined) return container;
  throw needsUp({ pointer: container.origins[lasting] ?? "", what: `\`${lasting}\`` });
}

/** Keys that only somebody who watches the container can act on. */
function lastingKeys(container: DesiredContainer): readonly string[] {
  const { restart, healthcheck, profiles } = container;
  return [
    ...(restart.policy === "no" ? [] : ["restart"]),
    ...(healthcheck === undefined ? [] : ["healthcheck"]),
    ...(profiles.length === 0 ? [] : ["profiles"]),
  ];
}

function needsUp({ pointer, what }: { readonly pointer: string; readonly what: string }) {
  return new ContainervError({
    code: "NEEDS_UP",
    message: `${what}: that is for \`containerv up\`; run is one container, once`,
    pointer,
    fix: "containerv up FILE",
  });
}
