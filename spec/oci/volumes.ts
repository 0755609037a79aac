/** `volumes` → what of them the mounts of `config.json` can't say. */
import type { DesiredContainer } from "../model/desired.ts";
import type { OciLoss } from "./loss.ts";

export function volumeLosses({ volumes }: DesiredContainer): readonly OciLoss[] {
  return volumes.flatMap((volume): readonly OciLoss[] => [
    ...(volume.kind !== "tmpfs" && volume.ownerMatches
      ? [{
        origin: volume.origin,
        message: "`owner: match` is worked out for each start; config.json has fixed ids",
        fix: "give the source to the ids that the container has outside",
      }]
      : []),
    ...(volume.kind === "named"
      ? [{
        origin: volume.origin,
        message: "OCI has no named volumes: its directory must be there before",
        fix: "make the source of the mount first",
      }]
      : []),
  ]);
}
