import { hash64 } from "../../ffi/abi/hash.ts";
import { join } from "../text/tree.ts";
import { containerPath, type Context, type Part, resolveHostPath, trustedPart } from "./context.ts";
import type { DesiredVolume } from "./desired.ts";
import { ABSOLUTE_PATH, byType, HOST_PATH, list, map, type Schema, SIZE } from "./fragment.ts";
import { MODE, modeOf } from "./mode.ts";
import { readSize } from "./quantity.ts";
import type { VolumeSpec } from "./spec_type.ts";
import { placeProblem } from "./volume_place.ts";

const VOLUME_NAME = "^[a-z0-9][a-z0-9_.-]{0,62}$";

const VOLUME_KINDS: Readonly<Record<string, Schema>> = {
  bind: {
    title: "Directory",
    description: "A directory or file of the host, relative to the spec's directory or absolute.",
    ...HOST_PATH,
    examples: ["./src"],
  },
  volume: {
    title: "Volume",
    description: "A volume that is declared below `volumes`.",
    type: "string",
    pattern: VOLUME_NAME,
    examples: ["data"],
    "x-expects": "a volume's name such as data",
  },
  tmpfs: { title: "Memory", description: "A tmpfs of this size.", ...SIZE, examples: ["64MiB"] },
};

const VOLUME_MAP: Schema = map({
  ...VOLUME_KINDS,
  at: {
    title: "Place",
    description: "Where in the container. Made when it is missing.",
    ...ABSOLUTE_PATH,
    examples: ["/src"],
  },
  readonly: {
    title: "Read-only",
    description: "Of all that is mounted below it too.",
    type: "boolean",
    default: false,
    examples: [true],
    "x-expects": "true or false",
  },
  owner: {
    title: "Owner",
    description:
      "`match`: the source's owner appears as the container's user, and what that user makes belongs to the owner; all other owners show as nobody. Needs root, and a file system that can be id-mapped.",
    enum: ["match"],
    examples: ["match"],
  },
  create: {
    title: "Create",
    description:
      "Make the source, a directory of the container's user, when it is missing; else that is an error.",
    type: "boolean",
    default: false,
    examples: [true],
    "x-expects": "true or false",
  },
  propagation: {
    title: "Propagation",
    description:
      "`private`: mounts made later show on neither side. `slave`: those of the host show in the container. `shared`: those of the container show on the host too. The latter two need root.",
    enum: ["private", "slave", "shared"],
    default: "private",
    examples: ["slave"],
  },
  mode: { ...MODE, description: "Of a tmpfs, in octal, between quotes. Default 1777." },
}, {
  required: ["at"],
  oneOf: Object.keys(VOLUME_KINDS).map((kind) => ({ required: [kind] })),
});

const MOUNTS: Schema = list(
  byType({ string: { pattern: "^[^:]+:/[^:]*(:ro|:rw)?$" }, object: VOLUME_MAP }, {
    "x-expects": "a volume such as ./src:/src:ro or {bind: ./src, at: /src}",
  }),
  { "x-expects": "a list such as [./src:/src:ro]" },
);

const DECLARED: Schema = {
  type: "object",
  propertyNames: { pattern: VOLUME_NAME, "x-expects": "a volume's name such as data" },
  additionalProperties: map({}, { "x-expects": "an empty map: {}" }),
};

export const VOLUMES_SCHEMA: Schema = {
  ...MOUNTS,
  title: "Volumes",
  description:
    "Directories and files of the host, named volumes, and memory in the container: `./src:/dst[:ro]`, `data:/dst`, or {bind | volume | tmpfs, at, readonly, owner, create, propagation, mode}. No set-user-id bit and no device node works there (nosuid, nodev). A missing source is an error unless `create`.",
  examples: [["./src:/src:ro"]],
};

/** At the top of a file with `containers:` the word declares; in a file that is one container it does either. */
export const TOP_VOLUMES_SCHEMA: Schema = byType({ array: MOUNTS, object: DECLARED }, {
  title: "Volumes",
  description:
    "Named volumes (a map): kept after the run, a directory each, which the containers of the file mount by name. Or the volumes of the one container (a list).",
  examples: [{ data: {} }, ["./src:/src:ro"]],
  "x-expects": "a map such as {data: {}}, or a list such as [./src:/src:ro]",
});

/** What the project's kept things are called: by its name and, as two checkouts never share, its place. */
export function keptName(project: string, directory: string): string {
  return `${project}-${hash64(directory).slice(0, 8)}`;
}

/** Named volumes of a file. */
export interface DeclaredVolumes {
  readonly names: ReadonlySet<string>;
  /** What the project's directory of volumes is called. */
  readonly project: string;
}

export function declareVolumes(
  value: unknown,
  project: { readonly name: string; readonly directory: string },
): DeclaredVolumes {
  const isMap = typeof value === "object" && value !== null && !Array.isArray(value);
  return {
    names: new Set(isMap ? Object.keys(value) : []),
    project: keptName(project.name, project.directory),
  };
}

type Long = VolumeSpec & { readonly form: "short" | "long" };

