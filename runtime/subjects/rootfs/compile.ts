/** `rootfs:` → the mounts that make up the container's root, in the order in which they are made. */
import type { DesiredContainer, DesiredLayer } from "../../../spec/model/desired.ts";
import type { Answers, Host } from "../../plan/host.ts";
import type { Op } from "../../plan/ops/registry.ts";
import type { Loss } from "../../plan/plan.ts";
import { HostError } from "../../plan/host_error.ts";
import { DEFAULT, originOf } from "../origin.ts";
import { checkImages, isImage, passedMount } from "./images.ts";
import {
  type LayerIds,
  mapOps,
  type MappedLayer,
  mappedLayer,
  mappedRoot,
  UPPER_SLOT,
} from "./mapped.ts";
import { MOUNT_POINTS, systemOps } from "./system.ts";

export interface CompiledRootfs {
  /** On the host's side: the directory of an upper that is kept. */
  readonly stage: readonly Op[];
  /** In the container: its root, and what lies in it before /dev, /proc and /sys are mounted. */
  readonly container: readonly Op[];
  /** Nothing may be written when all is mounted. */
  readonly readOnly: boolean;
  readonly losses: readonly Loss[];
}

interface Layers {
  readonly system: DesiredLayer | undefined;
  /** Lowers of the overlay, lowest first. */
  readonly content: readonly DesiredLayer[];
  /** Mounts of their own. */
  readonly at: readonly DesiredLayer[];
}

export function compileRootfs(
  container: DesiredContainer,
  { host, ids }: { readonly host: Host; readonly ids?: LayerIds | undefined },
  answers: Answers,
): CompiledRootfs {
  const layers = sortLayers(container);
  const losses: Loss[] = [];
  checkCollisions(layers, answers);
  checkImages(container, host.privileged || ids !== undefined);
  const kept = keptUpper(container, answers);
  const ready = mappedRoot(container, ids, answers);
  const root = rootOp(container, { layers, host, ids, ready, kept: kept?.path, losses });
  const origin = layers.system?.origin ?? root.origin;
  const inner: readonly Op[] = layers.system === undefined
    ? mountPoints(root)
    : systemOps(host, { origin, hostname: container.hostname });
  return {
    stage: [
      ...kept?.ops ?? [],
      ...mapOps(container, ids, {
        kept: layers.content.length > 0 ? kept : undefined,
        answers,
      }),
    ],
    container: once([
      root,
      ...inner,
      ...layers.at.flatMap((layer) => atOps(container, layer, ids)),
      ...workdirOps(container),
    ]),
    readOnly: container.rootfs.writable.kind === "readonly",
    losses,
  };
}

/** A directory that several keys need is made for the first of them. */
function once(ops: readonly Op[]): readonly Op[] {
  const known = new Map<string, Op>();
  for (const op of ops) if (!known.has(op.id)) known.set(op.id, op);
  return [...known.values()];
}

function sortLayers(container: DesiredContainer): Layers {
  const { layers } = container.rootfs;
  const atRoot = layers.filter((layer) => layer.at === "/");
  return {
    system: atRoot.find((layer) => layer.kind === "host" && layer.host === "system"),
    content: atRoot.filter((layer) => !(layer.kind === "host" && layer.host === "system")),
    at: layers.filter((layer) => layer.at !== "/"),
  };
}

/** The binds of host: system lie over the overlay: a directory of a layer under one of them would vanish. */
function checkCollisions(layers: Layers, answers: Answers): void {
  if (layers.system === undefined) return;
  for (const layer of layers.content) {
    if (layer.kind !== "dir") continue;
    const hidden = answers.collisions?.[layer.dir]?.[0];
    if (hidden === undefined) continue;
    throw new HostError("LAYER_HIDDEN", {
      origin: layer.origin,
      message: `the layer has ${hidden}, which {host: system} would hide`,
      fix: `mount it elsewhere with at:, or use {host: /} below it`,
    });
  }
}

