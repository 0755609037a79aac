/** What a container has of others: layers from the store, namespaces of containers by name. Nothing is loaded for one without such. */
import type { DesiredContainer } from "../../spec/model/desired.ts";
import type { Host } from "../plan/host.ts";
import type { StoredLayers } from "./layers.ts";

type Stored = { readonly stored: StoredLayers } | undefined;

/** Unpacks what is not in the store yet. */
export function storedLayers(container: DesiredContainer): Promise<Stored> {
  return layersOf(container, { unpack: true });
}

/** Reads what is not in the store yet, and changes nothing: for a plan, on this machine or for `host`. */
export function surveyedLayers(container: DesiredContainer, host?: Host): Promise<Stored> {
  return layersOf(container, { unpack: false, ...(host === undefined ? {} : { host }) });
}

async function layersOf(
  container: DesiredContainer,
  options: { readonly unpack: boolean; readonly host?: Host },
): Promise<Stored> {
  const isStored = ({ kind }: { kind: string }): boolean => kind === "tar" || kind === "image";
  if (!container.rootfs.layers.some(isStored)) return undefined;
  const { lookUpLayers } = await import("./layers.ts");
  return { stored: await lookUpLayers(container, options) };
}

/** What opens the containers that it joins by name; nothing is loaded for a container that joins none. */
export async function joinedByName(
  container: DesiredContainer,
): Promise<{ readonly joined?: () => readonly number[] }> {
  if (Object.values(container.join).every((target) => typeof target === "string")) return {};
  const { openJoined } = await import("./joined.ts");
  return { joined: () => openJoined(container) };
}
