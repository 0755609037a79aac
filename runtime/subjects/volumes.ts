/** `volumes:` → sources that are opened on the host's side, and their mounts inside the container. */
import type { DesiredContainer, DesiredVolume } from "../../spec/model/desired.ts";
import { HostError } from "../plan/host_error.ts";
import type { Answers, Host, SourceAnswer } from "../plan/host.ts";
import type { MountAttribute } from "../plan/ops/mount.ts";
import type { Op } from "../plan/ops/registry.ts";
import { usersOf } from "./process.ts";

export interface CompiledVolumes {
  /** Before the container's first process. */
  readonly stage: readonly Op[];
  /** In the container, when all of the kernel's file systems are mounted. */
  readonly container: readonly Op[];
}

type Mounted = Exclude<DesiredVolume, { readonly kind: "tmpfs" }>;
type Ids = { readonly uid: number; readonly gid: number };

/** How a source is named in Answers.sources. */
export function sourceKey(
  { base, path }: { readonly base: string; readonly path: string },
): string {
  return path === "" ? base : `${base === "/" ? "" : base}/${path}`;
}

export function compileVolumes(
  container: DesiredContainer,
  { host, outside }: { readonly host: Host; readonly outside: (user: Ids) => Ids },
  answers: Answers,
): CompiledVolumes {
  const stage: Op[] = [];
  const inside: Op[] = [];
  const user = mainUser(container, answers);
  container.volumes.forEach((volume, index) => {
    const slot = `volume ${index}`;
    // An ordinary user may clone mounts only in the namespaces of the container.
    const where = host.privileged && volume.kind !== "tmpfs" ? "stage" : "container";
    const common = { where, origin: volume.origin } as const;
    const id = `volumes${volume.at}`;
    const opening = where === "stage" ? stage : inside;
    const from = { common, id, slot, host, user, owner: outside(user) };
    if (volume.kind === "tmpfs") opening.push(memoryOp(volume, from));
    else opening.push(...sourceOps(volume, from, answers));
    inside.push({
      kind: "volume.attach",
      where: "container",
      origin: volume.origin,
      id,
      slot,
      at: volume.at,
      target: volume.kind === "bind" ? targetOf(volume, answers) : "directory",
    });
  });
  return { stage, container: inside };
}

interface From {
  readonly common: { readonly where: "stage" | "container"; readonly origin: string };
  readonly id: string;
  readonly slot: string;
  /** Ids of the host that the container's user has. */
  readonly owner: Ids;
  readonly host: Host;
  readonly user: Ids;
}

/** Who the main process runs as: the last command. */
export function mainUser(container: DesiredContainer, answers: Answers): Ids {
  const { uid, gid } = usersOf(container, answers).at(-1) ?? { uid: 0, gid: 0 };
  return { uid, gid };
}

function attributesOf(volume: DesiredVolume): readonly MountAttribute[] {
  return [...(volume.readonly ? ["ro" as const] : []), "nosuid", "nodev"];
}

function memoryOp(volume: Extract<DesiredVolume, { kind: "tmpfs" }>, from: From): Op {
  const { uid, gid } = from.user;
  return {
    ...from.common,
    kind: "volume.new",
    id: `${from.id}/new`,
    slot: from.slot,
    options: [
      ["size", `${volume.sizeBytes}`],
      ["mode", volume.mode.toString(8).padStart(4, "0")],
      ...(uid === 0 ? [] : [["uid", `${uid}`] as const]),
      ...(gid === 0 ? [] : [["gid", `${gid}`] as const]),
    ],
    attributes: attributesOf(volume),
  };
}

function sourceOps(volume: Mounted, from: From, answers: Answers): readonly Op[] {
  const { host } = from;
  const { owner } = from;
  if (volume.propagation !== "private" && !host.privileged) {
    throw new HostError("PROPAGATION_NEEDS_ROOT", {
      origin: `${volume.origin}/propagation`,
      message:
        `propagation: ${volume.propagation} is not for an ordinary user: the kernel cuts a user namespace off`,
      fix: "leave `propagation:` out, or run as root",
    });
  }
  const open = { ...from.common, id: `${from.id}/open`, slot: from.slot };
  const how = { attributes: attributesOf(volume), propagation: volume.propagation };
  if (volume.kind === "named") {
    const path = `${answers.dataDirectory}/volumes/${volume.volume}`;
    return [
      { kind: "volume.keep", ...from.common, id: `${from.id}/keep`, path, owner },
      {
        kind: "volume.open",
        ...open,
        ...how,
        base: path,
        path: "",
        ...match(volume, from, answers.sources?.[path] ?? undefined),
      },
    ];
  }
  const source = answers.sources?.[sourceKey(volume)];
  checkSource(volume, source);
  return [{
    kind: "volume.open",
    ...open,
    ...how,
    base: volume.base,
    path: volume.path,
    ...(source === null && volume.create ? { create: owner } : {}),
    ...match(volume, from, source ?? undefined),
  }];
}

/** `owner: match`: nothing to be done where the two are one already. A source that is yet to be made belongs to the user. */
function match(
  volume: Mounted,
  from: From,
  source: SourceAnswer | undefined,
): { readonly owner?: { readonly from: Ids; readonly to: Ids } } {
  if (!volume.ownerMatches || source === undefined) return {};
  const { owner: seen } = from;
  const { uid, gid } = source;
  if (uid === seen.uid && gid === seen.gid) return {};
  if (from.host.privileged) return { owner: { from: { uid, gid }, to: seen } };
  throw new HostError("OWNER_CANNOT_MATCH", {
    origin: `${volume.origin}/owner`,
    message: `the source belongs to ${uid}:${gid}, and without root no other owner than ` +
      `${seen.uid}:${seen.gid} can be shown as the container's user`,
    fix:
      `leave \`owner:\` out, give the source to you (chown ${seen.uid}:${seen.gid}), or run as root`,
  });
}

function targetOf(
  volume: Extract<DesiredVolume, { kind: "bind" }>,
  answers: Answers,
): "directory" | "file" {
  const source = answers.sources?.[sourceKey(volume)];
  return (source ?? undefined)?.kind === "file" ? "file" : "directory";
}

/** What can be said before anything is done. `undefined`: the plan is for another machine, where it can't be looked up. */
function checkSource(
  volume: Extract<DesiredVolume, { kind: "bind" }>,
  source: SourceAnswer | null | undefined,
): void {
  if (source === undefined) return;
  const { origin, shown, create } = volume;
  if (source === null) {
    if (create) return;
    throw new HostError("VOLUME_SOURCE_MISSING", {
      origin,
      message: `there is no ${shown}`,
      fix: `make it, or let it be made: {bind: ${shown}, at: ${volume.at}, create: true}`,
    });
  }
  if (source.kind === "link") {
    throw new HostError("VOLUME_SOURCE_LINK", {
      origin,
      message: `${shown} leads through a symbolic link, which another container may have made`,
      fix: source.real === undefined
        ? "the link leads nowhere: correct it, or take the volume out"
        : `write where it leads: ${source.real}`,
    });
  }
  if (source.kind === "device") {
    throw new HostError("VOLUME_IS_DEVICE", {
      origin,
      message: `${shown} is a device, and devices do not work in volumes`,
      fix: `limits: {devices: [${sourceKey(volume)}]}`,
    });
  }
}

/** True: what was read of the sources decides more than whether the start fails. */
export function dependsOnOwners(container: DesiredContainer): boolean {
  return container.volumes.some((volume) => volume.kind !== "tmpfs" && volume.ownerMatches);
}
