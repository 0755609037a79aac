/** What is wanted of a project ⇄ what there is of it: what would be done about each container, and why. Changes nothing. */
import type { DesiredContainer } from "../../spec/model/desired.ts";
import { observeHost } from "../observe/host.ts";
import { groupsOfProcess } from "../observe/joinable.ts";
import { observeMounts, readFiles } from "../observe/held.ts";
import { factsOf } from "../apply/facts.ts";
import type { ErrorFacts } from "../plan/error.ts";
import { lookUpUser } from "../observe/users.ts";
import type { Host, ResolvedUser } from "../plan/host.ts";
import { HostError } from "../plan/host_error.ts";
import type { AskGather } from "../plan/ops/ask.ts";
import type { MakeGroup } from "../plan/ops/cgroup.ts";
import type { Op } from "../plan/ops/registry.ts";
import { SYSTEM_ROOTS } from "../plan/system_roots.ts";
import { isAlive } from "../state/identity.ts";
import type { ContainerRecord } from "../state/record.ts";
import { attachOps, volumesSettled } from "../subjects/change/attach.ts";
import { addedVolumes, compareContainers, type Difference } from "../subjects/change/compare.ts";
import { type Action, decide, type Seen } from "../subjects/change/decide.ts";
import { type Drift, driftOf, expectedOf, lookAt } from "../subjects/change/drift.ts";
import { changeLimits, type Machine } from "../subjects/change/limits.ts";
import { userKey } from "../subjects/identity.ts";
import { answer } from "./answers.ts";
import { type ContainerView, desiredOf, type ProjectView } from "./containers.ts";
import { dataDirectory } from "./data.ts";
import { specDigests, withoutSecrets } from "./digest.ts";
import { followJoined } from "./joining.ts";

/** What is done about one container, and why. */
export interface Change {
  readonly name: string;
  readonly action: Action;
  readonly why: string;
  /** What of its spec is not as it was when it was made. */
  readonly differences: readonly Difference[];
  /** What of it is not as it was made. */
  readonly drift: readonly Drift[];
  /** For `change`: what is done to the kernel's objects while it runs. */
  readonly ops: readonly Op[];
  /** For `change`: its groups from then on, where its limits are others. */
  readonly groups?: readonly MakeGroup[];
  /** What only the runner can do for that: processes that go into groups that are new. */
  readonly asks?: readonly AskGather[];
  /** Why nothing can be done: this machine can't hold what is wanted. It is left as it is. */
  readonly problem?: ErrorFacts;
}

const NOTHING = { differences: [], drift: [], ops: [] } as const;

/** Compares; the machine is looked at only where something runs. */
export function changesOf(
  desired: readonly DesiredContainer[],
  view: ProjectView,
): readonly Change[] {
  const there = new Map(view.containers.map((one) => [one.name, one]));
  let host: Host | undefined;
  const observed = (): Host => host ??= observeHost({ cgroups: true, roots: SYSTEM_ROOTS });
  const alone = desired.map((container) =>
    changeOf(container, there.get(container.name), observed)
  );
  const changes = followJoined(desired, there, alone);
  const wanted = new Set(desired.map(({ name }) => name));
  const rest = view.containers.filter(({ name }) => !wanted.has(name));
  return [
    ...rest.map(({ name }): Change => ({
      name,
      action: "remove",
      why: "the spec has it no more",
      ...NOTHING,
    })),
    ...changes,
  ];
}

function changeOf(
  wanted: DesiredContainer,
  view: ContainerView | undefined,
  host: () => Host,
): Change {
  const { name } = wanted;
  if (view?.record === undefined) {
    return { name, ...decide(view && { state: "broken", ...NOTHING }), ...NOTHING };
  }
  const { record, state } = view;
  const was = recorded(view);
  if (was === undefined) return { name, ...decide({ state: "broken", ...NOTHING }), ...NOTHING };
  const differences = differencesOf(was, wanted, record);
  const unfinished = record.unfinished === true;
  const seen = { state, differences, stopped: view.stopped, unfinished, ...statusOf(view) };
  if (state !== "running") {
    return { name, ...decide({ ...seen, drift: [] }), ...NOTHING, differences };
  }
  try {
    const change = whileRunning(view, { was, wanted, seen, host });
    const first = change.action === "replace" && wanted.update === "startFirst";
    const why = first ? `${change.why}; the new one is started before it ends` : change.why;
    return { name, ...change, why };
  } catch (error) {
    if (!(error instanceof HostError)) throw error;
    const problem = factsOf(error);
    return { name, action: "none", why: problem.message, ...NOTHING, differences, problem };
  }
}

/** `undefined`: it can't be read. */
function recorded(view: ContainerView): DesiredContainer | undefined {
  try {
    return desiredOf(view);
  } catch {
    return undefined;
  }
}

function statusOf({ ending }: ContainerView): Pick<Seen, "status"> {
  return ending === undefined || ending.lost ? {} : { status: ending.status };
}

function differencesOf(
  was: DesiredContainer,
  wanted: DesiredContainer,
  { digest }: ContainerRecord,
): readonly Difference[] {
  const { spec, secrets } = specDigests(wanted);
  if (spec === digest.spec && secrets === digest.secrets) return [];
  const differences = compareContainers(was, withoutSecrets(wanted));
  if (secrets === digest.secrets || differences.some(({ key }) => key === "secrets")) {
    return differences;
  }
  const origin = wanted.origins["secrets"] ?? "default";
  return [...differences, { key: "secrets", origin, cost: "recreate" }];
}

