/** `limits:` → the groups of each hierarchy, their knobs, and how the container gets into them. */
import type { DesiredContainer } from "../../../spec/model/desired.ts";
import type { Host } from "../../plan/host.ts";
import type { Op } from "../../plan/ops/registry.ts";
import type { GroupParent } from "../../plan/ops/cgroup.ts";
import type { Loss } from "../../plan/plan.ts";
import { HostError } from "../../plan/host_error.ts";
import { originOf } from "../origin.ts";
import { cpu } from "./cpu.ts";
import type { Limit } from "./knob.ts";
import { memory } from "./memory.ts";
import { pids } from "./pids.ts";

/** Every limit there is. A new one = its file and its name here. */
export const LIMITS: readonly Limit[] = [memory, pids, cpu];

/** Directory below which all groups of containerv lie, in each hierarchy. */
export const GROUP_DIRECTORY = "containerv";

export interface CompiledLimits {
  /** Before clone3: groups made, knobs written, the way in opened. */
  readonly stage: readonly Op[];
  /** In the container's first process: v1 groups joined. */
  readonly container: readonly Op[];
  /** Slot of the v2 group that clone3 puts the container into. */
  readonly group?: string;
  readonly losses: readonly Loss[];
  readonly text: readonly string[];
  /** Groups that the container is in: hierarchy's mount point and the group's path. */
  readonly groups: readonly GroupPlace[];
}

export interface GroupPlace {
  readonly mount: string;
  readonly path: string;
  readonly controllers: readonly string[];
  readonly version: 1 | 2;
}

const NONE: CompiledLimits = { stage: [], container: [], losses: [], text: [], groups: [] };

/** Throws HostError when a limit was asked for that this machine cannot hold. */
export function compileLimits(
  container: DesiredContainer,
  host: Host,
  instance: string,
): CompiledLimits {
  const wanted = LIMITS.filter((limit) => limit.v2(container.limits, host).length > 0);
  if (wanted.length === 0) return NONE;
  if (!host.privileged) return unprivileged(container, wanted, host);
  const losses: Loss[] = [];
  const held = wanted.filter((limit) => holds(limit, { container, host, losses }));
  const places = placesOf(held, host, instance);
  const stage: Op[] = [];
  for (const place of places) stage.push(makeOp(place, container, host));
  for (const limit of held) stage.push(...writeOps(limit, container, { host, places }));
  const unified = places.find((place) => place.version === 2);
  for (const place of places) stage.push(openOp(place, container));
  return {
    stage,
    container: places.filter((place) => place.version === 1).map((place) => ({
      kind: "cgroup.join",
      id: `limits/join${place.mount}`,
      where: "container",
      origin: originOf(container, "limits"),
      path: place.path,
      fd: slotOf(place),
    })),
    ...(unified === undefined ? {} : { group: slotOf(unified) }),
    losses,
    text: held.flatMap((limit) => limit.text(container.limits) ?? []),
    groups: places,
  };
}

/** The default of pids alone is no reason to refuse; anything that was asked for is. */
function unprivileged(
  container: DesiredContainer,
  wanted: readonly Limit[],
  host: Host,
): CompiledLimits {
  const why = host.cgroups.notDelegated ?? "no cgroup is delegated to this user";
  const asked = wanted.filter((limit) => !(limit.key === "pids" && container.limits.pidsIsDefault));
  const first = asked[0];
  if (first !== undefined) {
    throw new HostError("LIMITS_NEED_ROOT", {
      origin: originOf(container, `limits/${first.key}`, "limits"),
      message: `cannot hold limits.${first.key}: ${why}`,
      // A scope of the user's own helps where v2 has the controllers.
      fix: (host.cgroups.v2?.controllers.length ?? 0) > 0
        ? "systemd-run --user --scope -p Delegate=yes containerv run …, or run it as root"
        : "run it as root (sudo containerv run …), or take `limits:` out",
    });
  }
  return { ...NONE, losses: [defaultPidsLost(container, why)] };
}

function defaultPidsLost(container: DesiredContainer, why: string): Loss {
  return {
    code: "DEFAULT_PIDS_NOT_HELD",
    origin: originOf(container, "limits"),
    message: `the default of ${container.limits.pids} processes is not held: ${why}`,
  };
}

