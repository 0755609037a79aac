/** A container's plan → the `config.json` that asks another runtime for the same. Changes nothing. */
import type { DesiredContainer } from "../../spec/model/desired.ts";
import type { OciDeviceRule, OciDisk, OciMount } from "../../spec/oci/config.ts";
import { type OciExport, toOci } from "../../spec/oci/container.ts";
import type { OciFacts, OciFactUser, OciKnob } from "../../spec/oci/facts.ts";
import { mappingsToOci } from "../../spec/oci/user.ts";
import { entryKind } from "../../ffi/linux/file.ts";
import type { Answers, Host } from "../plan/host.ts";
import { showRule } from "../plan/ops/device_rules.ts";
import { pairMap } from "../plan/ops/idmap.ts";
import type { Op, OpKind } from "../plan/ops/registry.ts";
import type { Plan } from "../plan/plan.ts";

type OpOf<K extends OpKind> = Extract<Op, { kind: K }>;

/** Mounts that every container has, which the document says in its own words. */
const KERNEL = /^\/(?:proc|sys|dev)(?:\/|$)/;

export interface EquivalentOptions {
  /** Sources of binds are looked for on this machine: an OCI runtime fails where one is missing. */
  readonly here: boolean;
}

/** A plan, and what it was made of. */
export interface Planned {
  readonly plan: Plan;
  readonly host: Host;
  readonly answers: Answers;
}

/** What crun or runc would have to be given for the container that `plan` makes. */
export function equivalentOci(
  container: DesiredContainer,
  planned: Planned,
  options: EquivalentOptions,
): OciExport {
  return toOci(container, factsOfPlan(container, planned, options));
}

function factsOfPlan(
  container: DesiredContainer,
  { plan, host, answers }: Planned,
  { here }: EquivalentOptions,
): OciFacts {
  const of = <K extends OpKind>(kind: K): readonly OpOf<K>[] =>
    plan.ops.filter((op): op is OpOf<K> => op.kind === kind);
  const shields = (hides: boolean): readonly string[] =>
    of("mount.shield").filter(({ how }) => (how !== "read-only") === hides).map(({ at }) => at);
  const last = container.commands.length - 1;
  const identity = of("identity").find(({ id }) => id === `commands/${last}/identity`);
  const bound = of("bound").find(({ id }) => id === `commands/${last}/bound`);
  return {
    users: container.commands.map((_, index) => userOf(plan, index)),
    capabilities: bound?.keep ?? [],
    ambient: identity?.ambient ?? false,
    ...(identity?.sets === undefined
      ? {}
      : { sets: { permitted: identity.capabilities, ...identity.sets } }),
    hidden: shields(true),
    readOnly: shields(false),
    root: {
      directories: firsts(of("directory").filter(({ path }) => !KERNEL.test(path))),
      symlinks: of("symlink").filter(({ path }) => !KERNEL.test(path)),
      files: of("file").filter(({ path }) => !KERNEL.test(path)),
      mounts: plan.ops.flatMap((op) => mountOf(op, here)),
    },
    instance: plan.instance,
    groups: of("cgroup.make").length > 0,
    groupsMounted: of("mount.new").some(({ at }) => at === "/sys/fs/cgroup"),
    ...idMapsOf(plan),
    volumes: of("volume.attach").flatMap((op) => volumeOf(op, plan)),
    mappedLayers: of("layer.map").filter(({ slot }) =>
      !of("volume.attach").some((attach) => attach.slot === slot)
    ).map(({ path }) => path),
    knobs: of("cgroup.write").map((op) => knobOf(op, host)),
    disks: disksOf(answers),
    ...devicesOf(plan),
  };
}

function knobOf({ path, value }: OpOf<"cgroup.write">, { cgroups }: Host): OciKnob {
  const file = path.slice(path.lastIndexOf("/") + 1);
  const unified = cgroups.v2 !== undefined && path.startsWith(`${cgroups.v2.mount}/`) &&
    // The hierarchies of v1 may lie in the same directory as the one beside them.
    !Object.values(cgroups.v1).some((mount) => path.startsWith(`${mount}/`));
  return { file, value, unified };
}

function disksOf({ disks = {} }: Answers): Readonly<Record<string, OciDisk>> {
  return Object.fromEntries(
    Object.entries(disks).flatMap(([path, answer]) =>
      "major" in answer ? [[path, { major: answer.major, minor: answer.minor }] as const] : []
    ),
  );
}

/** `c 1:3 rwm`, `c 136:* rwm`: as the files of v1 have it. */
const RULE = /^([bc]) (\d+):(\d+|\*) ([rwm]+)$/;

