/** Layers of a container of root's that has ids of its own: their owners are to be its, not nobody's. */
import type { DesiredContainer, DesiredLayer, IdMap } from "../../../spec/model/desired.ts";
import type { Op } from "../../plan/ops/registry.ts";

/** Owners on the disk (`inside`) → ids of the host that the container has. */
export interface LayerIds {
  readonly uids: readonly IdMap[];
  readonly gids: readonly IdMap[];
}

/** What is mapped: a directory, with the slot of its mount. */
export interface MappedLayer {
  readonly slot: string;
  readonly of: string;
}

/** `undefined`: the layer is no directory, or has no ids to be mapped to. */
export function mappedLayer(
  { rootfs }: DesiredContainer,
  layer: DesiredLayer,
  ids: LayerIds | undefined,
): MappedLayer | undefined {
  if (ids === undefined || layer.kind !== "dir") return undefined;
  return { slot: `layer ${rootfs.layers.indexOf(layer)}`, of: layer.dir };
}

/** The slot of an upper that is kept: what is written there is the container's root's as it is the disk's. */
export const UPPER_SLOT = "layer upper";

/** The mounts, made by the stage. */
export function mapOps(
  container: DesiredContainer,
  ids: LayerIds | undefined,
  kept: { readonly path: string; readonly origin: string } | undefined,
): readonly Op[] {
  if (ids === undefined) return [];
  const layers = container.rootfs.layers.flatMap((layer) => {
    const mapped = mappedLayer(container, layer, ids);
    return mapped === undefined ? [] : [{ ...mapped, origin: layer.origin, ro: layer.at !== "/" }];
  });
  const upper = kept === undefined
    ? []
    : [{ slot: UPPER_SLOT, of: kept.path, origin: kept.origin, ro: false }];
  const all = [...layers, ...upper];
  return all.map(({ slot, of, origin, ro }, index): Op => ({
    kind: "layer.map",
    id: `rootfs/${slot}`,
    where: "stage",
    origin,
    path: of,
    slot,
    attributes: ro ? ["ro", "nosuid", "nodev"] : ["nosuid", "nodev"],
    ids,
    first: index === 0,
    last: index === all.length - 1,
  }));
}

/** True: something of the root is neither mapped nor made by the container itself. */
export function hasUnmapped({ rootfs }: DesiredContainer): boolean {
  return rootfs.path !== undefined || rootfs.layers.length === 0 ||
    rootfs.layers.some(({ kind }) => kind !== "dir");
}
