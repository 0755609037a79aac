/** Which projects and which of their containers somebody means. */
import { activeContainers } from "../../spec/model/depends.ts";
import type { Desired } from "../../spec/model/desired.ts";
import type { ProjectPlaces } from "../state/places.ts";
import { listProjects, readProject } from "../state/project.ts";
import { isBroken } from "../state/record.ts";

/** Projects whose spec is this file: one, or several when its name was changed. Without a file all. */
export function projectsOf(file: string | undefined): readonly ProjectPlaces[] {
  return listProjects().filter((places) => {
    if (file === undefined) return true;
    const record = readProject(places);
    return record !== undefined && !isBroken(record) && record.file === file;
  });
}

/** The containers that are always there, and those of the profiles that are asked for; a text says which profile there is not. */
export function chooseProfiles(desired: Desired, profiles: readonly string[]): Desired | string {
  const asked = new Set(profiles);
  const known = new Set(desired.containers.flatMap((container) => container.profiles));
  const unknown = [...asked].find((name) => !known.has(name));
  if (unknown !== undefined) {
    return `no container has the profile "${unknown}"; there ${
      known.size === 0 ? "is none" : `are ${[...known].join(", ")}`
    }`;
  }
  return { ...desired, containers: activeContainers(desired.containers, asked) };
}
