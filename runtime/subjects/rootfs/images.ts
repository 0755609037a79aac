/** Layers that are image files: the runner mounts each, and hands the mount over by descriptor, behind the secrets. */
import type { DesiredContainer, DesiredLayer } from "../../../spec/model/desired.ts";
import { HostError } from "../../plan/host_error.ts";
import type { PassedMount } from "../../plan/ops/overlay.ts";
import { FIRST_PASSED_FD } from "../../plan/report.ts";

export type ImageLayer = Extract<DesiredLayer, { readonly image: string }>;

export const isImage = (layer: DesiredLayer): layer is ImageLayer =>
  layer.kind === "squashfs" || layer.kind === "erofs";

/** Image files in the order in which they are handed over. */
export function imagesOf({ rootfs }: DesiredContainer): readonly ImageLayer[] {
  return rootfs.layers.filter(isImage);
}

/** The descriptor that the layer's mount has in the container's first process. */
export function passedMount(container: DesiredContainer, layer: ImageLayer): PassedMount {
  const index = imagesOf(container).indexOf(layer);
  return { fd: FIRST_PASSED_FD + container.secrets.length + index, of: layer.image };
}

/**
 * A file system of a disk is never mounted by a user namespace: its bytes would be the user's against the kernel. `isRoots`: the runner
 * is root, and mounts it for the container, whichever ids that has.
 */
export function checkImages(container: DesiredContainer, isRoots: boolean): void {
  const [first] = imagesOf(container);
  if (first === undefined || isRoots) return;
  const tool = first.kind === "squashfs" ? "unsquashfs -d DIR" : "fsck.erofs --extract=DIR";
  throw new HostError("IMAGE_NEEDS_ROOT", {
    origin: first.origin,
    message: `only root can mount a ${first.kind} image`,
    fix: `unpack it (${tool} ${first.image}) and use {dir: DIR}, or run as root`,
  });
}
