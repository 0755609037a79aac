/** Finds the `tar` and `image` layers of a container in the store, and unpacks what is not there. */
import { fileVersion, getuid } from "../../ffi/linux/file.ts";
import { kernel } from "../../ffi/linux/libc.ts";
import { SyscallError } from "../../ffi/linux/run.ts";
import type { DesiredContainer, DesiredLayer } from "../../spec/model/desired.ts";
import { ImageError } from "../image/error.ts";
import { type ImageLayer, openImage } from "../image/oci/image.ts";
import {
  type ArchiveRecord,
  claimLayer,
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
import { moveUse, noteUse } from "../image/uses.ts";
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
        ? await lookUpTar(layer, lookup)
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

/** A container that outlives its runner: its layers stay as long as its directory of records. @throws ContainervError */
export async function keepLayers(directory: string, { layers }: StoredLayers): Promise<void> {
  const roots = Object.values(layers).flatMap((one) => one.roots);
  const use = { file: directory, layers: roots.map(({ diffId }) => diffId) };
  await inStore((data) => noteUse(data, directory, use));
}

/** `move` gives its directory of records the path `to`: its layers stay throughout. @throws ContainervError */
export async function moveLayers(
  paths: { readonly from: string; readonly to: string },
  move: () => void,
): Promise<void> {
  await inStore((data) => moveUse(data, paths, move));
}

async function inStore(act: (data: string) => Promise<void>): Promise<void> {
  try {
    await act(dataDirectory(process.env, getuid()));
  } catch (error) {
    if (!(error instanceof ImageError)) throw error;
    throw new ContainervError({ code: error.code, message: error.message });
  }
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

/** As long as its file is as it is now, its layers are kept: the next start needs no unpacking. */
async function noteSource(
  layer: StoredLayer,
  { roots, watched }: {
    readonly roots: readonly LayerRoot[];
    readonly watched: Readonly<Record<string, string>>;
  },
  { data, options }: Lookup,
): Promise<void> {
  const [first] = Object.entries(watched);
  if (!options.unpack || first === undefined) return;
  const [file, identity] = first;
  const what = layer.kind === "tar" ? layer.tar : layer.image;
  await noteUse(data, JSON.stringify([layer.kind, what, layer.digest ?? ""]), {
    file,
    identity,
    layers: roots.map(({ diffId }) => diffId),
  });
}

async function lookUpTar(
  layer: Extract<StoredLayer, { kind: "tar" }>,
  lookup: Lookup,
): Promise<ResolvedLayer> {
  using archive = openArchive(layer.tar);
  const watched = { [layer.tar]: archive.identity };
  Object.assign(lookup.watched, watched);
  const roots = [await lookUpArchive(layer, archive, lookup)];
  await noteSource(layer, { roots, watched }, lookup);
  return { roots };
}

async function lookUpArchive(
  layer: Extract<StoredLayer, { kind: "tar" }>,
  archive: ReturnType<typeof openArchive>,
  lookup: Lookup,
): Promise<LayerRoot> {
  const { data, options } = lookup;
  const expected = layer.digest === undefined ? {} : { digest: layer.digest };
  const recalled = async (known: ArchiveRecord | undefined): Promise<LayerRoot | undefined> => {
    if (known === undefined) return undefined;
    compareDigests(archive.name, known, expected);
    return await storedRoot(known.diffId, lookup);
  };
  const known = await recalled(
    recallArchive(data, archive.identity) ??
      (layer.digest === undefined ? undefined : recallArchive(data, layer.digest)),
  );
  if (known !== undefined) return known;
  if (!options.unpack) return await surveyed(archive, expected, lookup);
  using _held = await lock(data, archive.identity);
  return await recalled(recallArchive(data, archive.identity)) ??
    await unpackedRoot(archive.name, lookup, async () => {
      const begun = Date.now();
      const unpacked = await unpackArchive(data, archive, expected);
      if (fileVersion({ fd: archive.fd })?.text !== archive.identity) {
        throw new ImageError("ARCHIVE_DAMAGED", `${archive.name} changed while it was read`);
      }
      rememberDigests(data, unpacked);
      const changed = fileVersion({ fd: archive.fd })?.changedMs ?? begun;
      if (changed + STEP_MS < begun) remember(data, archive.identity, unpacked);
      return unpacked;
    });
}

/** How often what was just unpacked may be removed by somebody who knows its name. */
const TRIES = 10;

async function unpackedRoot(
  name: string,
  lookup: Lookup,
  unpack: () => Promise<Digests>,
): Promise<LayerRoot> {
  for (let tries = 1; tries <= TRIES; tries++) {
    const root = await storedRoot((await unpack()).diffId, lookup);
    if (root !== undefined) return root;
  }
  throw new ImageError(
    "STORE_UNUSABLE",
    `the layer of ${name} is not in the store after it was put there ${TRIES} times`,
  );
}

const remember = (data: string, key: string, { digest, diffId }: Digests): void =>
  rememberArchive(data, key, { version: 1, digest, diffId });

function rememberDigests(data: string, digests: Digests): void {
  remember(data, digests.digest, digests);
}

async function storedRoot(
  diffId: string,
  { data, options }: Pick<Lookup, "data" | "options">,
): Promise<LayerRoot | undefined> {
  const record = options.unpack ? await claimLayer(data, diffId) : findLayer(data, diffId);
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
  lookup: Lookup,
): Promise<LayerRoot> {
  const survey = await surveyArchive(archive, expected);
  const path = layerRoot(lookup.data, survey.diffId);
  lookup.surveys[path] = survey;
  return await storedRoot(survey.diffId, lookup) ??
    { path, diffId: survey.diffId, archive: archive.name };
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
  await noteSource(layer, { roots, watched: image.watched }, lookup);
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
  const known = await storedRoot(diffId, lookup);
  if (known !== undefined) return known;
  const archive = { ...range, name };
  const expected = { diffId, ...(digest === undefined ? {} : { digest }) };
  if (!options.unpack) return await surveyed(archive, expected, lookup);
  using _held = await lock(data, diffId);
  return await storedRoot(diffId, lookup) ?? await unpackedRoot(name, lookup, async () => {
    const unpacked = await unpackArchive(data, archive, expected);
    rememberDigests(data, unpacked);
    return unpacked;
  });
}

/** A number without a group gets the group that the image's passwd gives it, else that of root: as other runtimes do. */
function withGroup(user: string, roots: readonly LayerRoot[], { surveys }: Lookup): string {
  if (!/^[0-9]{1,10}$/.test(user)) return user;
  const places = roots.map(({ path }) => surveys[path] ?? path).reverse();
  return `${user}:${lookUpUser({ user: Number(user) }, places)?.gid ?? 0}`;
}
