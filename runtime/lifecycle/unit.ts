/** The unit of systemd that brings a project up after a reboot: where it lies, and whether it is there. */
import type { Desired } from "../../spec/model/desired.ts";
import { entryKind, getuid, replaceFile } from "../../ffi/linux/file.ts";
import { ContainervError } from "../plan/error.ts";
import { unitText } from "../show/unit.ts";
import { projectKey } from "../state/places.ts";
import { ownProgram } from "./own_program.ts";

/** Absolute path of a project's unit, for this user. */
export function unitPath(project: string, file: string): string {
  const name = `containerv-${projectKey(project, file)}.service`;
  if (getuid() === 0) return `/etc/systemd/system/${name}`;
  const config = process.env["XDG_CONFIG_HOME"];
  const base = config?.startsWith("/") ? config : `${process.env["HOME"] ?? ""}/.config`;
  return `${base}/systemd/user/${name}`;
}

/** True when the project's unit is installed. */
export const hasUnit = (project: string, file: string): boolean =>
  entryKind(unitPath(project, file)) === "file";

export interface UnitOptions {
  /** Absolute path of the spec. */
  readonly file: string;
  /** Absolute paths of those that are merged over it. */
  readonly over: readonly string[];
  readonly profiles: readonly string[];
}

/** The text of the project's unit. */
export function projectUnit({ project, containers }: Desired, options: UnitOptions): string {
  // One after the other in the worst case: each may depend on the one before.
  const stopMs = containers.reduce((sum, { stop }) => sum + stop.graceMs, 0);
  return unitText({
    ...options,
    project,
    program: ownProgram(),
    system: getuid() === 0,
    stopMs,
  });
}

/** Writes it; gives its path. Throws ContainervError. */
export function installUnit(desired: Desired, options: UnitOptions): string {
  const { file } = options;
  const path = unitPath(desired.project, file);
  const problem = replaceFile(path, projectUnit(desired, options));
  if (problem === undefined) return path;
  throw new ContainervError({
    code: "NO_UNIT",
    message: `cannot write the unit: ${problem}`,
    fix: `make its directory, or write it yourself: containerv unit ${file} > ${path}`,
  });
}
