import { join } from "../text/tree.ts";
import { containerPath, type Context, type Part, resolveHostPath } from "./context.ts";
import type { DesiredLayer, DesiredRootfs } from "./desired.ts";
import { ABSOLUTE_PATH, byType, HOST_PATH, list, map, type Schema, SIZE } from "./fragment.ts";
import { IMAGE_SCHEMA, readImage } from "./image.ts";
import { readSize } from "./quantity.ts";
import type { LayerSpec, RootfsSpec } from "./spec_type.ts";

const LAYER_KINDS: Readonly<Record<string, Schema>> = {
  host: {
    title: "Files of the host",
    description:
      "`system`: /usr, /bin, /sbin, /lib* and chosen files of /etc, read-only, nothing else of the host. `/`: the whole root, read-only below; must be asked for and is linted.",
    enum: ["system", "/"],
    examples: ["system"],
    "x-expects": "`system` or `/`",
  },
  dir: {
    title: "Directory",
    description: "A directory of the host, relative to the spec's directory or absolute.",
    ...HOST_PATH,
    examples: ["./site"],
  },
  tar: {
    title: "Archive",
    description: "A tar archive, plain or compressed by gzip or zstd. Unpacked once and kept.",
    ...HOST_PATH,
    examples: ["./root.tar.gz"],
  },
  image: IMAGE_SCHEMA,
  squashfs: {
    title: "squashfs",
    description: "A squashfs image file, mounted read-only through a loop device. Needs root.",
    ...HOST_PATH,
    examples: ["./root.squashfs"],
  },
  erofs: {
    title: "erofs",
    description:
      "An erofs image file, mounted read-only, without a loop device where the kernel can. Needs root.",
    ...HOST_PATH,
    examples: ["./root.erofs"],
  },
};

const LAYER: Schema = map({
  ...LAYER_KINDS,
  digest: {
    title: "Digest",
    description:
      "What the archive must be, byte for byte, or the image's manifest or index; for `tar` and `image`.",
    type: "string",
    pattern: "^sha256:[0-9a-f]{64}$",
    examples: [`sha256:${"0123456789abcdef".repeat(4)}`],
    "x-expects": "sha256: and 64 hexadecimal digits",
  },
  at: {
    title: "Place",
    description: "Where the layer is mounted in the container.",
    ...ABSOLUTE_PATH,
    default: "/",
    examples: ["/srv/www"],
  },
}, {
  oneOf: Object.keys(LAYER_KINDS).map((kind) => ({ required: [kind] })),
  "x-expects": "a layer such as {host: system} or {dir: ./site, at: /srv}",
});

/** OVL_MAX_STACK of the kernel (fs/overlayfs/params.c). */
const LAYERS_MAX = 500;

const WRITABLE = "tmpfs, {tmpfs: 1GiB}, disk or false";

export const ROOTFS_SCHEMA: Schema = map({
  layers: list(LAYER, {
    title: "Layers",
    description:
      "Lowest first. Layers at `/` are put on top of each other; a layer with `at` is a mount of its own.",
    minItems: 1,
    maxItems: LAYERS_MAX,
    default: [{ host: "system" }],
    examples: [[{ host: "system" }, { dir: "./site", at: "/srv/www" }]],
    "x-expects": "a list such as [{host: system}, {dir: ./site, at: /srv}]",
  }),
  writable: byType({
    string: { enum: ["tmpfs", "disk"] },
    boolean: { const: false, "x-expects": WRITABLE },
    object: map({
      tmpfs: { title: "Size", description: "At most this much.", ...SIZE, examples: ["1GiB"] },
    }, { required: ["tmpfs"] }),
  }, {
    title: "Writable",
    description:
      "Where writes go: `tmpfs` (gone with the container; `{tmpfs: 1GiB}` bounds it), `disk` (kept by the container's name; of a file with `containers:`, by its project's and its own), or `false` for a read-only root.",
    default: "tmpfs",
    examples: [{ tmpfs: "1GiB" }],
    "x-expects": WRITABLE,
  }),
  path: {
    title: "Ready root",
    description:
      "A directory that is the root as it is; instead of `layers` and `writable`. With `userns`, root shows it with the owners that it has on the disk, unless it belongs to an id that the container has outside.",
    ...HOST_PATH,
    examples: ["./rootfs"],
  },
}, {
  title: "File system",
  description: "What the container sees as its file system.",
  default: { layers: [{ host: "system" }], writable: "tmpfs" },
  examples: [{ layers: [{ host: "system" }, { dir: "./site", at: "/srv/www" }] }],
  "x-expects": "a map such as {layers: [{host: system}]}",
});

