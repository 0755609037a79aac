/** `rootfs`, `hostname` ⇄ `root`, `mounts`, `hostname`, masked paths. */
import type { DesiredContainer } from "../model/desired.ts";
import type { RootfsSpec } from "../model/spec_type.ts";
import type { Value } from "../text/tree.ts";
import type { OciMount, OciPart } from "./config.ts";
import { type Document, isText, texts } from "./document.ts";
import type { OciBundle, OciFacts, OciImportOptions } from "./facts.ts";
import { type OciLoss, originOf, type Said } from "./loss.ts";

const LOCKED = ["nosuid", "noexec", "nodev"] as const;

/** What every container gets, in our sizes and modes. */
const KERNEL_MOUNTS: readonly OciMount[] = [
  { destination: "/proc", type: "proc", source: "proc", options: LOCKED },
  { destination: "/sys", type: "sysfs", source: "sysfs", options: [...LOCKED, "ro"] },
  {
    destination: "/sys/fs/cgroup",
    type: "cgroup",
    source: "cgroup",
    options: [...LOCKED, "relatime", "ro"],
  },
  {
    destination: "/dev",
    type: "tmpfs",
    source: "tmpfs",
    options: ["nosuid", "noexec", "mode=755", "size=64k"],
  },
  {
    destination: "/dev/pts",
    type: "devpts",
    source: "devpts",
    options: ["nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620", "gid=5"],
  },
  {
    destination: "/dev/shm",
    type: "tmpfs",
    source: "tmpfs",
    options: [...LOCKED, "mode=1777", "size=65536k"],
  },
  { destination: "/dev/mqueue", type: "mqueue", source: "mqueue", options: LOCKED },
];

export function rootfsToOci(
  container: DesiredContainer,
  facts: OciFacts,
): Said<OciPart> & { readonly bundle: OciBundle } {
  const { rootfs } = container;
  const readonly = rootfs.writable.kind === "readonly";
  const { directories, symlinks, files, mounts } = facts.root;
  const root = bundleRoot(container);
  return {
    part: {
      root: { path: root.kind === "directory" ? root.path : "rootfs", readonly },
      // The name of another's namespace is not ours to change.
      ...(container.join.uts === undefined ? { hostname: container.hostname } : {}),
      mounts: [
        ...mounts,
        ...KERNEL_MOUNTS.filter(({ type }) => type !== "cgroup" || facts.groupsMounted),
        ...facts.devices?.nodes ?? [],
        ...facts.volumes,
      ],
      linux: { maskedPaths: facts.hidden, readonlyPaths: facts.readOnly },
    },
    losses: [...rootLosses(container, root), ...mappedLosses(container, facts)],
    bundle: {
      root,
      directories: directories.map(({ path, mode }) => ({ path, mode })),
      symlinks: symlinks.map(({ path, target }) => ({ path, target })),
      files: files.map(({ path, mode, text }) => ({ path, mode, text })),
    },
  };
}

function bundleRoot({ rootfs }: DesiredContainer): OciBundle["root"] {
  if (rootfs.path !== undefined) return { kind: "directory", path: rootfs.path };
  const lowers = rootfs.layers.filter(({ at }) => at === "/")
    .flatMap((layer) => {
      if (layer.kind === "dir") return [layer.dir];
      if (layer.kind === "squashfs" || layer.kind === "erofs") return [layer.image];
      // Settled before: they are directories by now.
      if (layer.kind !== "host") return [];
      return layer.host === "/" ? ["/"] : [];
    });
  if (lowers.length > 0) return { kind: "overlay", lowers };
  const { writable } = rootfs;
  return {
    kind: "tmpfs",
    ...(writable.kind === "tmpfs" && writable.sizeBytes !== undefined
      ? { sizeBytes: writable.sizeBytes }
      : {}),
  };
}

