import type { Problem } from "../text/problem.ts";

/** What normalising a part of a spec needs besides the part. */
export interface Context {
  /** Absolute: the directory that relative paths of the spec start at. */
  readonly directory: string;
  /** True: nobody knows where relative paths start, and each is an error. */
  readonly baseless?: boolean | undefined;
  readonly report: (problem: Problem) => void;
}

/** A value of the spec with the pointer to it; the schema has already accepted its shape. */
export interface Part<Value> {
  readonly value: Value;
  readonly pointer: string;
}

/** `path` without `.`, `..`, `//` and a `/` at the end. `path` is absolute; `..` at the root stays there. */
export function normalisePath(path: string): string {
  const steps: string[] = [];
  for (const step of path.split("/")) {
    if (step === "..") steps.pop();
    else if (step !== "" && step !== ".") steps.push(step);
  }
  return `/${steps.join("/")}`;
}

/** A path of the host, made absolute against the spec's directory. `~` is the shell's and reported. */
export function resolveHostPath(context: Context, part: Part<string>): string {
  const { value, pointer } = part;
  if (value === "~" || value.startsWith("~/")) {
    const note = "`~` is the shell's; write an absolute path, or one from the spec's directory";
    context.report({ code: "BAD_PATH", message: `"${value}" is not expanded`, pointer, note });
  }
  if (value.startsWith("/")) return normalisePath(value);
  if (context.baseless === true) {
    const message = `"${value}" is relative, and nobody says to which directory`;
    const note = "write an absolute path, or name the directory that paths start at";
    context.report({ code: "BAD_PATH", message, pointer, note });
  }
  return normalisePath(`${context.directory}/${value}`);
}

/**
 * The part of an absolute path that whoever wrote the spec answers for: the spec's directory, for what lies below it. From there on a
 * container may have made links, and none is followed.
 */
export function trustedPart({ directory }: Pick<Context, "directory">, path: string): string {
  return path === directory || path.startsWith(`${directory}/`) ? directory : "/";
}

/** A path inside the container; `..` in it is reported, since it can only be a mistake there. */
export function containerPath(context: Context, part: Part<string>): string {
  const { value, pointer } = part;
  const path = normalisePath(value);
  if (value.split("/").includes("..")) {
    const key = pointer.slice(pointer.lastIndexOf("/") + 1);
    const message = `"${value}" has a \`..\` in it`;
    context.report({ code: "BAD_PATH", message, pointer, fix: `${key}: ${path}` });
  }
  return path;
}
