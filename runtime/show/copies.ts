/** What was copied out of a container, as text. */
import type { Copied } from "../plan/ops/files.ts";
import { escapeControls } from "./diagnostics.ts";

/** The part of a copy that is shown. */
export type ShownCopy = Omit<Copied, "from">;

/** A path as a user in `directory` would write it. */
export function shortPath(path: string, directory: string): string {
  const base = directory === "/" ? "/" : `${directory}/`;
  return path.startsWith(base) && path !== base ? path.slice(base.length) : path;
}

/** One line each: where it lies, what it is, its digest; then what was left out. */
export function showCopies(copied: readonly ShownCopy[], directory: string): string {
  return copied.map((copy) => {
    const { to, files, directories, bytes, digest, skipped } = copy;
    const what = directories === 0 ? `${bytes} bytes` : `${files} files, ${bytes} bytes`;
    const lines = [`${shortPath(to, directory)} · ${what} · sha256:${digest}`];
    for (const path of skipped) lines.push(`${path}: not copied: it is a socket or a device`);
    return lines.map((line) => `${escapeControls(line)}\n`).join("");
  }).join("");
}
