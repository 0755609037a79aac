/** Finds a container by name, pid or spec, and reads its isolation from the kernel. Changes nothing. */
import { readdirSync } from "node:fs";
import { entryKind, readFile } from "../../ffi/linux/file.ts";
import { observeCgroups } from "../observe/host.ts";
import { observeIsolation } from "../observe/isolation.ts";
import { ContainervError } from "../plan/error.ts";
import type { Isolation } from "../plan/isolation.ts";
import { GROUP_DIRECTORY } from "../subjects/limits/compile.ts";
import { type ContainerView, findContainer } from "./containers.ts";
import { endingText } from "./ending_text.ts";
import { loadFile } from "./load.ts";

export interface Inspected {
  readonly name: string;
  readonly isolation: Isolation;
}

/**
 * `what`: a pid, a spec's file (each of its containers that runs), or a container's name. Throws ContainervError:
 * NO_SUCH_CONTAINER, NOT_RUNNING of one that is recorded, and SPEC_INVALID for a file that is no spec.
 */
export async function inspect(what: string): Promise<readonly Inspected[]> {
  if (/^[1-9][0-9]*$/.test(what)) {
    const isolation = observeIsolation(Number(what));
    if (isolation === undefined) throw notThere(what, `there is no process ${what}`);
    return [{ name: what, isolation }];
  }
  if (entryKind(what) !== "file") return [inspectName(what)];
  const names = await namesOf(what);
  const found = names.flatMap((name) => inspectIfThere(name) ?? []);
  if (found.length === 0) throw notThere(what, `no container of ${what} runs`);
  return found;
}

async function namesOf(file: string): Promise<readonly string[]> {
  const { desired, diagnostics } = await loadFile(file);
  if (desired !== undefined) return desired.containers.map(({ name }) => name);
  const [first] = diagnostics;
  throw new ContainervError({
    code: "SPEC_INVALID",
    message: `${file}: ${first?.message ?? "the spec is wrong"}`,
    ...(first?.place === undefined ? {} : { place: first.place }),
    diagnostics,
  });
}

function inspectName(name: string): Inspected {
  const found = inspectIfThere(name);
  if (found !== undefined) return found;
  const view = recorded(name);
  if (view !== undefined) {
    throw new ContainervError({
      code: "NOT_RUNNING",
      message: `${name} ${endingText(view.ending)}: its isolation is gone with its last process`,
      fix: `containerv start ${name}`,
    });
  }
  throw notThere(name, `there is no container "${name}", nor a group of that name`);
}

function inspectIfThere(name: string): Inspected | undefined {
  const pid = recorded(name)?.pid ?? firstProcess(groupProcesses(name));
  const isolation = pid === undefined ? undefined : observeIsolation(pid);
  return isolation === undefined ? undefined : { name, isolation };
}

/** A container that `up` started: its record says which process is its first. */
function recorded(name: string): ContainerView | undefined {
  try {
    return findContainer(name);
  } catch (error) {
    if (error instanceof ContainervError && error.code === "NO_SUCH_CONTAINER") return undefined;
    throw error;
  }
}

function notThere(what: string, message: string): ContainervError {
  return new ContainervError({
    code: "NO_SUCH_CONTAINER",
    message,
    ...(/^\d/.test(what) ? {} : { fix: "give the pid of its process: containerv inspect PID" }),
  });
}

/** Processes of the groups that bear the name, in any hierarchy: a name is a path below /containerv, or its last part. */
function groupProcesses(name: string): readonly number[] {
  const { v1, v2 } = observeCgroups();
  const mounts = new Set([...Object.values(v1), ...(v2 === undefined ? [] : [v2.mount])]);
  const found = [...mounts].flatMap((mount) => groupsNamed(`${mount}/${GROUP_DIRECTORY}`, name))
    .flatMap((group) => (readFile(`${group}/cgroup.procs`) ?? "").split("\n"))
    .filter((line) => line !== "").map(Number);
  return [...new Set(found)];
}

function groupsNamed(above: string, name: string): readonly string[] {
  if (name.split("/").includes("..")) return [];
  if (entryKind(`${above}/${name}`) === "directory") return [`${above}/${name}`];
  if (entryKind(above) !== "directory") return [];
  return readdirSync(above, { withFileTypes: true })
    .filter((entry) =>
      entry.isDirectory() && entryKind(`${above}/${entry.name}/${name}`) === "directory"
    )
    .map((entry) => `${above}/${entry.name}/${name}`);
}

/** The one that is PID 1 of its namespace; else the oldest. */
function firstProcess(pids: readonly number[]): number | undefined {
  const first = pids.find((pid) => /^NSpid:.*\t1$/m.test(readFile(`/proc/${pid}/status`) ?? ""));
  return first ?? pids.toSorted((a, b) => a - b)[0];
}
