/** Finds the `tar` and `image` layers of a container in the store, and unpacks what is not there. */
import { fileVersion, getuid } from "../../ffi/linux/file.ts";
import { kernel } from "../../ffi/linux/libc.ts";
import { SyscallError } from "../../ffi/linux/run.ts";
import type { DesiredContainer, DesiredLayer } from "../../spec/model/desired.ts";
import { ImageError } from "../image/error.ts";
import { type ImageLayer, openImage } from "../image/oci/image.ts";
import {
  findLayer,
  layerRoot,
  lock,
  openStore,
  recallArchive,
  rememberArchive,
} from "../image/store.ts";
import { type Survey, surveyArchive } from "../image/survey.ts";
import {
  type Archive,
  compareDigests,
  type Digests,
  openArchive,
  unpackArchive,
} from "../image/unpack.ts";
import { lookUpUser } from "../observe/users.ts";
import { ContainervError } from "../plan/error.ts";
import type { Host, LayerRoot, ResolvedLayer } from "../plan/host.ts";
import { dataDirectory } from "./data.ts";

export interface StoredLayers {
  /** By the origin of the layer. */
  readonly layers: Readonly<Record<string, ResolvedLayer>>;
  /** What is in those that are not unpacked, by the path that they will have. */
  readonly surveys: Readonly<Record<string, Survey>>;
  /** Files that decide which layers these are, and what they were: another file is another container. */
  readonly watched: Readonly<Record<string, string>>;
  /** False: a file changed a moment ago, and could have changed again without a trace. */
  readonly steady: boolean;
}

export interface LayerOptions {
  /** False: nothing is changed. */
  readonly unpack: boolean;
  readonly host?: Host;
}

type StoredLayer = Extract<DesiredLayer, { kind: "tar" | "image" }>;

interface Lookup {
  readonly data: string;
  readonly options: LayerOptions;
  readonly surveys: Record<string, Survey>;
  readonly watched: Record<string, string>;
}

/** Clocks of file systems step: two changes within this are one to who looks at the times. */
const STEP_MS = 50;

/** @throws ContainervError with the layer's place. */
export async function lookUpLayers(
  container: DesiredContainer,
  options: LayerOptions,
): Promise<StoredLayers> {
  const data = dataDirectory(process.env, getuid());
  const lookup: Lookup = { data, options, surveys: {}, watched: {} };
  const begun = Date.now();
  const layers: Record<string, ResolvedLayer> = {};
  for (const layer of container.rootfs.layers) {
    if (layer.kind !== "tar" && layer.kind !== "image") continue;
    try {
      if (options.unpack) openStore(data);
      layers[layer.origin] = layer.kind === "tar"
        ? { roots: [await lookUpTar(layer, lookup)] }
        : await lookUpImage(layer, lookup);
    } catch (error) {
      throw located(error, layer);
    }
  }
  const steady = Object.keys(lookup.watched).every((path) =>
    (fileVersion(path)?.changedMs ?? begun) + STEP_MS < begun
  );
  for (const { roots } of Object.values(layers)) watchStore(roots, lookup);
  return { layers, surveys: lookup.surveys, watched: lookup.watched, steady };
}

/** A layer that is removed from the store is unpacked anew. */
function watchStore(roots: readonly LayerRoot[], { watched }: Lookup): void {
  for (const { path, archive } of roots) {
    if (archive !== undefined) continue;
    const record = path.replace(/fs$/, "layer.json");
    const found = fileVersion(record);
    if (found !== undefined) watched[record] = found.text;
  }
}

function located(error: unknown, layer: StoredLayer): unknown {
  const pointer = `${layer.origin}/${layer.kind}`;
  const undone = "nothing was started, nothing of it was kept";
  if (error instanceof ImageError) {
    const { code, message, facts } = error;
    return new ContainervError({ code, message, pointer, undone, ...facts });
  }
  if (error instanceof SyscallError) {
    return new ContainervError({
      code: "LAYER_FAILED",
      message: `the layer can't be unpacked: ${error.errnoName}`,
      pointer,
      syscall: error.message,
      errno: error.errno,
      undone,
    });
  }
  return error;
}

