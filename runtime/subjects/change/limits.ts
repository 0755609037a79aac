/** Limits that are not as they were → what is written to the groups of a container that runs. Pure. */
import type { DesiredContainer } from "../../../spec/model/desired.ts";
import type { Answers, Host } from "../../plan/host.ts";
import type { AskGather } from "../../plan/ops/ask.ts";
import type { MakeGroup, WriteKnob } from "../../plan/ops/cgroup.ts";
import type { Op } from "../../plan/ops/registry.ts";
import { type CompiledLimits, compileLimits, type GroupPlace } from "../limits/compile.ts";
import { groupsHost } from "../limits/delegated.ts";

export interface LimitsChange {
  /** In order: each is read back, and the whole is taken back when one fails. */
  readonly ops: readonly Op[];
  /** Groups as they are made now: what the record of the container says of them from then on. */
  readonly groups: readonly MakeGroup[];
  /** Moves of its processes into groups that are new. */
  readonly asks: readonly AskGather[];
}

export interface Machine {
  readonly host: Host;
  readonly answers: Answers;
  /** The group of the container's first process in the hierarchy that is mounted there. */
  readonly groupIn?: (mount: string) => string | undefined;
}

/**
 * Controllers of v1 that count what a process has when it is moved, or only what it does from then on. Those that count what is held
 * (memory, huge pages) leave that with the group in which it was taken, and so would hold less than they say.
 */
const MOVABLE: readonly string[] = ["pids", "cpu", "cpuacct", "cpuset", "blkio"];

/** Gives the reason where the container has to be made anew. Throws HostError for a limit that this machine can't hold. */
export function changeLimits(
  was: DesiredContainer,
  wanted: DesiredContainer,
  machine: Machine,
): LimitsChange | { readonly why: string } {
  const before = compiled(was, machine);
  const after = compiled(wanted, machine);
  const fresh = after.groups.filter(({ path }) => !before.groups.some((one) => one.path === path));
  const asks = gatherings(fresh, { before, after }, machine);
  if ("why" in asks) return asks;
  const isNew = (path: string): boolean => fresh.some((one) => path.startsWith(`${one.path}/`));
  const writes: Op[] = [];
  const held = new Map(knobsOf(before).map((op) => [placeOf(op), op]));
  const kept = new Set<string>();
  for (const op of knobsOf(after)) {
    const place = placeOf(op);
    kept.add(place);
    if (isNew(op.path)) {
      writes.push(op);
      continue;
    }
    const known = held.get(place);
    if (known?.value === op.value) continue;
    const lifted = liftedValue(op);
    const value = known?.value ?? lifted?.value;
    if (value === undefined) return { why: `nothing is known that would take ${op.path} back` };
    writes.push({ ...op, before: value });
  }
  for (const [place, op] of held) {
    if (kept.has(place)) continue;
    const lifted = liftedValue(op);
    if (lifted === undefined) return { why: `nothing is known that would lift ${op.path}` };
    const { holds: _, line: __, instead, ...rest } = op;
    const other = instead === undefined
      ? {}
      : { instead: { path: instead.path, value: lifted.value } };
    writes.push({ ...rest, ...lifted, ...other, before: op.value, origin: "default" });
  }
  return {
    ops: [
      ...groupsOf(after).filter(({ path }) => isNew(`${path}/`)),
      ...switchOps(before, after),
      ...inOrder(writes),
      ...asks.map((ask, index): Op => ({
        kind: "cgroup.room",
        id: `limits/gather${ask.to}`,
        where: "stage",
        origin: ask.origin,
        from: ask.from,
        to: ask.to,
        index,
      })),
    ],
    groups: groupsOf(after.groups.length === 0 ? before : after),
    asks,
  };
}

/** How its processes come into groups that are new; or why they can't. */
function gatherings(
  fresh: readonly GroupPlace[],
  { before, after }: { readonly before: CompiledLimits; readonly after: CompiledLimits },
  { groupIn }: Machine,
): readonly AskGather[] | { readonly why: string } {
  const [members] = before.groups;
  const asks: AskGather[] = [];
  for (const { version, controllers, path, mount } of fresh) {
    if (version !== 1 || members === undefined) return { why: "it was started without a group" };
    const held = controllers.find((name) => !MOVABLE.includes(name));
    const what = `a group for ${controllers.join(" and ")}`;
    if (held !== undefined) {
      return { why: `it was started without ${what}, where what it holds already would not count` };
    }
    const back = groupIn?.(mount);
    if (back === undefined) return { why: `it was started without ${what}` };
    asks.push({
      kind: "gather",
      from: members.path,
      to: path,
      // Where an earlier change was cut off they are in it, and lead nowhere but out of all groups.
      back: back === path ? mount : back,
      origin: groupsOf(after).find((one) => one.path === path)?.origin ?? "default",
    });
  }
  return asks;
}

