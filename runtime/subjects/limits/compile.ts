/** `limits:` → the groups of each hierarchy, their knobs, and how the container gets into them. */
import type { DesiredContainer, DesiredLimits } from "../../../spec/model/desired.ts";
import type { Answers, Host } from "../../plan/host.ts";
import type { Op } from "../../plan/ops/registry.ts";
import type { GroupParent } from "../../plan/ops/cgroup.ts";
import type { Blame, Loss } from "../../plan/plan.ts";
import { HostError } from "../../plan/host_error.ts";
import { originOf } from "../origin.ts";
import { blameOf, countersOp } from "./counters.ts";
import { cpu } from "./cpu.ts";
import { cpuset } from "./cpuset.ts";
import { devices, devicesFor } from "./devices.ts";
import { hugetlb } from "./hugetlb.ts";
import { io } from "./io.ts";
import type { KnobWrite, Limit, Machine } from "./knob.ts";
import { memory, swap } from "./memory.ts";
import { misc } from "./misc.ts";
import { pids } from "./pids.ts";
import { rdma } from "./rdma.ts";

/** Every limit there is. A new one = its file and its name here. Swap comes after memory: v1 counts both together. */
export const LIMITS: readonly Limit[] = [
  memory,
  swap,
  pids,
  cpu,
  cpuset,
  io,
  hugetlb,
  devices,
  rdma,
  misc,
];

/** Directory below which all groups of containerv lie, in each hierarchy. */
export const GROUP_DIRECTORY = "containerv";

export interface CompiledLimits {
  /** Before clone3: groups made, knobs written, the way in opened. */
  readonly stage: readonly Op[];
  /** In the container's first process: v1 groups joined. */
  readonly container: readonly Op[];
  /** When the container is gone and its groups are not: what they counted. */
  readonly after: readonly Op[];
  /** Slot of the v2 group that clone3 puts the container into. */
  readonly group?: string;
  readonly losses: readonly Loss[];
  readonly text: readonly string[];
  /** Which limit a container died of, should it. */
  readonly blame: Blame;
  /** Groups that the container is in: hierarchy's mount point and the group's path. */
  readonly groups: readonly GroupPlace[];
}

export interface GroupPlace {
  readonly mount: string;
  readonly path: string;
  readonly controllers: readonly string[];
  readonly version: 1 | 2;
}

const NONE: CompiledLimits = {
  stage: [],
  container: [],
  after: [],
  losses: [],
  text: [],
  blame: {},
  groups: [],
};

/** What the compilation of one container's limits is about. */
interface Compiling extends Machine {
  readonly container: DesiredContainer;
  readonly limits: DesiredLimits;
}

