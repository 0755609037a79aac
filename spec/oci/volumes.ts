/** `volumes` → what of them the mounts of `config.json` can't say. */
import type { DesiredContainer } from "../model/desired.ts";
import type { OciLoss } from "./loss.ts";

export function volumeLosses({ volumes }: DesiredContainer): readonly OciLoss[] {
  return volumes.flatMap((volume): readonly OciLoss[] => [
    ...(volume.kind !== "tmpfs" && volume.ownerMatches
      ? [{
        origin: volume.origin,
        message:
          "`owner: match` looks for each start whose the source is; config.json has the ids of now",
        fix: "write it anew when the source is another's",
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