async function lookUpTar(
  layer: Extract<StoredLayer, { kind: "tar" }>,
  lookup: Lookup,
): Promise<LayerRoot> {
  const { data, options } = lookup;
  const expected = layer.digest === undefined ? {} : { digest: layer.digest };
  using archive = openArchive(layer.tar);
  lookup.watched[layer.tar] = archive.identity;
  const known = recallArchive(data, archive.identity) ??
    (layer.digest === undefined ? undefined : recallArchive(data, layer.digest));
  if (known !== undefined) {
    compareDigests(archive.name, known, expected);
    const root = storedRoot(data, known.diffId);
    if (root !== undefined) return root;
  }
  if (!options.unpack) return await surveyed(archive, expected, lookup);
  using _held = await lock(data, archive.identity);
  const meanwhile = recallArchive(data, archive.identity);
  const root = meanwhile === undefined ? undefined : storedRoot(data, meanwhile.diffId);
  if (root !== undefined && meanwhile !== undefined) {
    compareDigests(archive.name, meanwhile, expected);
    return root;
  }
  const begun = Date.now();
  const unpacked = await unpackArchive(data, archive, expected);
  if (fileVersion({ fd: archive.fd })?.text !== archive.identity) {
    throw new ImageError("ARCHIVE_DAMAGED", `${archive.name} changed while it was read`);
  }
  rememberDigests(data, unpacked);
  const changed = fileVersion({ fd: archive.fd })?.changedMs ?? begun;
  if (changed + STEP_MS < begun) remember(data, archive.identity, unpacked);
  return storedRoot(data, unpacked.diffId) ?? missing(archive.name);
}

function missing(name: string): never {
  throw new ImageError(
    "STORE_UNUSABLE",
    `the layer of ${name} is not in the store after it was put there`,
  );
}

const remember = (data: string, key: string, { digest, diffId }: Digests): void =>
  rememberArchive(data, key, { version: 1, digest, diffId });

function rememberDigests(data: string, digests: Digests): void {
  remember(data, digests.digest, digests);
}

function storedRoot(data: string, diffId: string): LayerRoot | undefined {
  const record = findLayer(data, diffId);
  if (record === undefined) return undefined;
  return {
    path: layerRoot(data, diffId),
    diffId,
    ...(Object.keys(record.notes).length === 0 ? {} : { notes: record.notes }),
    ...(record.whiteouts === 0 ? {} : { whiteouts: true }),
  };
}

async function surveyed(
  archive: Archive,
  expected: { readonly digest?: string; readonly diffId?: string },
  { data, surveys }: Lookup,
): Promise<LayerRoot> {
  const survey = await surveyArchive(archive, expected);
  const path = layerRoot(data, survey.diffId);
  surveys[path] = survey;
  return storedRoot(data, survey.diffId) ?? { path, diffId: survey.diffId, archive: archive.name };
}

const ARCHITECTURES = { x86_64: "amd64", aarch64: "arm64" } as const;

async function lookUpImage(
  layer: Extract<StoredLayer, { kind: "image" }>,
  lookup: Lookup,
): Promise<ResolvedLayer> {
  const architecture = lookup.options.host?.architecture ?? kernel().seam.architecture;
  using image = await openImage({
    ...layer.image,
    architecture: ARCHITECTURES[architecture],
    ...(layer.digest === undefined ? {} : { digest: layer.digest }),
  });
  Object.assign(lookup.watched, image.watched);
  const roots: LayerRoot[] = [];
  for (const one of image.layers) roots.push(await lookUpBlob(one, layer.image.path, lookup));
  const { entrypoint, cmd, environment, workdir, stopSignal, labels } = image.config;
  return {
    roots,
    image: {
      name: layer.image.path,
      digest: image.digest,
      entrypoint,
      cmd,
      environment,
      user: withGroup(image.config.user, roots, lookup),
      workdir,
      labels,
      ...(stopSignal === undefined ? {} : { stopSignal }),
    },
  };
}

async function lookUpBlob(
  { range, digest, diffId }: ImageLayer,
  name: string,
  lookup: Lookup,
): Promise<LayerRoot> {
  const { data, options } = lookup;
  const known = storedRoot(data, diffId);
  if (known !== undefined) return known;
  const archive = { ...range, name };
  const expected = { diffId, ...(digest === undefined ? {} : { digest }) };
  if (!options.unpack) return await surveyed(archive, expected, lookup);
  using _held = await lock(data, diffId);
  const meanwhile = storedRoot(data, diffId);
  if (meanwhile !== undefined) return meanwhile;
  rememberDigests(data, await unpackArchive(data, archive, expected));
  return storedRoot(data, diffId) ?? missing(name);
}

/** A number without a group gets the group that the image's passwd gives it, else that of root: as other runtimes do. */
function withGroup(user: string, roots: readonly LayerRoot[], { surveys }: Lookup): string {
  if (!/^[0-9]{1,10}$/.test(user)) return user;
  const places = roots.map(({ path }) => surveys[path] ?? path).reverse();
  return `${user}:${lookUpUser({ user: Number(user) }, places)?.gid ?? 0}`;
}
