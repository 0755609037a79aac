/** OCI layouts and `docker save` archives, made in code. */
import { createHash } from "node:crypto";
import { mkdirSync, writeFileSync } from "node:fs";
import { gzipSync } from "node:zlib";
import { archive, entry, latin1 } from "./tar.ts";

export const sha256 = (bytes: Uint8Array): string =>
  `sha256:${createHash("sha256").update(bytes).digest("hex")}`;

const encode = (value: unknown): Uint8Array => new TextEncoder().encode(JSON.stringify(value));

export interface ImageParts {
  /** Archives, lowest first. */
  readonly layers: readonly Uint8Array[];
  readonly config?: Readonly<Record<string, unknown>>;
  /** Default: this machine's. */
  readonly architecture?: string;
  readonly os?: string;
  readonly tag?: string;
  readonly compress?: (layer: Uint8Array) => { bytes: Uint8Array; suffix: string };
}

export const goArchitecture = (): string => process.arch === "arm64" ? "arm64" : "amd64";

const gzip = (layer: Uint8Array) => ({ bytes: gzipSync(layer), suffix: "+gzip" });

export interface Layout {
  /** Path in the layout → bytes. */
  readonly files: Map<string, Uint8Array>;
  /** Descriptor of the manifest, as it stands in an index. */
  readonly manifest: Record<string, unknown> & { digest: string };
  readonly diffIds: readonly string[];
  readonly config: Uint8Array;
}

function blob(files: Layout["files"], bytes: Uint8Array, mediaType: string) {
  const digest = sha256(bytes);
  files.set(`blobs/${digest.replace(":", "/")}`, bytes);
  return { mediaType, digest, size: bytes.length };
}

/** One image; `files` lacks the index. */
export function image(parts: ImageParts, files: Layout["files"] = new Map()): Layout {
  const { layers, compress = gzip } = parts;
  const diffIds = layers.map(sha256);
  const config = encode({
    architecture: parts.architecture ?? goArchitecture(),
    os: parts.os ?? "linux",
    config: parts.config ?? {},
    rootfs: { type: "layers", diff_ids: diffIds },
  });
  const manifest = encode({
    schemaVersion: 2,
    mediaType: "application/vnd.oci.image.manifest.v1+json",
    config: blob(files, config, "application/vnd.oci.image.config.v1+json"),
    layers: layers.map((layer) => {
      const { bytes, suffix } = compress(layer);
      return blob(files, bytes, `application/vnd.oci.image.layer.v1.tar${suffix}`);
    }),
  });
  const descriptor = blob(files, manifest, "application/vnd.oci.image.manifest.v1+json");
  return {
    files,
    diffIds,
    config,
    manifest: {
      ...descriptor,
      ...(parts.tag === undefined
        ? {}
        : { annotations: { "org.opencontainers.image.ref.name": parts.tag } }),
    },
  };
}

/** Adds oci-layout and index.json. */
export function layout(files: Layout["files"], manifests: readonly unknown[]): Layout["files"] {
  files.set("oci-layout", encode({ imageLayoutVersion: "1.0.0" }));
  files.set("index.json", encode({ schemaVersion: 2, manifests }));
  return files;
}

export function writeLayout(directory: string, files: Layout["files"]): void {
  mkdirSync(`${directory}/blobs/sha256`, { recursive: true });
  for (const [path, bytes] of files) writeFileSync(`${directory}/${path}`, bytes);
}

/** The files as one archive. */
export function asArchive(files: Layout["files"]): Uint8Array {
  return archive(...[...files].map(([name, data]) => entry({ name, data })));
}

/** What `docker save` wrote before it wrote layouts. */
export function dockerArchive(
  { layers, config }: { readonly layers: readonly Uint8Array[]; readonly config: Uint8Array },
  tags: readonly string[],
): Uint8Array {
  const name = `${sha256(config).slice("sha256:".length)}.json`;
  const names = layers.map((_, index) => `${index}/layer.tar`);
  return archive(
    entry({ name, data: config }),
    ...layers.map((data, index) => entry({ name: names[index] ?? "", data })),
    entry({
      name: "manifest.json",
      data: latin1(JSON.stringify([{ Config: name, RepoTags: tags, Layers: names }])),
    }),
  );
}
