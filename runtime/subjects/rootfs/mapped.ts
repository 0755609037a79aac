/** Layers of a container of root's that has ids of its own: their owners are to be its, not nobody's. */
import type { DesiredContainer, DesiredLayer, IdMap } from "../../../spec/model/desired.ts";
import type { Answers } from "../../plan/host.ts";
import type { Op } from "../../plan/ops/registry.ts";
import { originOf } from "../origin.ts";
import { imagesOf, passedMount } from "./images.ts";

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

const ROOT_SLOT = "layer root";

/**
 * A ready root. One that belongs to an id that the container has outside was made for it, as other runtimes want theirs, and is used
 * as it is: then `undefined`, as without ids.
 */
export function mappedRoot(
  { rootfs }: DesiredContainer,
  ids: LayerIds | undefined,
  { sources }: Pick<Answers, "sources">,
): MappedLayer | undefined {
  const { path } = rootfs;
  if (path === undefined || ids === undefined) return undefined;
  const owner = sources?.[path]?.uid;
  const isShifted = owner !== undefined &&
    ids.uids.some(({ outside, count }) => owner >= outside && owner < outside + count);
  return isShifted ? undefined : { slot: ROOT_SLOT, of: path };
}

/** True: whose the ready root is decides what is done with it. */
export function dependsOnRootOwner({ rootfs, userns }: DesiredContainer): boolean {
  return rootfs.path !== undefined && userns !== "default" && userns !== "host";
}

interface Mapping extends MappedLayer {
  readonly origin: string;
  readonly ro: boolean;
  readonly fd?: number;
  readonly recursive?: true;
}

/** The mounts, made by the stage; those of image files are the runner's, and get ids. */
export function mapOps(
  container: DesiredContainer,
  ids: LayerIds | undefined,
  { kept, answers }: {
    readonly kept: { readonly path: string; readonly origin: string } | undefined;
    readonly answers: Answers;
  },
): readonly Op[] {
  if (ids === undefined) return [];
  const all = mappingsOf(container, ids, answers);
  if (kept !== undefined) {
    all.push({ slot: UPPER_SLOT, of: kept.path, origin: kept.origin, ro: false });
  }
  return all.map(({ slot, of, origin, ro, ...how }, index): Op => ({
    kind: "layer.map",
    id: `rootfs/${slot}`,
    where: "stage",
    origin,
    path: of,
    slot,
    attributes: ro ? ["ro", "nosuid", "nodev"] : ["nosuid", "nodev"],
    ids,
    ...how,
    first: index === 0,
    last: index === all.length - 1,
  }));
}

function mappingsOf(container: DesiredContainer, ids: LayerIds, answers: Answers): Mapping[] {
  const layers = container.rootfs.layers.flatMap((layer): readonly Mapping[] => {
    const mapped = mappedLayer(container, layer, ids);
    return mapped === undefined ? [] : [{ ...mapped, origin: layer.origin, ro: layer.at !== "/" }];
  });
  const images = imagesOf(container).map((layer): Mapping => {
    const { fd, of } = passedMount(container, layer);
    return { slot: `image ${fd}`, of, origin: layer.origin, ro: true, fd };
  });
  const root = mappedRoot(container, ids, answers);
  if (root === undefined) return [...layers, ...images];
  const origin = originOf(container, "rootfs/path", "rootfs");
  return [...layers, ...images, { ...root, origin, ro: false, recursive: true }];
}

/** True: something of the root is the host's own, which is not mapped: that would show what is for its root alone. */
export function hasUnmapped({ rootfs }: DesiredContainer): boolean {
  return rootfs.layers.some(({ kind }) => kind === "host");
}
