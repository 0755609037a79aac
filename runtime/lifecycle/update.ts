/** Limits of a container that runs are changed by hand, whatever its spec says. */
import type { DesiredContainer, DesiredLimits } from "../../spec/model/desired.ts";
import { ContainervError } from "../plan/error.ts";
import { compareContainers, type Difference } from "../subjects/change/compare.ts";
import { changeLimits } from "../subjects/change/limits.ts";
import { observeHost } from "../observe/host.ts";
import { SYSTEM_ROOTS } from "../plan/system_roots.ts";
import { carryOutChange } from "./change.ts";
import { type ContainerView, desiredOf } from "./containers.ts";
import { loadAgain } from "./load_again.ts";
import { machineOf } from "./reconcile.ts";

/** Limits that take the place of those that the container has; what is not in them stays. */
export type GivenLimits = Partial<Omit<DesiredLimits, "pidsIsDefault">>;

export interface Updated {
  /** What is not as it was. */
  readonly differences: readonly Difference[];
  /** What the spec of the project says still, and what of that is not so. */
  readonly spec?: { readonly file: string; readonly differences: readonly Difference[] };
}

/** The caller holds the project's lock. Throws ContainervError and HostError: then everything is as it was. */
export async function updateLimits(
  { file }: { readonly file: string },
  view: ContainerView,
  given: GivenLimits,
): Promise<Updated> {
  const was = desiredOf(view);
  const pids = given.pids === undefined ? {} : { pidsIsDefault: false };
  const wanted = { ...was, limits: { ...was.limits, ...given, ...pids } };
  const differences = compareContainers(was, wanted);
  const host = observeHost({ cgroups: true, roots: SYSTEM_ROOTS });
  const limits = changeLimits(was, wanted, machineOf({ ...wanted, volumes: [] }, view, host));
  if (view.state === "running" && "why" in limits) throw needsRestart(view, differences, limits);
  const [failure] = await carryOutChange(view, wanted, {
    name: view.name,
    action: "change",
    why: "",
    differences,
    drift: [],
    ops: view.state === "running" && "ops" in limits ? limits.ops : [],
    ...("groups" in limits ? { groups: limits.groups, asks: limits.asks } : {}),
  });
  if (failure !== undefined) throw new ContainervError(failure);
  const said = await limitsOfSpec(file, view);
  if (said === undefined) return { differences };
  const inSpec = compareContainers(wanted, {
    ...wanted,
    limits: said.limits,
    origins: said.origins,
  });
  return { differences, spec: { file, differences: inSpec } };
}

function needsRestart(
  { name }: ContainerView,
  differences: readonly Difference[],
  { why }: { readonly why: string },
): ContainervError {
  return new ContainervError({
    code: "CHANGE_NEEDS_RESTART",
    message: `cannot change ${differences.map(({ key }) => key).join(", ")} of ${name}: ${why}`,
    fix: "write it into the spec: containerv up -d makes the container anew",
    undone: "nothing was done",
  });
}

/** `undefined`: the spec is not there, is wrong, or has it no more. */
async function limitsOfSpec(
  file: string,
  { name, project }: ContainerView,
): Promise<DesiredContainer | undefined> {
  try {
    const { desired } = await loadAgain(file, project);
    return desired?.containers.find((one) => one.name === name);
  } catch (error) {
    if (error instanceof ContainervError) return undefined;
    throw error;
  }
}
