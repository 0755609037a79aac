/** `stop`: OCI leaves it to whoever sends the signal. */
import type { DesiredContainer } from "../model/desired.ts";
import type { OciPart } from "./config.ts";
import { originOf, type Said } from "./loss.ts";

export function stopToOci(container: DesiredContainer): Said<OciPart> {
  const { signal, graceMs } = container.stop;
  const origin = originOf(container.origins, "stop");
  if (origin === "default") return { part: {}, losses: [] };
  return {
    part: {},
    losses: [{
      origin,
      message: `OCI does not say how a container is stopped (${signal}, then ${graceMs} ms)`,
      fix: "whoever calls the runtime sends the signals",
    }],
  };
}