const UPPER_MODE = 0o700;

/** `writable: disk`: a directory by the container's name, kept after the run. */
function keptUpper(
  container: DesiredContainer,
  answers: Answers,
): { path: string; origin: string; ops: readonly Op[] } | undefined {
  const { path: whole, writable } = container.rootfs;
  // A rootfs that is used as it is keeps what is written to it by itself.
  if (whole !== undefined || writable.kind !== "disk") return undefined;
  const { keptAs = container.name } = writable;
  const origin = originOf(container, "rootfs/writable", "rootfs");
  const path = `${answers.dataDirectory}/uppers/${keptAs}`;
  const op = { where: "stage", origin } as const;
  return {
    path,
    origin,
    ops: [{ ...op, kind: "upper", id: "rootfs/upper", path, mode: UPPER_MODE }],
  };
}

interface RootParts {
  readonly layers: Layers;
  readonly host: Host;
  readonly ids: LayerIds | undefined;
  /** The mount of a ready root with ids of the container's. */
  readonly ready: MappedLayer | undefined;
  /** Where the disk that keeps what is written lies. */
  readonly kept: string | undefined;
  readonly losses: Loss[];
}

function rootOp(
  container: DesiredContainer,
  from: RootParts,
): Op {
  const { rootfs } = container;
  const common = { id: "rootfs", where: "container" } as const;
  if (rootfs.path !== undefined) {
    const origin = originOf(container, "rootfs/path", "rootfs");
    const slot = from.ready === undefined ? {} : { slot: from.ready.slot };
    return { ...common, kind: "mount.bind", origin, ...bindRoot(rootfs.path), ...slot };
  }
  const first = from.layers.content[0];
  if (first !== undefined) return overlayOp(container, first, from);
  const origin = originOf(container, "rootfs/writable", "rootfs");
  if (from.kept !== undefined) {
    return { ...common, kind: "mount.bind", origin, ...bindRoot(`${from.kept}/up`) };
  }
  const size = tmpfsSize(container);
  return {
    ...common,
    kind: "mount.new",
    origin,
    fs: "tmpfs",
    at: "/",
    options: [["mode", "0755"], ...(size === undefined ? [] : [["size", `${size}`] as const])],
    attributes: ["nosuid", "nodev"],
  };
}

function bindRoot(source: string): {
  source: string;
  at: string;
  target: "root";
  attributes: readonly ["nosuid", "nodev"];
  optional: false;
} {
  return { source, at: "/", target: "root", attributes: ["nosuid", "nodev"], optional: false };
}

function tmpfsSize(container: DesiredContainer): number | undefined {
  const { writable } = container.rootfs;
  return writable.kind === "tmpfs" ? writable.sizeBytes : undefined;
}

function overlayOp(
  container: DesiredContainer,
  first: DesiredLayer,
  from: RootParts,
): Op {
  const common = { id: "rootfs", where: "container", origin: first.origin } as const;
  const hostRoot = from.layers.content.find((layer) => layer.kind === "host");
  if (hostRoot !== undefined && !from.host.privileged) {
    return wholeHostByBind(container, hostRoot, from);
  }
  if (hostRoot !== undefined) {
    from.losses.push({
      code: "HOST_SUBMOUNTS_MISSING",
      origin: hostRoot.origin,
      message: "host: / shows the host's root file system; file systems mounted below it are empty",
    });
  }
  const size = tmpfsSize(container);
  return {
    ...common,
    kind: "mount.overlay",
    lowers: from.layers.content.map((layer) => {
      const mapped = mappedLayer(container, layer, from.ids);
      if (mapped !== undefined) return mapped;
      if (layer.kind === "dir") return layer.dir;
      return isImage(layer) ? passedMount(container, layer) : "/";
    }),
    // A read-only root gets an upper too, for mount points that the layers lack; it is closed at the end.
    upper: from.kept !== undefined
      ? {
        kind: "disk",
        path: from.kept,
        ...(from.ids === undefined ? {} : { slot: UPPER_SLOT }),
      }
      : { kind: "tmpfs", ...(size === undefined ? {} : { size }) },
    userxattr: !from.host.privileged,
  };
}

