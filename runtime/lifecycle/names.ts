/** What the groups and the log of a container are called: by its name, unless one that was renamed has them. */
import { createHash } from "node:crypto";
import { entryKind, replaceFile } from "../../ffi/linux/file.ts";
import type { ProjectPlaces } from "../state/places.ts";
import { listContainers, readContainer } from "../state/project.ts";
import { isBroken } from "../state/record.ts";

export interface Names {
  /** What its groups are called below ours. */
  readonly instance: string;
  /** Eight characters. */
  readonly log: string;
  /** True: they are made of its name alone. */
  readonly usual: boolean;
}

/** Eight characters that the container's log is called by, the same at every start. */
function logName(name: string): string {
  const number = BigInt(`0x${createHash("sha256").update(name).digest("hex").slice(0, 12)}`);
  return (number % 36n ** 8n).toString(36).padStart(8, "0");
}

/** `NAME~1` and `NAME~2` are those of a replacement that is started first. */
const FIRST_OTHER = 3;

/** Records are read only in a project of which a container was renamed. */
export function namesOf(places: ProjectPlaces, name: string): Names {
  const instance = `${places.key}/${name}`;
  const log = logName(name);
  if (entryKind(places.renamed) === undefined) return { instance, log, usual: true };
  const own = readContainer(places, name);
  // Started again: its log goes on.
  if (own !== undefined && !isBroken(own)) {
    const names = { instance: own.instance ?? instance, log: own.log };
    return { ...names, usual: names.instance === instance && names.log === log };
  }
  const instances = new Set<string>();
  const logs = new Set<string>();
  for (const other of listContainers(places)) {
    const record = readContainer(places, other);
    if (other === name || record === undefined || isBroken(record)) continue;
    instances.add(record.instance ?? `${places.key}/${other}`);
    logs.add(record.log);
  }
  for (let number = FIRST_OTHER, as = name;; as = `${name}~${number++}`) {
    const names = { instance: `${places.key}/${as}`, log: logName(as), usual: as === name };
    if (!instances.has(names.instance) && !logs.has(names.log)) return names;
  }
}

/** From now on a container may have what is called as another one. Gives the reason when that can't be noted. */
export function noteRenamed({ renamed }: ProjectPlaces): string | undefined {
  return replaceFile(renamed, "");
}
