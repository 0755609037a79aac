/** What a container has of others: layers from the store, namespaces of containers by name. Nothing is loaded for one without such. */
import { RENAME_NOREPLACE } from "../../ffi/abi/fcntl.ts";
import { renameat2 } from "../../ffi/calls/path.ts";
import { check } from "../../ffi/linux/run.ts";
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
  if (!hasStored(container)) return undefined;
  const { lookUpLayers } = await import("./layers.ts");
  return { stored: await lookUpLayers(container, options) };
}

const hasStored = ({ rootfs }: DesiredContainer): boolean =>
  rootfs.layers.some(({ kind }) => kind === "tar" || kind === "image");

/**
 * Another path for the directory of its records, which says what of the store is its own. Throws ContainervError, and SyscallError when
 * there is one already.
 */
export async function moveRecords(
  container: DesiredContainer,
  { from, to }: { readonly from: string; readonly to: string },
): Promise<void> {
  const move = (): void => {
    check(renameat2({ oldpath: from, newpath: to, flags: RENAME_NOREPLACE }));
  };
  if (!hasStored(container)) return move();
  await (await import("./layers.ts")).moveLayers({ from, to }, move);
}

/** What opens the containers that it joins by name; nothing is loaded for a container that joins none. */
export async function joinedByName(
  container: DesiredContainer,
): Promise<{ readonly joined?: () => readonly number[] }> {
  if (Object.values(container.join).every((target) => typeof target === "string")) return {};
  const { openJoined } = await import("./joined.ts");
  return { joined: () => openJoined(container) };
}
