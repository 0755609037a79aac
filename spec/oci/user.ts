/** `user`, `userns` ⇄ `process.user`, `linux.uidMappings`. */
import type { DesiredContainer, IdMap } from "../model/desired.ts";
import type { OciIdMap, OciPart } from "./config.ts";
import { type Document, isNumber } from "./document.ts";
import type { OciFacts } from "./facts.ts";
import type { Said } from "./loss.ts";

/** Names are looked up when the config is written: OCI knows numbers only. */
export function userToOci(container: DesiredContainer, facts: OciFacts): Said<OciPart> {
  const user = facts.users[container.commands.length - 1];
  if (user === undefined) throw new Error("there is a user for each command");
  const { uid, gid, groups } = user;
  const ids = { uid, gid, ...(groups.length === 0 ? {} : { additionalGids: groups }) };
  const { idMaps } = facts;
  if (idMaps === undefined) return { part: { process: { user: ids } }, losses: [] };
  const mappings = (maps: readonly IdMap[]): readonly OciIdMap[] =>
    maps.map(({ inside, outside, count }) => ({
      containerID: inside,
      hostID: outside,
      size: count,
    }));
  return {
    part: {
      process: { user: ids },
      linux: {
        namespaces: [{ type: "user" }],
        uidMappings: mappings(idMaps.uids),
        gidMappings: mappings(idMaps.gids),
      },
    },
    losses: [],
  };
}

export function userFromOci(document: Document): { readonly user?: string } {
  const uid = document.take("process", "user", "uid");
  const gid = document.take("process", "user", "gid");
  if (!isNumber(uid) || !isNumber(gid) || (uid === 0 && gid === 0)) return {};
  return { user: `${uid}:${gid}` };
}
