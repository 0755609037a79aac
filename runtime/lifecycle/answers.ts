/** Answers what the subjects ask beyond the Host: a free name, who a user is, what a layer hides. Changes nothing. */
import type {
  DesiredContainer,
  DesiredLimits,
  DesiredRootfs,
  DesiredUser,
} from "../../spec/model/desired.ts";
import type { Answers, DiskAnswer, Host, ResolvedUser, SourceAnswer } from "../plan/host.ts";
import { SYSTEM_ROOTS } from "../plan/system_roots.ts";
import { groupsHost } from "../subjects/limits/delegated.ts";
import { GROUP_DIRECTORY } from "../subjects/limits/compile.ts";
import { entryKind } from "../../ffi/linux/file.ts";
import { isImage } from "../subjects/rootfs/images.ts";
import { dependsOnRootOwner } from "../subjects/rootfs/mapped.ts";
import { userKey } from "../subjects/identity.ts";
import { sourceKey } from "../subjects/volumes.ts";
import { lookUpSource } from "../observe/sources.ts";
import { observeIds } from "../observe/subids.ts";
import { AUTO_IDS, CLAIMS_PATH } from "../subjects/userns.ts";
import { observeDevice, observeDiskOfDevice, observeDiskOfPath } from "../observe/devices.ts";
import { lookUpUser, type UserRoot } from "../observe/users.ts";
import type { StoredLayers } from "./layers.ts";

export interface AnswerOptions {
  readonly dataDirectory: string;
  /** Where the search for a free name begins: 1, or the number after one that was taken meanwhile. */
  readonly first: number;
  readonly announce: boolean;
  /** Taken as it is, without a search. */
  readonly instance?: string;
  readonly detached?: true;
  readonly stored?: StoredLayers;
}

export function answer(container: DesiredContainer, host: Host, options: AnswerOptions): Answers {
  const { stored } = options;
  const users = namedUsers(container, stored);
  const collisions = observeCollisions(container, stored);
  const sources = observeSources(container, options.dataDirectory);
  const { io = [], devices } = container.limits;
  return {
    instance: options.instance ?? freeInstance(container.name, host, options.first),
    dataDirectory: options.dataDirectory,
    announce: options.announce,
    ...(options.detached === undefined ? {} : { detached: options.detached }),
    ...(wantsIds(container, host)
      ? { ids: observeIds(host, { slice: AUTO_IDS, claims: CLAIMS_PATH }) }
      : {}),
    ...(stored === undefined ? {} : { layers: stored.layers }),
    ...(users === undefined ? {} : { users }),
    ...(collisions === undefined ? {} : { collisions }),
    ...(sources === undefined ? {} : { sources }),
    ...(io.length === 0 ? {} : { disks: disksOf(io) }),
    ...(devices === undefined ? {} : {
      devices: Object.fromEntries(devices.map(({ device }) => [device, observeDevice(device)])),
    }),
  };
}

/** Root's containers have the host's ids, or the ones that are written; all others need to know what there is. */
function wantsIds({ userns }: DesiredContainer, host: Host): boolean {
  if (userns === "host") return false;
  return host.privileged ? userns === "auto" : true;
}

/** Which disk each device and path of `limits.io` means. */
function disksOf(io: NonNullable<DesiredLimits["io"]>): NonNullable<Answers["disks"]> {
  const disks: Record<string, DiskAnswer> = {};
  for (const { device, path } of io) {
    if (device !== undefined) disks[device] = observeDiskOfDevice(device);
    if (path !== undefined) disks[path] = observeDiskOfPath(path);
  }
  return disks;
}

/** `NAME`, or `NAME-2`, `NAME-3`, … when groups of that name are there: another run of it, or what one left. */
function freeInstance(name: string, host: Host, first: number): string {
  const { v1, v2 } = groupsHost(host).cgroups;
  const mounts = new Set([...Object.values(v1), v2?.mount ?? ""]);
  mounts.delete("");
  for (let number = first;; number++) {
    const instance = number === 1 ? name : `${name}-${number}`;
    const taken = [...mounts].some((mount) =>
      entryKind(`${mount}/${GROUP_DIRECTORY}/${instance}`) !== undefined
    );
    if (!taken) return instance;
  }
}

/** What lies where volumes come from. */
function observeSources(
  container: DesiredContainer,
  dataDirectory: string,
): Answers["sources"] {
  const { volumes, rootfs } = container;
  const isRootLookedAt = rootfs.path !== undefined && dependsOnRootOwner(container);
  if (volumes.length === 0 && !isRootLookedAt) return undefined;
  const sources: Record<string, SourceAnswer | null> = {};
  if (isRootLookedAt) sources[rootfs.path] = lookUpSource(rootfs.path, "");
  for (const volume of volumes) {
    if (volume.kind === "tmpfs") continue;
    const { base, path } = volume.kind === "bind"
      ? volume
      : { base: `${dataDirectory}/volumes/${volume.volume}`, path: "" };
    sources[sourceKey({ base, path })] = lookUpSource(base, path);
  }
  return sources;
}

/** Directories that host: system binds and that a layer has too. */
function observeCollisions(
  container: DesiredContainer,
  stored: StoredLayers | undefined,
): Readonly<Record<string, readonly string[]>> | undefined {
  const { layers } = container.rootfs;
  const system = layers.some((layer) => layer.kind === "host" && layer.host === "system");
  if (!system) return undefined;
  const collisions: Record<string, readonly string[]> = {};
  const content = layers.filter((layer) => layer.kind === "dir" && layer.at === "/");
  if (content.length === 0) return undefined;
  for (const layer of content) {
    if (layer.kind !== "dir") continue;
    const survey = stored?.surveys[layer.dir];
    collisions[layer.dir] = SYSTEM_ROOTS.filter((root) =>
      survey === undefined
        ? entryKind(`${layer.dir}${root}`) !== undefined
        : survey.names.includes(root.slice(1))
    );
  }
  return collisions;
}

/** Directories of the host that make up the container's /etc, topmost first. */
function rootsOf(rootfs: DesiredRootfs, stored: StoredLayers | undefined): readonly UserRoot[] {
  if (rootfs.path !== undefined) return [rootfs.path];
  const atRoot = rootfs.layers.filter((layer) => layer.at === "/");
  // What an image file says can't be read before it is mounted: then only numbers do.
  if (atRoot.some(isImage)) return [];
  return atRoot
    .map((layer) => layer.kind === "dir" ? stored?.surveys[layer.dir] ?? layer.dir : "/")
    .reverse();
}

const isNamed = (user: DesiredUser): boolean =>
  typeof user.user === "string" || typeof user.group === "string";

function namedUsers(
  container: DesiredContainer,
  stored: StoredLayers | undefined,
): Readonly<Record<string, ResolvedUser>> | undefined {
  const all = [
    container.user,
    ...container.commands.flatMap((command) => command.user ?? []),
    ...container.process.groups.map((group): DesiredUser => ({ user: 0, group })),
  ];
  const named = all.filter(isNamed);
  if (named.length === 0) return undefined;
  const users: Record<string, ResolvedUser> = {};
  for (const user of named) {
    const known = lookUpUser(user, rootsOf(container.rootfs, stored));
    if (known !== undefined) users[userKey(user)] = known;
  }
  return users;
}
