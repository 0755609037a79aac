/** Paths of specs that other specs name: local, below the directory of the file that was asked for. */

/** Directory of a path, `.` for a bare name. */
export function directoryOf(path: string): string {
  const at = path.lastIndexOf("/");
  return at < 0 ? "." : at === 0 ? "/" : path.slice(0, at);
}

/** What keeps a path from being read; `undefined` when nothing does. */
export function pathProblem(path: string): string | undefined {
  if (/^[a-z][a-z0-9+.-]*:\/\//i.test(path) || path.startsWith("git@")) {
    return "specs are read from this machine alone";
  }
  if (path.startsWith("/") || path.startsWith("~")) {
    return "the path starts at the file that says it, and stays below the directory of the first one";
  }
  return undefined;
}

/** `path` from a directory on, both below the root; `undefined` when it leads out of that. */
export function resolveBelow(directory: string, path: string): string | undefined {
  const steps = directory === "." ? [] : directory.split("/");
  for (const step of path.split("/")) {
    if (step === "" || step === ".") continue;
    if (step !== "..") steps.push(step);
    else if (steps.pop() === undefined) return undefined;
  }
  return steps.join("/");
}
