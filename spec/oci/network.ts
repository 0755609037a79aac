/** `network` → the namespace `network`; the way back is in `namespaces.ts`, with the other namespaces. */
import type { DesiredContainer } from "../model/desired.ts";
import type { OciPart } from "./config.ts";
import type { Said } from "./loss.ts";

export function networkToOci(container: DesiredContainer): Said<OciPart> {
  const isOwn = container.network.mode !== "host" && container.join.network === undefined;
  return { part: isOwn ? { linux: { namespaces: [{ type: "network" }] } } : {}, losses: [] };
}