/** `rootfs:` → layers with absolute paths; the default is the host's system, writable in memory. */
export function normaliseRootfs(
  context: Context,
  part: Part<RootfsSpec | undefined>,
  keptAs: string,
): DesiredRootfs {
  const { value, pointer } = part;
  if (value?.path !== undefined) return normaliseReadyRoot(context, { value, pointer });
  const layers = (value?.layers ?? [{ host: "system" }]) as readonly LayerSpec[];
  const origin = value?.layers === undefined ? undefined : join(pointer, "layers");
  const normal = layers.map((layer, index) =>
    normaliseLayer(context, {
      value: layer,
      pointer: origin === undefined ? "default" : join(origin, index),
    })
  );
  checkHostLayers(context, normal);
  const writable = normaliseWritable(context, {
    value: value?.writable,
    pointer: join(pointer, "writable"),
  }, keptAs);
  return { layers: normal, writable };
}

function normaliseReadyRoot(context: Context, { value, pointer }: Part<RootfsSpec>): DesiredRootfs {
  for (const key of ["layers", "writable"] as const) {
    if (value[key] === undefined) continue;
    context.report({
      code: "CONTRADICTION",
      message: `\`${key}\` beside \`path\`: a ready root is used as it is`,
      pointer: join(pointer, key),
      part: "key",
      note: key === "layers"
        ? "to stack it, write it as a layer {dir: …}"
        : "leave one of them out",
    });
  }
  const path = resolveHostPath(context, {
    value: value.path ?? "",
    pointer: join(pointer, "path"),
  });
  // Writes land in the directory itself, which is on a disk and stays.
  return { layers: [], writable: { kind: "disk" }, path };
}

function normaliseLayer(context: Context, { value, pointer }: Part<LayerSpec>): DesiredLayer {
  const at = containerPath(context, { value: value.at ?? "/", pointer: join(pointer, "at") });
  const path = (text: string, key: string): string =>
    resolveHostPath(context, { value: text, pointer: join(pointer, key) });
  if ("tar" in value || "image" in value) return normaliseStored(context, { value, pointer }, at);
  if ("digest" in value) reportDigest(context, pointer);
  if ("host" in value) return { kind: "host", host: value.host, at, origin: pointer };
  if ("dir" in value) return { kind: "dir", dir: path(value.dir, "dir"), at, origin: pointer };
  const [kind, file] = "squashfs" in value
    ? ["squashfs" as const, value.squashfs]
    : ["erofs" as const, value.erofs];
  return { kind, image: path(file, kind), at, origin: pointer };
}

function normaliseStored(
  context: Context,
  { value, pointer }: Part<Extract<LayerSpec, { tar: string } | { image: string }>>,
  at: string,
): DesiredLayer {
  const common = {
    at,
    origin: pointer,
    ...(value.digest === undefined ? {} : { digest: value.digest }),
  };
  if ("tar" in value) {
    const tar = resolveHostPath(context, { value: value.tar, pointer: join(pointer, "tar") });
    return { kind: "tar", tar, ...common };
  }
  const image = readImage(context, { value: value.image, pointer: join(pointer, "image") });
  return { kind: "image", image, ...common };
}

function reportDigest(context: Context, pointer: string): void {
  context.report({
    code: "CONTRADICTION",
    message: "`digest` is for archives and images: nothing else has one",
    pointer: join(pointer, "digest"),
    part: "key",
    note: "leave it out",
  });
}

function checkHostLayers(context: Context, layers: readonly DesiredLayer[]): void {
  const seen = new Set<string>();
  for (const layer of layers) {
    if (layer.kind !== "host") continue;
    const pointer = layer.origin;
    if (layer.host === "/") {
      context.report({
        code: "HOST_ROOT",
        severity: "warning",
        message: "the container can read every file of the host that its user can",
        pointer: join(pointer, "host"),
        note: "`system` shows only /usr, /bin, /sbin, /lib* and chosen files of /etc",
      });
    }
    if (seen.has(layer.at)) {
      const message = `a second \`host\` layer at ${layer.at} hides the first`;
      context.report({ code: "CONTRADICTION", message, pointer, note: "leave one of them out" });
    }
    seen.add(layer.at);
  }
}

function normaliseWritable(
  context: Context,
  { value, pointer }: Part<RootfsSpec["writable"]>,
  keptAs: string,
): DesiredRootfs["writable"] {
  if (value === false) return { kind: "readonly" };
  if (value === "disk") return { kind: "disk", keptAs };
  if (typeof value !== "object") return { kind: "tmpfs" };
  const sizeBytes = readSize(context, { value: value.tmpfs, pointer: join(pointer, "tmpfs") });
  return sizeBytes === undefined ? { kind: "tmpfs" } : { kind: "tmpfs", sizeBytes };
}