function devicesOf({ ops }: Plan): Pick<OciFacts, "devices"> {
  const texts = ops.flatMap((op) => {
    if (op.kind === "cgroup.devices") return op.rules.map(showRule);
    const isAllowed = op.kind === "cgroup.write" && op.path.endsWith("/devices.allow");
    return isAllowed ? [op.value] : [];
  });
  const nodes = ops.flatMap((op): readonly OciMount[] =>
    op.kind !== "mount.bind" || !op.id.startsWith("devices/") ? [] : [{
      destination: op.at,
      type: "bind",
      source: op.source,
      options: ["bind", ...op.attributes],
    }]
  );
  if (texts.length === 0 && nodes.length === 0) return {};
  return { devices: { rules: texts.map(ruleOf), nodes } };
}

function ruleOf(text: string): OciDeviceRule {
  const [, type, major, minor, access = ""] = RULE.exec(text) ?? [];
  return {
    allow: true,
    type: type === "b" ? "b" : "c",
    major: Number(major),
    ...(minor === "*" ? {} : { minor: Number(minor) }),
    access,
  };
}

/** A directory that is there already keeps its mode: the first of a path is what holds. */
function firsts(ops: readonly OpOf<"directory">[]): readonly OpOf<"directory">[] {
  return ops.filter(({ path }, index) => ops.findIndex((op) => op.path === path) === index);
}

function userOf(plan: Plan, index: number): OciFactUser {
  const id = `commands/${index}`;
  const identity = plan.ops.find((op) => op.id === `${id}/identity`);
  const execute = plan.ops.find((op) => op.id === `${id}/execute`);
  if (identity?.kind !== "identity" || execute?.kind !== "execute") {
    throw new Error(`the plan has no command ${index}`);
  }
  const { uid, gid, groups = [] } = identity;
  return { uid, gid, groups, environment: execute.environment };
}

function mountOf(op: Op, here: boolean): readonly OciMount[] {
  if (op.kind === "mount.bind") {
    if (op.target === "root" || KERNEL.test(op.at)) return [];
    if (op.optional && here && entryKind(op.source) === undefined) return [];
    // Ours hold for all that is mounted below too. OCI's `ro` would for the mount itself, `rro` does the same; below a file there
    // is nothing, and crun 1.8 takes `rro` for a directory's.
    const prefix = op.target === "directory" ? "r" : "";
    const options = ["rbind", ...op.attributes.map((attribute) => `${prefix}${attribute}`)];
    return [{ destination: op.at, type: "bind", source: op.source, options }];
  }
  if (op.kind !== "mount.new" || op.at === "/" || KERNEL.test(op.at)) return [];
  const options = [...op.attributes, ...op.options.map((option) => option.join("="))];
  return [{ destination: op.at, type: op.fs, source: op.fs, options }];
}

function idMapsOf(plan: Plan): Pick<OciFacts, "idMaps"> {
  for (const op of plan.ops) {
    if (op.kind === "idmap.ask") return { idMaps: { uids: op.ask.uids, gids: op.ask.gids } };
    if (op.kind !== "idmap") continue;
    const one = (inside: number, outside: number) => [{ inside, outside, count: 1 }];
    return { idMaps: { uids: one(op.uid, op.hostUid), gids: one(op.gid, op.hostGid) } };
  }
  return {};
}

/** A volume is opened on the host's side, and attached inside when all else is mounted. */
function volumeOf(attach: OpOf<"volume.attach">, plan: Plan): readonly OciMount[] {
  const opened = plan.ops.find((op) =>
    (op.kind === "volume.open" || op.kind === "volume.new" || op.kind === "layer.map") &&
    op.slot === attach.slot
  );
  const destination = attach.at;
  if (opened?.kind === "layer.map") {
    const { path, attributes, ids } = opened;
    // Of the one mount, as ours is.
    const options = ["bind", ...attributes, "rprivate"];
    return [{ destination, type: "bind", source: path, options, ...mountIds(ids) }];
  }
  if (opened?.kind === "volume.new") {
    const data = opened.options.map((option) => option.join("="));
    const options = [...opened.attributes, ...data];
    return [{ destination, type: "tmpfs", source: "tmpfs", options }];
  }
  if (opened?.kind !== "volume.open") return [];
  const { base, path, attributes, propagation } = opened;
  const source = path === "" ? base : `${base === "/" ? "" : base}/${path}`;
  const prefix = attach.target === "directory" ? "r" : "";
  const options = [
    "rbind",
    ...attributes.map((attribute) => `${prefix}${attribute}`),
    `r${propagation}`,
  ];
  const ids = opened.owner === undefined ? {} : mountIds(pairMap(opened.owner));
  return [{ destination, type: "bind", source, options, ...ids }];
}

function mountIds(
  { uids, gids }: ReturnType<typeof pairMap>,
): Pick<OciMount, "uidMappings" | "gidMappings"> {
  return { uidMappings: mappingsToOci(uids), gidMappings: mappingsToOci(gids) };
}