/** Throws HostError when a limit was asked for that this machine cannot hold. */
export function compileLimits(
  container: DesiredContainer,
  host: Host,
  answers: Answers,
): CompiledLimits {
  const own = devicesFor(container);
  // In a user namespace no node can be made, and those that are given are binds: nothing is left to deny. (A user with a
  // delegated group is no root, whatever may be done to groups.)
  const { devices: _, ...others } = container.limits;
  const limits: DesiredLimits = host.privileged && host.uid === 0 && own !== undefined
    ? { ...others, devices: own }
    : others;
  const compiling = { container, limits, host, answers };
  const wanted = LIMITS.filter((limit) => limit.asked(limits));
  if (wanted.length === 0) return NONE;
  if (!host.privileged) return unprivileged(container, wanted, host);
  const losses: Loss[] = [];
  const held = wanted.filter((limit) => holds(limit, compiling, losses));
  const places = placesOf(held, host, answers.instance);
  const stage: Op[] = [];
  for (const place of places) stage.push(makeOp(place, held, compiling));
  for (const limit of held) stage.push(...writeOps(limit, places, compiling));
  const unified = places.find((place) => place.version === 2);
  for (const place of places) stage.push(openOp(place, container));
  stage.push(...programOps(held, places, compiling));
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
    after: countersOp(container, places),
    ...(unified === undefined ? {} : { group: slotOf(unified) }),
    losses,
    text: held.flatMap((limit) => limit.text(limits) ?? []),
    blame: blameOf(container, held),
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

/** What the limit's controller is called there. */
const nameOf = (limit: Limit, version: 1 | 2): string =>
  version === 1 ? limit.v1Controller ?? limit.controller : limit.controller;

function controllerPlace(limit: Limit, host: Host): { mount: string; version: 1 | 2 } | undefined {
  const v1 = host.cgroups.v1[nameOf(limit, 1)];
  if (v1 !== undefined) return { mount: v1, version: 1 };
  const v2 = host.cgroups.v2;
  if (v2 === undefined) return undefined;
  const has = limit.withoutController === true || v2.controllers.includes(limit.controller);
  return has ? { mount: v2.mount, version: 2 } : undefined;
}

function holds(limit: Limit, { container, limits, host }: Compiling, losses: Loss[]): boolean {
  // Who may make nodes is kept from devices without having asked for it.
  const unasked = limit.key === "devices" && container.limits.devices === undefined;
  const origin = unasked
    ? originOf(container, "policy/capabilities")
    : originOf(container, `limits/${limit.key}`, "limits");
  const message = (why: string): string => `cannot hold limits.${limit.key}: ${why}`;
  const place = controllerPlace(limit, host);
  if (place !== undefined) {
    const refusal = limit.refuse?.(limits, { version: place.version, host });
    if (refusal === undefined) return true;
    throw new HostError("LIMIT_NOT_HERE", { origin, ...refusal, message: message(refusal.why) });
  }
  const why = `no cgroup hierarchy of this machine has the ${limit.controller} controller`;
  if (limit.key === "pids" && limits.pidsIsDefault) {
    losses.push(defaultPidsLost(container, why));
    return false;
  }
  throw new HostError("NO_CONTROLLER", {
    origin,
    message: message(why),
    fix: unasked
      ? "take MKNOD out of policy.capabilities: it would give every device of this machine"
      : "mount a cgroup hierarchy with it, or take the limit out",
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
      controllers: [
        ...new Set([...known?.controllers ?? [], nameOf(limit, place.version)]),
      ],
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

function makeOp(
  place: GroupPlace,
  held: readonly Limit[],
  { container, limits, host, answers }: Compiling,
): Op {
  const parents: GroupParent[] = [];
  const none = { enable: [], disable: [] };
  const above = directoriesAbove(place);
  if (place.version === 1) {
    const writes = held.filter((limit) => isAt(limit, place))
      .flatMap((limit) => limit.parents?.(limits, { host, answers }) ?? [])
      .map(({ file, value }) => [file, value] as const);
    const written = writes.length === 0 ? {} : { writes };
    parents.push(...above.map((one) => ({ ...one, ...none, ...written })));
  } else {
    const enabled = host.cgroups.v2?.enabled ?? [];
    // A program needs no controller.
    const enable = place.controllers.filter((name) =>
      host.cgroups.v2?.controllers.includes(name) ?? false
    );
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

const isAt = (limit: Limit, place: GroupPlace): boolean =>
  place.controllers.includes(nameOf(limit, place.version));

function writeOps(
  limit: Limit,
  places: readonly GroupPlace[],
  { container, limits, host, answers }: Compiling,
): readonly Op[] {
  const place = places.find((one) => isAt(limit, one));
  if (place === undefined) return [];
  const machine = { host, answers };
  const writes = place.version === 1
    ? limit.v1(limits, machine)
    : limit.v2(limits, machine).filter((write): write is KnobWrite => "file" in write);
  const isDefault = limit.key === "pids" && limits.pidsIsDefault;
  const origin = isDefault ? "default" : originOf(container, `limits/${limit.key}`, "limits");
  return writes.map((write, index) => ({
    kind: "cgroup.write",
    // A file with a line per device is written more than once.
    id: `limits/${limit.key}/${write.file}${
      writes.findIndex(({ file }) => file === write.file) === index ? "" : ` ${index}`
    }`,
    where: "stage",
    origin,
    ...pathsOf(write, place),
  }));
}

/** A knob of the container's group, with its whole path. */
function pathsOf({ file, shownBy, instead, ...rest }: KnobWrite, place: GroupPlace) {
  return {
    ...rest,
    path: `${place.path}/${file}`,
    ...(shownBy === undefined ? {} : { shownBy: `${place.path}/${shownBy}` }),
    ...(instead === undefined
      ? {}
      : { instead: { ...instead, path: `${place.path}/${instead.file}` } }),
  };
}

/** v2: a program is attached to the group's descriptor. */
function programOps(
  held: readonly Limit[],
  places: readonly GroupPlace[],
  { container, limits, host, answers }: Compiling,
): readonly Op[] {
  const place = places.find(({ version }) => version === 2);
  if (place === undefined) return [];
  return held.filter((limit) => isAt(limit, place)).flatMap((limit) =>
    limit.v2(limits, { host, answers }).flatMap((write): readonly Op[] =>
      "file" in write ? [] : [{
        kind: "cgroup.devices",
        id: `limits/${limit.key}/program`,
        where: "stage",
        origin: originOf(container, `limits/${limit.key}`, "limits"),
        path: place.path,
        group: slotOf(place),
        rules: write.rules,
      }]
    )
  );
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