const compiled = (container: DesiredContainer, { host, answers }: Machine): CompiledLimits =>
  compileLimits(container, groupsHost(host), answers);

/** What is written of a container's limits, and what has to be held then. */
export function knobsOf({ stage }: Pick<CompiledLimits, "stage">): readonly WriteKnob[] {
  return stage.filter((op): op is WriteKnob => op.kind === "cgroup.write")
    // The list of devices is settled when the container is made.
    .filter(({ path }) => !/\/devices\.(allow|deny)$/.test(path));
}

const groupsOf = ({ stage }: CompiledLimits): readonly MakeGroup[] =>
  stage.filter((op): op is MakeGroup => op.kind === "cgroup.make");

/** A file with a line per disk, page size or device is a place per line. */
function placeOf({ path, value, line }: WriteKnob): string {
  return line === true ? `${path} ${value.split(" ")[0]}` : path;
}

/** v2: a controller that was not on above the group is switched on before its file is written. */
function switchOps(before: CompiledLimits, after: CompiledLimits): readonly Op[] {
  const enabled = new Set(
    before.groups.filter(({ version }) => version === 2).flatMap(({ controllers }) => controllers),
  );
  return groupsOf(after).flatMap(({ parents, origin }) =>
    parents.flatMap(({ path, enable }): readonly Op[] => {
      const missing = enable.filter((name) => !enabled.has(name));
      if (missing.length === 0) return [];
      return [{
        kind: "cgroup.write",
        id: `limits/enable${path}`,
        where: "stage",
        origin,
        path: `${path}/cgroup.subtree_control`,
        value: missing.map((name) => `+${name}`).join(" "),
      }];
    })
  );
}

/**
 * v1: memory may never be above memory and swap together. What grows has to make room there first, what shrinks takes it away
 * last.
 */
function inOrder(writes: readonly Op[]): readonly Op[] {
  const at = (file: string): number =>
    writes.findIndex((op) => op.kind === "cgroup.write" && op.path.endsWith(`/${file}`));
  const [alone, both] = [at("memory.limit_in_bytes"), at("memory.memsw.limit_in_bytes")];
  const memory = writes[alone];
  const together = writes[both];
  if (memory?.kind !== "cgroup.write" || together === undefined) return writes;
  const grows = sizeOf(memory.value) > sizeOf(memory.before ?? "-1");
  const [first, second] = grows ? [together, memory] : [memory, together];
  return [first, second, ...writes.filter((_, index) => index !== alone && index !== both)];
}

const sizeOf = (value: string): number => value === "-1" ? Infinity : Number(value);

/** `-1` of v1 is the largest number of pages (include/linux/page_counter.h). */
const LIFTED: Readonly<Record<string, Pick<WriteKnob, "value" | "holds">>> = {
  "memory.max": { value: "max", holds: "max" },
  "memory.high": { value: "max", holds: "max" },
  "memory.low": { value: "0", holds: "0" },
  "memory.oom.group": { value: "0", holds: "0" },
  "memory.swap.max": { value: "max", holds: "max" },
  "memory.limit_in_bytes": { value: "-1" },
  "memory.soft_limit_in_bytes": { value: "-1" },
  "memory.memsw.limit_in_bytes": { value: "-1" },
  "pids.max": { value: "max", holds: "max" },
  "cpu.max": { value: "max 100000", holds: "max 100000" },
  "cpu.weight": { value: "100", holds: "100" },
  "cpu.cfs_period_us": { value: "100000", holds: "100000" },
  "cpu.cfs_quota_us": { value: "-1", holds: "-1" },
  "cpu.shares": { value: "1024", holds: "1024" },
};

/** Files with a line per disk or resource: what is written after its name. */
const LIFTED_LINES: Readonly<Record<string, string>> = {
  "io.max": "rbps=max wbps=max riops=max wiops=max",
  "io.weight": "default",
  "io.bfq.weight": "default",
  "blkio.throttle.read_bps_device": "0",
  "blkio.throttle.write_bps_device": "0",
  "blkio.throttle.read_iops_device": "0",
  "blkio.throttle.write_iops_device": "0",
  "rdma.max": "hca_handle=max hca_object=max",
  "misc.max": "max",
};

/** What a file says that limits nothing. `undefined`: for this file nothing is known. */
function liftedValue({ path, value, line }: WriteKnob): typeof LIFTED[string] | undefined {
  const file = path.slice(path.lastIndexOf("/") + 1);
  if (line !== true) return LIFTED[file];
  const [first] = value.split(" ");
  if (first === "default") return { value: "default 100" };
  const rest = LIFTED_LINES[file];
  return rest === undefined ? undefined : { value: `${first} ${rest}` };
}