/** In a user namespace `/` can't be a layer of an overlay: its mounts are locked together. */
function wholeHostByBind(
  container: DesiredContainer,
  hostRoot: DesiredLayer,
  from: { layers: Layers; losses: Loss[] },
): Op {
  const other = from.layers.content.find((layer) => layer !== hostRoot);
  if (other !== undefined) {
    throw new HostError("HOST_ROOT_ALONE", {
      origin: other.origin,
      message: "in a user namespace {host: /} can't be combined with a layer at /",
      fix: "give the other layer an at:, or use {host: system}",
    });
  }
  if (container.rootfs.writable.kind !== "readonly") {
    from.losses.push({
      code: "HOST_ROOT_READ_ONLY",
      origin: hostRoot.origin,
      message: "in a user namespace {host: /} is read-only: nothing can be written to it",
      fix: "say writable: false, or use {host: system}",
    });
  }
  return {
    id: "rootfs",
    where: "container",
    origin: hostRoot.origin,
    kind: "mount.bind",
    source: "/",
    at: "/",
    target: "root",
    attributes: ["ro", "nosuid", "nodev"],
    optional: false,
  };
}

/** A root made of layers has what the layers have; only what is about to be mounted must have its place. */
function mountPoints(root: Op): readonly Op[] {
  if (root.kind === "mount.bind") return [];
  return MOUNT_POINTS.map((path) => ({
    kind: "directory",
    id: `rootfs${path}`,
    where: "container",
    origin: DEFAULT,
    path,
    mode: 0o755,
  }));
}

/** `/a/b` → a directory each for `/a` and `/a/b`. */
export function directoryOps(
  path: string,
  common: { where: "container"; origin: string; owner?: { uid: number; gid: number } },
): readonly Op[] {
  const parts = path.split("/").filter((part) => part !== "");
  return parts.map((_, index) => {
    const directory = `/${parts.slice(0, index + 1).join("/")}`;
    return {
      ...common,
      kind: "directory",
      id: `directory${directory}`,
      path: directory,
      mode: 0o755,
    };
  });
}

function atOps(
  container: DesiredContainer,
  layer: DesiredLayer,
  ids: LayerIds | undefined,
): readonly Op[] {
  const common = { where: "container", origin: layer.origin } as const;
  const mapped = mappedLayer(container, layer, ids);
  if (mapped !== undefined) {
    const id = `rootfs/at${layer.at}`;
    const { slot } = mapped;
    return [{ ...common, kind: "volume.attach", id, slot, at: layer.at, target: "directory" }];
  }
  if (isImage(layer)) {
    const { fd, of } = passedMount(container, layer);
    const id = `rootfs/at${layer.at}`;
    return [{
      ...common,
      kind: "volume.attach",
      id,
      slot: of,
      fd,
      at: layer.at,
      target: "directory",
    }];
  }
  return [
    ...directoryOps(layer.at, common),
    {
      ...common,
      kind: "mount.bind",
      id: `rootfs/at${layer.at}`,
      source: layer.kind === "dir" ? layer.dir : "/",
      at: layer.at,
      target: "directory",
      attributes: ["ro", "nosuid", "nodev"],
      optional: false,
    },
  ];
}

/** A working directory that is asked for is made where the root can be written. */
function workdirOps(container: DesiredContainer): readonly Op[] {
  if (container.rootfs.path !== undefined) return [];
  const asked = [
    [container.workdir, originOf(container, "workdir")],
    ...container.commands.map((command) => [command.workdir, `${command.origin}/workdir`]),
  ] as const;
  return asked.flatMap(([path, origin]) =>
    path === undefined || path === "/"
      ? []
      : directoryOps(path, { where: "container", origin: origin ?? DEFAULT })
  );
}
