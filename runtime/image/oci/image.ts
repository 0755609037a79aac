/** A local image → its config and its layers, every document compared with the digest that names it. */
import { ImageError } from "../error.ts";
import { checkDigest } from "../store.ts";
import type { Range } from "../source.ts";
import {
  type Config,
  CONFIG_BYTES_MAX,
  type Descriptor,
  invalid,
  type Json,
  list,
  type Manifest,
  MANIFEST_BYTES_MAX,
  parseJson,
  readConfig,
  readDocument,
  readManifests,
  text,
} from "./documents.ts";
import { type ImageFiles, openFiles, readWhole, sha256 } from "./files.ts";

export interface ImageWanted {
  readonly form: "path" | "oci" | "oci-archive" | "docker-archive";
  readonly path: string;
  readonly reference?: string;
  /** What the manifest or index must be. */
  readonly digest?: string;
  /** As Go names it: amd64, arm64. */
  readonly architecture: string;
}

export interface ImageLayer {
  readonly range: Range;
  /** Of the layer's bytes as they lie there; absent where the image does not say. */
  readonly digest?: string;
  readonly diffId: string;
}

export interface OpenImage extends Disposable {
  readonly config: Config;
  /** Digest of the manifest, or of the config where there is none. */
  readonly digest: string;
  /** Lowest first. */
  readonly layers: readonly ImageLayer[];
  readonly watched: ImageFiles["watched"];
}

/** @throws ImageError when it is not there, not valid, not for this processor, or not what the digests say. */
export async function openImage(wanted: ImageWanted): Promise<OpenImage> {
  const files = await openFiles(wanted.path);
  try {
    const isDocker = wanted.form === "docker-archive" ||
      (wanted.form === "path" && files.find("oci-layout") === undefined &&
        files.find("manifest.json") !== undefined);
    const image = isDocker ? readDocker(files, wanted) : readLayout(files, wanted);
    checkPlatform(image.config, wanted);
    return { ...image, watched: files.watched, [Symbol.dispose]: () => files[Symbol.dispose]() };
  } catch (error) {
    files[Symbol.dispose]();
    throw error;
  }
}

type Image = Pick<OpenImage, "config" | "digest" | "layers">;

function checkPlatform({ os, architecture }: Config, wanted: ImageWanted): void {
  if (os === "linux" && architecture === wanted.architecture) return;
  throw new ImageError(
    "IMAGE_PLATFORM",
    `the image is for ${os}/${architecture}, this machine is linux/${wanted.architecture}`,
  );
}

const blobPath = (digest: string): string =>
  `blobs/${checkDigest(digest, "a blob").replace(":", "/")}`;

/** A document by its descriptor. @throws ImageError unless it is as long as it says and has the digest. */
function readBlob(files: ImageFiles, { digest, size }: Descriptor, max: number): Json {
  if (size > max) throw invalid(`a document of ${size} bytes, and ${max} are the most`);
  const bytes = readWhole(files, blobPath(digest), max);
  const found = sha256(bytes);
  if (bytes.length !== size || found !== digest) {
    throw new ImageError(
      "DIGEST_MISMATCH",
      `a document of the image has the digest ${found}, not ${digest}`,
    );
  }
  return parseJson(bytes, "a document");
}

function readLayout(files: ImageFiles, wanted: ImageWanted): Image {
  const layout = parseJson(readWhole(files, "oci-layout", MANIFEST_BYTES_MAX), "oci-layout");
  if (layout["imageLayoutVersion"] !== "1.0.0") throw invalid("its layout is not of version 1.0.0");
  const index = parseJson(readWhole(files, "index.json", MANIFEST_BYTES_MAX), "index.json");
  const top = choose(readManifests(index), wanted);
  const { manifest, digests } = followIndex(files, top, wanted);
  if (wanted.digest !== undefined && !digests.includes(wanted.digest)) {
    throw new ImageError(
      "DIGEST_MISMATCH",
      `the image has the digest ${top.digest}, not ${wanted.digest}`,
    );
  }
  const config = readConfig(readBlob(files, manifest.config, CONFIG_BYTES_MAX));
  if (config.diffIds.length !== manifest.layers.length) {
    throw invalid("manifest and config have not the same number of layers");
  }
  const layers = manifest.layers.map(({ digest, size }, index): ImageLayer => {
    const range = files.find(blobPath(digest));
    if (range === undefined) throw invalid(`it has no layer ${digest}`);
    if (range.size !== size) {
      throw new ImageError(
        "DIGEST_MISMATCH",
        `the layer ${digest} has ${range.size} bytes, not ${size}`,
      );
    }
    return { range, digest, diffId: config.diffIds[index] ?? "" };
  });
  return { config, digest: digests[digests.length - 1] ?? top.digest, layers };
}

const NAMES = ["org.opencontainers.image.ref.name", "io.containerd.image.name"] as const;

const namesOf = ({ annotations }: Descriptor): readonly string[] =>
  NAMES.flatMap((key) => annotations[key] ?? []);