function rootLosses(container: DesiredContainer, root: OciBundle["root"]): readonly OciLoss[] {
  const origin = originOf(container.origins, "rootfs/layers", "rootfs");
  const writable = originOf(container.origins, "rootfs/writable", "rootfs");
  const losses: OciLoss[] = container.rootfs.layers.flatMap((layer) =>
    layer.kind !== "squashfs" && layer.kind !== "erofs" ? [] : [{
      origin: layer.origin,
      message: `OCI mounts no image file: ${layer.image} must be mounted ` +
        (layer.at === "/" ? "where it is named" : `at rootfs${layer.at}`),
      fix: `mount -t ${layer.kind} -o loop,ro ${layer.image} DIRECTORY`,
    }]
  );
  if (root.kind === "overlay") {
    losses.push({
      origin,
      message: "OCI takes one directory as root: the layers must lie in it, or be mounted there",
      fix: `mount -t overlay -o lowerdir=${[...root.lowers].reverse().join(":")},… rootfs`,
    });
  }
  if (root.kind === "tmpfs") {
    losses.push({
      origin,
      message: "OCI makes no files in a root: symlinks and files of it must be in the bundle",
      fix: "`plan --diff` lists them",
    });
  }
  if (root.kind !== "directory" && container.rootfs.writable.kind === "disk") {
    losses.push({
      origin: writable,
      message: "OCI keeps nothing by name: what is written stays in the bundle, as long as it does",
      fix: "keep the bundle's directory, or mount one that is kept at `rootfs`",
    });
  }
  if (root.kind !== "directory" && container.rootfs.writable.kind === "tmpfs") {
    losses.push({
      origin: writable,
      message:
        "what is written to the root stays in the bundle; here it is gone with the container",
      fix: "mount a tmpfs at `rootfs` for each run",
    });
  }
  return losses;
}

/** Of the container's ids, where a runtime is given the layers put together. */
function mappedLosses(
  { origins }: DesiredContainer,
  { mappedLayers }: OciFacts,
): readonly OciLoss[] {
  return mappedLayers.map((path) => ({
    origin: originOf(origins, "userns", "rootfs/layers", "rootfs"),
    message: `OCI maps no ids below a root: the files of ${path} must belong to the ids outside`,
    fix: `mount --bind -o X-mount.idmap=… ${path} LAYER, and put that under the overlay`,
  }));
}

/** `root.path` → `rootfs: {path}`; the kernel's own file systems are the same in every container here. */
export function rootfsFromOci(
  document: Document,
  { bundle, hidden, readOnly }: OciImportOptions,
): {
  readonly rootfs?: RootfsSpec;
  readonly hostname?: string;
  readonly losses: readonly OciLoss[];
} {
  const path = document.take("root", "path");
  const hostname = document.take("hostname");
  takeKernelMounts(document);
  const losses: OciLoss[] = [];
  if (document.take("root", "readonly") === true) {
    losses.push({ origin: "/root/readonly", message: "a ready root is used as it is: writable" });
  }
  // What is hidden here is hidden in every container; only more is a loss.
  takeKnown(document, { key: "maskedPaths", known: hidden });
  takeKnown(document, { key: "readonlyPaths", known: readOnly });
  return {
    ...(isText(path)
      ? { rootfs: { path: path.startsWith("/") ? path : `${bundle}/${path}` } }
      : {}),
    ...(isText(hostname) ? { hostname } : {}),
    losses,
  };
}

function takeKnown(
  document: Document,
  { key, known }: { readonly key: string; readonly known: readonly string[] },
): void {
  texts(document.peek("linux", key)).forEach((path, index) => {
    if (known.includes(path)) document.take("linux", key, index);
  });
}

function takeKernelMounts(document: Document): void {
  const value = document.peek("mounts");
  const list = Array.isArray(value) ? value as readonly Value[] : [];
  list.forEach((_, index) => {
    const same = KERNEL_MOUNTS.find(({ destination, type }) =>
      document.peek("mounts", index, "destination") === destination &&
      document.peek("mounts", index, "type") === type
    );
    if (same === undefined) return;
    for (const key of ["destination", "type", "source"]) document.take("mounts", index, key);
    const said = [...texts(document.peek("mounts", index, "options"))].sort().join(",");
    if (said === [...same.options ?? []].sort().join(",")) {
      document.take("mounts", index, "options");
    }
  });
}
