import type { Problem } from "../text/problem.ts";
import { join, type Value } from "../text/tree.ts";
import { normaliseContainer } from "./container.ts";
import type { Context } from "./context.ts";
import { checkCycles, checkProfiles } from "./depends.ts";
import type { Desired } from "./desired.ts";
import { nearestName } from "./name.ts";
import { CONTAINER_KEYS } from "./schema.ts";
import type { ContainerKeys } from "./spec_type.ts";
import { declareVolumes } from "./volumes.ts";

export interface ProjectOptions {
  /** The name where the spec says none. */
  readonly name: string;
  readonly directory: string;
  readonly baseless?: boolean | undefined;
  readonly command?: readonly string[] | undefined;
  readonly report: (problem: Problem) => void;
  /** False for a pointer at or below which a fault was found. */
  readonly isSound: (pointer: string) => boolean;
  /** True for the pointer of a map in which a key is unknown. */
  readonly hasUnknownKey: (pointer: string) => boolean;
}

type Keys = Readonly<Record<string, Value>>;

/**
 * A whole spec, already held against the schema → what is wanted. Reports what only several keys together, or a value's
 * meaning, show to be wrong. The result is good only when nothing was reported.
 */
export function normaliseProject(value: Keys, options: ProjectOptions): Desired {
  const { report, isSound } = options;
  const { directory, baseless } = options;
  const context: Context = { directory, baseless, report };
  const said = value.name;
  const project = typeof said === "string" && isSound("/name") ? said : options.name;
  const found = listContainers(value, { project, report });
  const volumes = declareVolumes(value.volumes, { name: project, directory });
  const sound = found.filter(({ pointer }) => pointer === "" || isMap(at(value, pointer)));
  const siblings = new Map(sound.map(({ name, keys }) => [name, keys as ContainerKeys]));
  const containers = sound
    .map(({ name, pointer, keys }) =>
      normaliseContainer(context, { value: keys as ContainerKeys, pointer }, {
        name,
        siblings,
        // One container by itself is found again by its name, wherever its file lies.
        keptAs: pointer === "" ? name : `${volumes.project}.${name}`,
        volumes,
        // Of several it would be the last command of each.
        command: sound.length === 1 ? options.command : undefined,
        isSound,
        hasUnknownKey: options.hasUnknownKey(pointer),
      })
    );
  checkCycles(context, containers);
  checkProfiles(context, containers);
  return { project, containers };
}

interface Found {
  readonly name: string;
  readonly pointer: string;
  readonly keys: Keys;
}

function listContainers(
  value: Keys,
  { project, report }: { readonly project: string; readonly report: ProjectOptions["report"] },
): readonly Found[] {
  const { containers } = value;
  if (containers === undefined) {
    const keys = Object.entries(value).filter(([key]) => Object.hasOwn(CONTAINER_KEYS, key));
    return [{ name: project, pointer: "", keys: Object.fromEntries(keys) }];
  }
  reportMixing(value, report);
  if (!isMap(containers)) return [];
  const names = Object.keys(containers);
  return names.map((name) => {
    const keys = containers[name];
    return { name, pointer: join("/containers", name), keys: isMap(keys) ? keys : {} };
  });
}

function reportMixing(value: Keys, report: ProjectOptions["report"]): void {
  for (const key of Object.keys(value)) {
    // `volumes` beside `containers` declares volumes; only its list is a container's.
    const isDeclaration = key === "volumes" && !Array.isArray(value[key]);
    if (!Object.hasOwn(CONTAINER_KEYS, key) || isDeclaration) continue;
    report({
      code: "MIXED_FORMS",
      message: `\`${key}\` beside \`containers\``,
      pointer: join("", key),
      part: "key",
      note:
        "a file is one container, or has `containers:`; put it below the container that it is for",
    });
  }
}

function at(value: Keys, pointer: string): Value | undefined {
  const name = pointer.slice("/containers/".length).replaceAll("~1", "/").replaceAll("~0", "~");
  return isMap(value.containers) ? value.containers[name] : undefined;
}

function isMap(value: Value | undefined): value is Keys {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** The problem of a name that the caller gave (a file's stem is always made to fit; an object's may not). */
export function nameProblem(name: string): Problem | undefined {
  if (/^[a-z0-9][a-z0-9_.-]{0,62}$/.test(name)) return undefined;
  return {
    code: "BAD_VALUE",
    message: `${JSON.stringify(name.slice(0, 80))} can't be a name`,
    pointer: "/name",
    fix: `name: ${nearestName(name)}`,
  };
}
