/** What the commands about detached containers share: which project is meant, and which of its containers. */
import { entryKind } from "../../ffi/linux/file.ts";
import { type ContainerView, findContainer, viewProject } from "../lifecycle/containers.ts";
import { absolutePath } from "../lifecycle/load.ts";
import type { ProjectPlaces } from "../state/places.ts";
import { listProjects, readProject } from "../state/project.ts";
import { isBroken } from "../state/record.ts";
import { type Arguments, UsageError } from "./arguments.ts";
import { nearestSpec } from "./spec.ts";

/** The spec that a command line means: the option `--file`, an operand, or the nearest containerv.yaml; `undefined`: none. */
export function meantFile(given: Arguments, operand?: string): string | undefined {
  const option = given.options["--file"];
  const file = operand ?? (typeof option === "string" ? option : undefined);
  if (file !== undefined) {
    const path = absolutePath(file, process.cwd());
    if (entryKind(path) === undefined && projectsOf(path).length === 0) {
      throw new UsageError(`there is no ${file}, and no project of it`);
    }
    return path;
  }
  return given.options["--all"] === true ? undefined : nearestSpec();
}

/** Projects whose spec is this file: one, or several when its name was changed. Without a file all. */
export function projectsOf(file: string | undefined): readonly ProjectPlaces[] {
  return listProjects().filter((places) => {
    if (file === undefined) return true;
    const record = readProject(places);
    return record !== undefined && !isBroken(record) && record.file === file;
  });
}

/** The containers that the operands name, or all of the project that is meant. */
export function meantContainers(given: Arguments): readonly ContainerView[] {
  const projects = projectsOf(meantFile(given));
  if (given.operands.length === 0) {
    return projects.flatMap((places) => viewProject(places).containers);
  }
  const [project] = projects;
  return given.operands.map((name) =>
    findContainer(name, project === undefined ? {} : { project })
  );
}

/** `--time SECONDS`: how long a container may take to end, in place of what its spec says. */
export function graceOf({ options }: Arguments): { readonly graceMs?: number } {
  const value = options["--time"];
  if (typeof value !== "string") return {};
  if (!/^\d{1,6}$/.test(value)) throw new UsageError(`--time takes seconds, not ${value}`);
  return { graceMs: Number(value) * 1000 };
}