/** `./src:/dst:ro` → `{bind: ./src, at: /dst, readonly: true}`; a source without a slash or dot in front is a name. */
function readShort(text: string): Long {
  const [, source = "", at = "/", access] = /^([^:]+):(\/[^:]*?)(?::(ro|rw))?$/.exec(text) ?? [];
  const kind = /^[./~]/.test(source) ? { bind: source } : { volume: source };
  return { ...kind, at, readonly: access === "ro", form: "short" };
}

/** `volumes:` of a container, those that lie within others behind them. */
export function normaliseVolumes(
  context: Context,
  { value, pointer }: Part<readonly (string | VolumeSpec)[] | undefined>,
  declared: DeclaredVolumes,
): readonly DesiredVolume[] {
  // At the top of a file a map declares; the list is what mounts.
  if (value === undefined || !Array.isArray(value)) return [];
  const seen = new Set<string>();
  const volumes = value.flatMap((item: string | VolumeSpec, index): readonly DesiredVolume[] => {
    const part = {
      value: typeof item === "string" ? readShort(item) : { ...item, form: "long" as const },
      pointer: join(pointer, index),
    };
    const volume = normaliseVolume(context, part, declared);
    if (volume === undefined) return [];
    if (seen.has(volume.at)) {
      const message = `a second volume at ${volume.at} hides the first`;
      context.report({ code: "CONTRADICTION", message, pointer: part.pointer });
    }
    seen.add(volume.at);
    return [volume];
  });
  const depth = ({ at }: DesiredVolume): number => at.split("/").length;
  return volumes.sort((a, b) => depth(a) - depth(b));
}

function normaliseVolume(
  context: Context,
  part: Part<Long>,
  declared: DeclaredVolumes,
): DesiredVolume | undefined {
  const { value, pointer } = part;
  /** The place of a key: of the whole text in the short form. */
  const place = (key: string): string => value.form === "short" ? pointer : join(pointer, key);
  const at = containerPath(context, { value: value.at, pointer: place("at") });
  const problem = placeProblem(at);
  if (problem !== undefined) context.report({ ...problem, pointer: place("at") });
  reportMisplaced(context, part);
  const common = { at, readonly: value.readonly ?? false, origin: pointer };
  if (value.tmpfs !== undefined) {
    const sizeBytes = readSize(context, { value: value.tmpfs, pointer: place("tmpfs") });
    const mode = modeOf(value.mode ?? "1777");
    return sizeBytes === undefined ? undefined : { ...common, kind: "tmpfs", sizeBytes, mode };
  }
  const mounted = {
    ...common,
    ownerMatches: value.owner === "match",
    propagation: value.propagation ?? "private",
  };
  if (value.volume !== undefined) {
    reportUndeclared(context, part, declared);
    return { ...mounted, kind: "named", volume: `${declared.project}/${value.volume}` };
  }
  const source = value.bind ?? "";
  const path = resolveHostPath(context, { value: source, pointer: place("bind") });
  const base = trustedPart(context, path);
  if (path === "/") reportHostRoot(context, { value: common.readonly, pointer: place("bind") });
  return {
    ...mounted,
    kind: "bind",
    base,
    path: path.slice(base === "/" ? 1 : base.length + 1),
    shown: source,
    create: value.create ?? false,
  };
}

/** Writable it is the host itself; read-only it still shows every secret. */
function reportHostRoot(context: Context, { value: readonly, pointer }: Part<boolean>): void {
  context.report({
    code: "HOST_ROOT",
    severity: readonly ? "warning" : "error",
    message: readonly
      ? "the container can read every file of the host that its user can"
      : "with the host's root writable the container is no container",
    pointer,
    note: readonly
      ? "a volume of the directory that is needed shows less"
      : "name the directory that is needed, or make it read-only",
  });
}

/** Keys that are of another kind of volume. */
function reportMisplaced(context: Context, { value, pointer }: Part<Long>): void {
  const kind = value.tmpfs !== undefined ? "tmpfs" : value.volume !== undefined ? "volume" : "bind";
  const wrong = ({ tmpfs: ["owner", "create", "propagation"], volume: ["mode"], bind: ["mode"] })[
    kind
  ] as readonly (keyof VolumeSpec)[];
  for (const key of wrong) {
    if (value[key] === undefined) continue;
    context.report({
      code: "CONTRADICTION",
      message: `\`${key}\` means nothing to ${kind === "tmpfs" ? "a tmpfs" : `\`${kind}\``}`,
      pointer: join(pointer, key),
      part: "key",
      note: "leave it out",
    });
  }
}

function reportUndeclared(
  context: Context,
  { value, pointer }: Part<Long>,
  declared: DeclaredVolumes,
): void {
  const name = value.volume ?? "";
  if (declared.names.has(name)) return;
  context.report({
    code: "UNDECLARED_VOLUME",
    message: `no volume \`${name}\` is declared`,
    pointer: value.form === "short" ? pointer : join(pointer, "volume"),
    note: `for a directory write ./${name}; a named volume is declared at the top, beside ` +
      `\`containers:\`: volumes: {${name}: {}}`,
  });
}