/** Which image of the index: by the user's reference or digest, else the only one. A tag is never taken from elsewhere. */
function choose(manifests: readonly Descriptor[], wanted: ImageWanted): Descriptor {
  const { reference, digest, path } = wanted;
  const pinned = manifests.filter((one) => one.digest === digest);
  const candidates = reference !== undefined
    ? manifests.filter((one) => namesOf(one).includes(reference))
    : pinned.length > 0
    ? pinned
    : manifests;
  const distinct = new Map(candidates.map((one) => [one.digest, one]));
  const [only] = distinct.values();
  if (only !== undefined && distinct.size === 1) return only;
  const names = manifests.flatMap(namesOf);
  if (only === undefined) {
    throw new ImageError(
      "IMAGE_NOT_FOUND",
      reference === undefined ? `${path} has no image` : `${path} has no image "${reference}"`,
      names.length === 0 ? {} : { fix: `it has: ${names.slice(0, 10).join(", ")}` },
    );
  }
  return choosePlatform([...distinct.values()], wanted) ?? ambiguous(path, names);
}

function ambiguous(path: string, names: readonly string[]): never {
  throw new ImageError("IMAGE_AMBIGUOUS", `${path} has several images`, {
    fix: names.length === 0 ? "say which by digest:" : `say which: oci:${path}:${names[0]}`,
  });
}

/** The one for this processor, if it is only one. */
function choosePlatform(
  manifests: readonly Descriptor[],
  { architecture }: ImageWanted,
): Descriptor | undefined {
  const fitting = manifests.filter(({ platform }) =>
    platform?.os === "linux" && platform.architecture === architecture
  );
  return fitting.length === 1 ? fitting[0] : undefined;
}

/** An index may list an index; more than that is no image. */
const INDEXES_MAX = 3;

function followIndex(
  files: ImageFiles,
  top: Descriptor,
  wanted: ImageWanted,
): { readonly manifest: Manifest; readonly digests: readonly string[] } {
  const digests: string[] = [];
  let at = top;
  for (let depth = 0; depth < INDEXES_MAX; depth++) {
    digests.push(at.digest);
    const document = readDocument(readBlob(files, at, MANIFEST_BYTES_MAX), at.mediaType);
    if ("layers" in document) return { manifest: document, digests };
    const images = document.manifests.filter(({ platform }) => platform?.os !== "unknown");
    const [only] = images;
    const next = choosePlatform(images, wanted) ?? (images.length === 1 ? only : undefined);
    if (next === undefined) {
      const have = images.map(({ platform }) => `${platform?.os}/${platform?.architecture}`);
      throw new ImageError(
        "IMAGE_PLATFORM",
        `the image has nothing for linux/${wanted.architecture}, only for ${
          have.slice(0, 10).join(", ")
        }`,
      );
    }
    at = next;
  }
  throw invalid("its index lists indexes of indexes");
}

/** What `docker save` writes: manifest.json with the names of the files. */
function readDocker(files: ImageFiles, wanted: ImageWanted): Image {
  const bytes = readWhole(files, "manifest.json", MANIFEST_BYTES_MAX);
  const entries = list(parseJson(wrap(bytes), "manifest.json")["list"], "manifest.json")
    .map((item) => item as Json);
  const named = entries.map((entry) => ({
    entry,
    tags: list(entry["RepoTags"] ?? [], "RepoTags").map((tag) => text(tag, "a tag")),
  }));
  const { reference } = wanted;
  const candidates = reference === undefined
    ? named
    : named.filter(({ tags }) => tags.includes(reference));
  const [only] = candidates;
  const all = named.flatMap(({ tags }) => tags);
  if (only === undefined) {
    throw new ImageError("IMAGE_NOT_FOUND", `${wanted.path} has no image "${reference ?? ""}"`, {
      fix: `it has: ${all.slice(0, 10).join(", ")}`,
    });
  }
  if (candidates.length > 1) ambiguous(wanted.path, all);
  return readDockerImage(files, only.entry, wanted);
}

/** A document that is a list, as an object. */
function wrap(bytes: Uint8Array): Uint8Array {
  const before = new TextEncoder().encode('{"list":');
  const out = new Uint8Array(before.length + bytes.length + 1);
  out.set(before);
  out.set(bytes, before.length);
  out[out.length - 1] = 0x7d;
  return out;
}

function readDockerImage(files: ImageFiles, entry: Json, wanted: ImageWanted): Image {
  const path = text(entry["Config"], "the config's name");
  const bytes = readWhole(files, path, CONFIG_BYTES_MAX);
  const digest = sha256(bytes);
  // The config is named by its digest: that is the image's id.
  const said = /([0-9a-f]{64})(\.json)?$/.exec(path)?.[1];
  const expected = wanted.digest ?? (said === undefined ? digest : `sha256:${said}`);
  if (expected !== digest) {
    throw new ImageError(
      "DIGEST_MISMATCH",
      `the image's config has the digest ${digest}, not ${expected}`,
    );
  }
  const config = readConfig(parseJson(bytes, "the config"));
  const names = list(entry["Layers"], "the list of layers").map((one) =>
    text(one, "a layer's name")
  );
  if (names.length !== config.diffIds.length) {
    throw invalid("manifest and config have not the same number of layers");
  }
  const layers = names.map((name, index): ImageLayer => {
    const range = files.find(name);
    if (range === undefined) throw invalid(`it has no layer ${name.slice(0, 100)}`);
    return { range, diffId: config.diffIds[index] ?? "" };
  });
  return { config, digest, layers };
}
