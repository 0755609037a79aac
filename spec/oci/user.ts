/** `user`, `userns`, `process.umask` ⇄ `process.user`, `linux.uidMappings`. */
import type { DesiredContainer, IdMap } from "../model/desired.ts";
import type { ContainerKeys } from "../model/spec_type.ts";
import type { Value } from "../text/tree.ts";
import type { OciIdMap, OciPart } from "./config.ts";
import { type Document, isNumber } from "./document.ts";
import type { OciFacts } from "./facts.ts";
import type { Said } from "./loss.ts";

/** Names are looked up when the config is written: OCI knows numbers only. */
export function userToOci(container: DesiredContainer, facts: OciFacts): Said<OciPart> {
  const user = facts.users[container.commands.length - 1];
  if (user === undefined) throw new Error("there is a user for each command");
  const { uid, gid, groups } = user;
  const { umask } = container.process;
  const ids = {
    uid,
    gid,
    ...(groups.length === 0 ? {} : { additionalGids: groups }),
    // Runtimes leave it as it is, or have our default.
    ...(container.origins["process/umask"] === undefined ? {} : { umask }),
  };
  const { idMaps } = facts;
  if (idMaps === undefined) return { part: { process: { user: ids } }, losses: [] };
  return {
    part: {
      process: { user: ids },
      linux: {
        namespaces: [{ type: "user" }],
        uidMappings: mappingsToOci(idMaps.uids),
        gidMappings: mappingsToOci(idMaps.gids),
      },
    },
    losses: [],
  };
}

/** Also of a mount: owners on the disk → ids of the host. */
export function mappingsToOci(maps: readonly IdMap[]): readonly OciIdMap[] {
  return maps.map(({ inside, outside, count }) => ({
    containerID: inside,
    hostID: outside,
    size: count,
  }));
}

/** Mappings are what makes a user namespace; without them it has no ids, which is nobody's wish. */
export function usernsFromOci(document: Document): Pick<ContainerKeys, "userns"> {
  const [uids, gids] = [read(document, "uidMappings"), read(document, "gidMappings")];
  return uids === undefined || gids === undefined ? {} : { userns: { uids, gids } };
}

function read(document: Document, key: "uidMappings" | "gidMappings"): IdMap[] | undefined {
  const value = document.take("linux", key);
  const list = Array.isArray(value) ? value as readonly Value[] : [];
  const maps = list.flatMap((item) => {
    const { containerID, hostID, size } = (item ?? {}) as Readonly<Record<string, unknown>>;
    return isNumber(containerID) && isNumber(hostID) && isNumber(size)
      ? [{ inside: containerID, outside: hostID, count: size }]
      : [];
  });
  return maps.length === 0 ? undefined : maps;
}

export function userFromOci(document: Document): { readonly user?: string } {
  const uid = document.take("process", "user", "uid");
  const gid = document.take("process", "user", "gid");
  if (!isNumber(uid) || !isNumber(gid) || (uid === 0 && gid === 0)) return {};
  return { user: `${uid}:${gid}` };
}
