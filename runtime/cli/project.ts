/** What the commands about detached containers share: which project is meant, and which of its containers. */
import { signalName } from "../../ffi/abi/signal.ts";
import { entryKind } from "../../ffi/linux/file.ts";
import { factsOf } from "../apply/facts.ts";
import { ContainervError } from "../plan/error.ts";
import { type ContainerView, findContainer, viewProject } from "../lifecycle/containers.ts";
import { absolutePath } from "../lifecycle/load.ts";
import { projectsOf } from "../lifecycle/projects.ts";
import type { Deaf } from "../lifecycle/stop.ts";
import { showDuration } from "../show/table.ts";
import type { ProjectPlaces } from "../state/places.ts";
import { type Arguments, UsageError } from "./arguments.ts";
import { OWN_FAILURE } from "./main.ts";
import { stderr } from "./output.ts";
import { nearestSpec, showFailure } from "./spec.ts";

/**
 * The spec that a command line means: an operand, the first `--file`, or the nearest containerv.yaml; `undefined`: none. A project is
 * known by the first of its files; those that were merged over it may be said as they were to `up`.
 */
export function meantFile(given: Arguments, operand?: string): string | undefined {
  const options = given.lists?.["--file"] ?? [];
  const [file, ...over] = operand === undefined ? options : [operand, ...options];
  const absent = over.find((one) => entryKind(absolutePath(one, process.cwd())) === undefined);
  if (absent !== undefined) throw new UsageError(`there is no ${absent}`);
  if (file !== undefined) {
    const path = absolutePath(file, process.cwd());
    if (entryKind(path) === undefined && projectsOf(path).length === 0) {
      throw new UsageError(`there is no ${file}, and no project of it`);
    }
    return path;
  }
  return given.options["--all"] === true ? undefined : nearestSpec();
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

/** The project whose containers are meant first by a name alone; `undefined`: none is near. */
export function meantProject(given: Arguments): ProjectPlaces | undefined {
  const file = meantFile(given);
  return file === undefined ? undefined : projectsOf(file)[0];
}

/** `--time SECONDS`: how long a container may take to end, in place of what its spec says. */
export function graceOf({ options }: Arguments): { readonly graceMs?: number } {
  const value = options["--time"];
  if (typeof value !== "string") return {};
  if (!/^\d{1,6}$/.test(value)) throw new UsageError(`--time takes seconds, not ${value}`);
  return { graceMs: Number(value) * 1000 };
}

/** Why a stop took all its time: the fault lies in the image or the command, and people look for it elsewhere. */
export function sayDeaf({ name, signal, graceMs }: Deaf): void {
  stderr(
    `! ${name}: ${signalName(signal)} did nothing in ${
      showDuration(graceMs)
    }, its first process has no handler for it; init: true helps\n`,
  );
}

/**
 * Does `act` to each container that is meant, and says what it gives. Exit status 0, or 125 when something failed: the others are
 * done all the same.
 */
export async function eachContainer(
  given: Arguments,
  act: (view: ContainerView) => Promise<string> | string,
): Promise<number> {
  let status = 0;
  const views = new Map(meantContainers(given).map((view) => [view.id, view]));
  for (const view of views.values()) {
    try {
      stderr(`✔ ${view.name} ${await act(view)}\n`);
    } catch (error) {
      if (error instanceof UsageError) throw error;
      status = OWN_FAILURE;
      await showFailure(factsOf(error), {});
    }
  }
  return status;
}

/**
 * What a container that has ended has left for `outputs:` is copied, and said, a line with its digest for each. Throws ContainervError
 * for what could not be had; then the rest is there.
 */
export async function showCollected(view: ContainerView): Promise<void> {
  if (view.record?.outputs === undefined) return;
  const { collectLocked } = await import("../lifecycle/collect.ts");
  const collected = await collectLocked(view);
  if (collected === undefined) return;
  const { showCopies } = await import("../show/copies.ts");
  stderr(showCopies(collected.copied, process.cwd()));
  const [first, ...others] = collected.missed;
  for (const facts of others) await showFailure(facts, {});
  if (first !== undefined) throw new ContainervError(first);
}

/** As `eachContainer` of commands that must be told which. */
export function needNames({ operands }: Arguments): void {
  if (operands.length === 0) throw new UsageError("say which: containerv ps lists them");
}
