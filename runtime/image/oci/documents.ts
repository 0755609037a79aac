/** Index, manifest, config: what they must be before anything of them is used. Source: OCI image specification 1.1. */
import { ImageError } from "../error.ts";
import { checkDigest } from "../store.ts";

/** Security case T13. */
export const MANIFEST_BYTES_MAX = 4 << 20;
export const CONFIG_BYTES_MAX = 8 << 20;
const LAYERS_MAX = 127;
const MANIFESTS_MAX = 1000;

export type Json = { readonly [key: string]: unknown };

export interface Descriptor {
  readonly mediaType: string;
  readonly digest: string;
  readonly size: number;
  readonly platform?: { readonly os: string; readonly architecture: string };
  readonly annotations: Readonly<Record<string, string>>;
}

export interface Manifest {
  readonly config: Descriptor;
  readonly layers: readonly Descriptor[];
}

export interface Config {
  readonly os: string;
  readonly architecture: string;
  readonly diffIds: readonly string[];
  readonly entrypoint: readonly string[];
  readonly cmd: readonly string[];
  readonly environment: Readonly<Record<string, string>>;
  readonly user: string;
  readonly workdir: string;
  readonly stopSignal?: string;
  readonly labels: Readonly<Record<string, string>>;
}

export function invalid(message: string): ImageError {
  return new ImageError("IMAGE_INVALID", `the image is not valid: ${message}`);
}

export function parseJson(bytes: Uint8Array, what: string): Json {
  let value: unknown;
  try {
    value = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
  } catch {
    throw invalid(`${what} is no JSON`);
  }
  return object(value, what);
}

function object(value: unknown, what: string): Json {
  if (typeof value === "object" && value !== null && !Array.isArray(value)) return value as Json;
  throw invalid(`${what} is no object`);
}

export function list(value: unknown, what: string): readonly unknown[] {
  if (Array.isArray(value)) return value;
  throw invalid(`${what} is no list`);
}

/** Text for the kernel and for files: no NUL. */
export function text(value: unknown, what: string): string {
  if (typeof value === "string" && !value.includes("\0")) return value;
  throw invalid(`${what} is no text`);
}

function texts(value: unknown, what: string): readonly string[] {
  if (value === undefined || value === null) return [];
  return list(value, what).map((item) => text(item, what));
}

function record(value: unknown, what: string): Readonly<Record<string, string>> {
  if (value === undefined || value === null) return {};
  return Object.fromEntries(
    Object.entries(object(value, what)).map(([key, item]) => [text(key, what), text(item, what)]),
  );
}

export function readDescriptor(value: unknown, what: string): Descriptor {
  const { mediaType, digest, size, platform, annotations } = object(value, what);
  if (!Number.isSafeInteger(size) || (size as number) < 0) throw invalid(`${what} has no size`);
  return {
    mediaType: text(mediaType ?? "", `the media type of ${what}`),
    digest: checkDigest(digest, what),
    size: size as number,
    annotations: record(annotations, `an annotation of ${what}`),
    ...(platform === undefined ? {} : { platform: readPlatform(platform) }),
  };
}

function readPlatform(value: unknown): { os: string; architecture: string } {
  const { os, architecture } = object(value, "a platform");
  return { os: text(os, "a platform"), architecture: text(architecture, "a platform") };
}

const INDEX_TYPES = [
  "application/vnd.oci.image.index.v1+json",
  "application/vnd.docker.distribution.manifest.list.v2+json",
];
const MANIFEST_TYPES = [
  "application/vnd.oci.image.manifest.v1+json",
  "application/vnd.docker.distribution.manifest.v2+json",
];

/**
 * An index or a manifest. One that could be taken for both is refused, as is one that is not what its descriptor says
 * (security case T11).
 */
export function readDocument(
  json: Json,
  mediaType: string,
): { readonly manifests: readonly Descriptor[] } | Manifest {
  const said = json["mediaType"];
  if (said !== undefined && said !== mediaType && mediaType !== "") {
    throw invalid(`a document of type ${mediaType} says that it is ${String(said).slice(0, 80)}`);
  }
  const type = mediaType === "" ? String(said ?? "") : mediaType;
  const isIndex = INDEX_TYPES.includes(type);
  if (!isIndex && !MANIFEST_TYPES.includes(type)) {
    throw invalid(`documents of the type "${type.slice(0, 80)}" are no image`);
  }
  if (json["manifests"] !== undefined && (json["layers"] ?? json["config"]) !== undefined) {
    throw invalid("a document is an index and a manifest at once");
  }
  return isIndex ? { manifests: readManifests(json) } : readManifest(json);
}

export function readManifests(json: Json): readonly Descriptor[] {
  if ((json["layers"] ?? json["config"]) !== undefined) {
    throw invalid("a document is an index and a manifest at once");
  }
  const manifests = list(json["manifests"], "an index's list");
  if (manifests.length > MANIFESTS_MAX) throw invalid("an index lists more than 1000 images");
  return manifests.map((item) => readDescriptor(item, "an image of the index"));
}

const LAYER_TYPE =
  /^application\/vnd\.(oci\.image\.layer\.(nondistributable\.)?v1\.tar(\+gzip|\+zstd)?|docker\.image\.rootfs\.(diff|foreign\.diff)\.tar(\.gzip|\.zstd)?)$/;

function readManifest(json: Json): Manifest {
  const layers = list(json["layers"], "the list of layers")
    .map((item) => readDescriptor(item, "a layer"));
  checkCount(layers.length);
  for (const { mediaType } of layers) {
    if (!LAYER_TYPE.test(mediaType)) {
      throw invalid(`a layer of the type "${mediaType.slice(0, 80)}" can't be unpacked`);
    }
  }
  return { config: readDescriptor(json["config"], "the image's config"), layers };
}

function checkCount(count: number): void {
  if (count > LAYERS_MAX) throw invalid(`it has ${count} layers, and ${LAYERS_MAX} are the most`);
}

export function readConfig(json: Json): Config {
  const config = json["config"] === undefined || json["config"] === null
    ? {}
    : object(json["config"], "the config");
  const rootfs = object(json["rootfs"], "the config's rootfs");
  if (rootfs["type"] !== "layers") throw invalid("its root file system is not made of layers");
  const diffIds = list(rootfs["diff_ids"], "the list of layers")
    .map((item) => checkDigest(item, "a layer"));
  checkCount(diffIds.length);
  if (diffIds.length === 0) throw invalid("it has no layers");
  const stopSignal = config["StopSignal"];
  return {
    os: text(json["os"], "the system of the image"),
    architecture: text(json["architecture"], "the processor of the image"),
    diffIds,
    entrypoint: texts(config["Entrypoint"], "the entrypoint"),
    cmd: texts(config["Cmd"], "the command"),
    environment: readEnvironment(texts(config["Env"], "the environment")),
    user: text(config["User"] ?? "", "the user"),
    workdir: text(config["WorkingDir"] ?? "", "the working directory"),
    labels: record(config["Labels"], "a label"),
    ...(stopSignal === undefined || stopSignal === ""
      ? {}
      : { stopSignal: text(stopSignal, "the stop signal") }),
  };
}

function readEnvironment(entries: readonly string[]): Readonly<Record<string, string>> {
  return Object.fromEntries(entries.map((entry) => {
    const equals = entry.indexOf("=");
    if (equals < 1) throw invalid(`a variable has no name: "${entry.slice(0, 40)}"`);
    return [entry.slice(0, equals), entry.slice(equals + 1)];
  }));
}