interface Running {
  readonly was: DesiredContainer;
  readonly wanted: DesiredContainer;
  readonly seen: Omit<Seen, "drift">;
  readonly host: () => Host;
}

function whileRunning(
  view: ContainerView,
  { was, wanted, seen, host }: Running,
): Omit<Change, "name"> {
  const { differences } = seen;
  const first = decide({ ...seen, drift: [] });
  // What is made anew needs no further look.
  if (first.action === "replace") return { ...NOTHING, ...first, differences };
  const before = machineOf({ ...was, volumes: [] }, view, host());
  const drift = driftNow(was, view, before);
  const limits = differences.some(({ key, cost }) => cost === "live" && key.startsWith("limits."))
    ? changeLimits(was, wanted, machineOf({ ...wanted, volumes: [] }, view, host()))
    : { ops: [], groups: [], asks: [] };
  const mounts = attaching(view, { was, wanted, drift, host: host() });
  const settled = "why" in limits
    ? { keys: "limits.", why: limits.why }
    : typeof mounts === "string"
    ? { keys: "volumes", why: mounts }
    // Should the second of them fail, the first could not be taken back.
    : limits.asks.length > 0 && mounts.length > 0
    ? { keys: "limits.", why: "volumes are added too, and it was started without a group for them" }
    : undefined;
  const decision = decide({ ...seen, drift, ...(settled === undefined ? {} : { settled }) });
  if (decision.action !== "change" || "why" in limits || typeof mounts === "string") {
    return { ...NOTHING, ...decision, differences, drift };
  }
  const written = new Set(limits.ops.map(({ id }) => id));
  const mending = drift.flatMap(({ mend }) =>
    mend !== undefined && "op" in mend && !written.has(mend.op.id) ? [mend.op] : []
  );
  const { groups, asks } = limits;
  return {
    ...decision,
    differences,
    drift,
    ops: [...mending, ...limits.ops, ...mounts],
    ...(groups.length === 0 ? {} : { groups }),
    ...(asks.length === 0 ? {} : { asks }),
  };
}

/** Volumes that are new, and those that are gone, mounted while it runs; or why they can't be. Throws HostError. */
function attaching(
  { record, ...view }: ContainerView,
  { was, wanted, drift, host }: {
    readonly was: DesiredContainer;
    readonly wanted: DesiredContainer;
    readonly drift: readonly Drift[];
    readonly host: Host;
  },
): readonly Op[] | string {
  const lost = drift.flatMap(({ mend }) => mend !== undefined && "at" in mend ? [mend.at] : []);
  const added = addedVolumes(was.volumes, wanted.volumes).map(({ at }) => at);
  const volumes = wanted.volumes.filter(({ at }) => lost.includes(at) || added.includes(at));
  if (volumes.length === 0) return [];
  const why = volumesSettled(wanted, host);
  if (why !== undefined || record === undefined) return why ?? "it has no record";
  const { answers } = machineOf({ ...wanted, volumes }, { ...view, record }, host);
  const users = usersInside(wanted, record.process?.pid ?? 0);
  return attachOps({ ...wanted, volumes }, { host, answers: { ...answers, users } });
}

/** Named users, as the container's own passwd has them now. */
function usersInside(
  { user, commands }: DesiredContainer,
  pid: number,
): Readonly<Record<string, ResolvedUser>> {
  const users = [user, ...commands.flatMap((command) => command.user ?? [])];
  return Object.fromEntries(users.flatMap((one) => {
    if (typeof one.user !== "string" && typeof one.group !== "string") return [];
    const known = lookUpUser(one, [`/proc/${pid}/root`]);
    return known === undefined ? [] : [[userKey(one), known]];
  }));
}

/** What its limits depend on; all else of it is settled. */
export function machineOf(
  container: DesiredContainer,
  { id, record }: ContainerView,
  host: Host,
): Machine {
  const { rootfs } = container;
  const alone: DesiredContainer = {
    ...container,
    rootfs: { ...rootfs, layers: [] },
    user: { user: 0 },
    userns: "host",
    commands: [],
  };
  const answers = answer(alone, host, {
    instance: record?.instance ?? id,
    dataDirectory: dataDirectory(process.env, host.uid),
    first: 1,
    announce: true,
    detached: true,
  });
  const pid = record?.process?.pid;
  const groupIn = (mount: string): string | undefined =>
    pid === undefined
      ? undefined
      : groupsOfProcess(pid).find(({ path }) => `${path}/`.startsWith(`${mount}/`))?.path;
  return { host, answers, groupIn };
}

function driftNow(
  was: DesiredContainer,
  { record }: ContainerView,
  machine: Machine,
): readonly Drift[] {
  const pid = record?.process?.pid ?? 0;
  const expected = expectedOf(was, machine);
  const places = lookAt(expected);
  const files = readFiles(places.files);
  const mounts = observeMounts(pid, places.mounts);
  // It may have ended meanwhile, and its pid be another's: then nothing was seen of it.
  if (record?.process === undefined || !isAlive(record.process)) return [];
  return driftOf(expected, { files, ...(mounts === undefined ? {} : { mounts }) });
}