function controllerPlace(limit: Limit, host: Host): { mount: string; version: 1 | 2 } | undefined {
  const v1 = host.cgroups.v1[limit.controller];
  if (v1 !== undefined) return { mount: v1, version: 1 };
  const v2 = host.cgroups.v2;
  if (v2 !== undefined && v2.controllers.includes(limit.controller)) {
    return { mount: v2.mount, version: 2 };
  }
  return undefined;
}

function holds(
  limit: Limit,
  has: { container: DesiredContainer; host: Host; losses: Loss[] },
): boolean {
  if (controllerPlace(limit, has.host) !== undefined) return true;
  const why = `no cgroup hierarchy of this machine has the ${limit.controller} controller`;
  if (limit.key === "pids" && has.container.limits.pidsIsDefault) {
    has.losses.push(defaultPidsLost(has.container, why));
    return false;
  }
  throw new HostError("NO_CONTROLLER", {
    origin: originOf(has.container, `limits/${limit.key}`, "limits"),
    message: `cannot hold limits.${limit.key}: ${why}`,
    fix: "mount a cgroup hierarchy with it, or take the limit out",
  });
}

/** One group per hierarchy; controllers that are mounted together share theirs. */
function placesOf(held: readonly Limit[], host: Host, instance: string): readonly GroupPlace[] {
  const places = new Map<string, GroupPlace>();
  for (const limit of held) {
    const place = controllerPlace(limit, host);
    if (place === undefined) continue;
    const known = places.get(place.mount);
    places.set(place.mount, {
      ...place,
      path: `${place.mount}/${GROUP_DIRECTORY}/${instance}`,
      controllers: [...known?.controllers ?? [], limit.controller],
    });
  }
  return [...places.values()];
}

function slotOf(place: GroupPlace): string {
  return `group ${place.mount}`;
}

/** The directories between the hierarchy's root and the container's own: ours, and for one of a project the project's. */
function directoriesAbove({ mount, path }: GroupPlace): { path: string; removable: true }[] {
  const names = path.slice(mount.length + 1).split("/").slice(0, -1);
  return names.map((_, index) => ({
    path: `${mount}/${names.slice(0, index + 1).join("/")}`,
    removable: true,
  }));
}

function makeOp(place: GroupPlace, container: DesiredContainer, host: Host): Op {
  const parents: GroupParent[] = [];
  const none = { enable: [], disable: [] };
  const above = directoriesAbove(place);
  if (place.version === 1) parents.push(...above.map((one) => ({ ...one, ...none })));
  else {
    const enabled = host.cgroups.v2?.enabled ?? [];
    const enable = place.controllers;
    const disable = enable.filter((name) => !enabled.includes(name));
    parents.push({ path: place.mount, enable, disable, removable: false });
    parents.push(...above.map((one) => ({ ...one, enable, disable: [] })));
  }
  return {
    kind: "cgroup.make",
    id: `limits/make${place.mount}`,
    where: "stage",
    origin: originOf(container, "limits"),
    path: place.path,
    parents,
  };
}

function writeOps(
  limit: Limit,
  container: DesiredContainer,
  on: { host: Host; places: readonly GroupPlace[] },
): readonly Op[] {
  const place = on.places.find((one) => one.controllers.includes(limit.controller));
  if (place === undefined) return [];
  const writes = (place.version === 1 ? limit.v1 : limit.v2)(container.limits, on.host);
  const isDefault = limit.key === "pids" && container.limits.pidsIsDefault;
  return writes.map((write) => ({
    kind: "cgroup.write",
    id: `limits/${limit.key}/${write.file}`,
    where: "stage",
    origin: isDefault ? "default" : originOf(container, `limits/${limit.key}`, "limits"),
    path: `${place.path}/${write.file}`,
    value: write.value,
    holds: write.holds,
  }));
}

function openOp(place: GroupPlace, container: DesiredContainer): Op {
  return {
    kind: "cgroup.open",
    id: `limits/open${place.mount}`,
    where: "stage",
    origin: originOf(container, "limits"),
    path: place.path,
    as: place.version === 2 ? "directory" : "tasks",
    fd: slotOf(place),
  };
}
