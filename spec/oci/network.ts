/** `network` ⇄ the namespace `network`. */
import type { DesiredContainer } from "../model/desired.ts";
import type { NetworkMode } from "../model/spec_type.ts";
import type { OciPart } from "./config.ts";
import type { Document } from "./document.ts";
import type { OciLoss, Said } from "./loss.ts";

export function networkToOci(container: DesiredContainer): Said<OciPart> {
  if (container.network.mode === "host") return { part: {}, losses: [] };
  return { part: { linux: { namespaces: [{ type: "network" }] } }, losses: [] };
}

/** Every container here has these namespaces of its own; to be without one is a loss. */
const ALWAYS = ["pid", "ipc", "uts", "mount", "cgroup"] as const;

export function namespacesFromOci(
  document: Document,
): { readonly network?: NetworkMode; readonly losses: readonly OciLoss[] } {
  const value = document.peek("linux", "namespaces");
  const list = Array.isArray(value) ? value as readonly { type?: unknown; path?: unknown }[] : [];
  const types = new Set<unknown>();
  list.forEach(({ type, path }, index) => {
    // One that is joined, or of a kind that has no word, is nobody's to take.
    const known = [...ALWAYS, "network"].some((name) => name === type);
    if (path === undefined && known) document.take("linux", "namespaces", index);
    if (path === undefined) types.add(type);
  });
  const losses = ALWAYS.filter((type) => !types.has(type)).map((type) => ({
    origin: "/linux/namespaces",
    message: `it shares the host's ${type} namespace; here it gets one of its own`,
  }));
  return { ...(types.has("network") ? {} : { network: "host" as const }), losses };
}
