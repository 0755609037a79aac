/** Which project and which container a request means. */
import { ContainervError } from "../../plan/error.ts";
import { type ContainerView, findContainer, viewProject } from "../../lifecycle/containers.ts";
import type { ProjectPlaces } from "../../state/places.ts";
import { listProjects, readProject } from "../../state/project.ts";
import { isBroken } from "../../state/record.ts";
import type { Field } from "../http/fields.ts";

export const PROJECT_FIELD = {
  kind: "text",
  help: "the project that is meant: its name, or its key (NAME-HASH) where several have the name",
} as const satisfies Field;

const nameOf = (places: ProjectPlaces): string | undefined => {
  const record = readProject(places);
  return record === undefined || isBroken(record) ? undefined : record.name;
};

/** The project of this key or name. Throws ContainervError NO_SUCH_PROJECT, AMBIGUOUS_NAME. */
export function meantProject(text: string): ProjectPlaces {
  const all = listProjects();
  const byKey = all.find(({ key }) => key === text);
  if (byKey !== undefined) return byKey;
  const [first, ...others] = all.filter((places) => nameOf(places) === text);
  if (first === undefined) {
    throw new ContainervError({
      code: "NO_SUCH_PROJECT",
      message: `there is no project "${text}"`,
      fix: "GET /v1/projects says which there are",
    });
  }
  if (others.length === 0) return first;
  const keys = [first, ...others].map(({ key }) => key).join(", ");
  throw new ContainervError({
    code: "AMBIGUOUS_NAME",
    message: `${others.length + 1} projects are called "${text}"`,
    fix: `say which: ${keys}`,
  });
}

/** All projects, or the one that is named. */
export const meantProjects = (project: string | undefined): readonly ProjectPlaces[] =>
  project === undefined ? listProjects() : [meantProject(project)];

/** Throws ContainervError NO_SUCH_CONTAINER, AMBIGUOUS_NAME. */
export function meantContainer(name: string, project: string | undefined): ContainerView {
  if (project === undefined) return findContainer(name);
  const places = meantProject(project);
  const bare = name.startsWith(`${places.key}/`) ? name : `${places.key}/${name}`;
  return findContainer(bare);
}

/** The containers of a project, or of all. */
export const meantContainers = (project: string | undefined): readonly ContainerView[] =>
  meantProjects(project).flatMap((places) => viewProject(places).containers);
