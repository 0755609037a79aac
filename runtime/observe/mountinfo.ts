/** /proc/PID/mountinfo, proc_pid_mountinfo(5). */
export interface MountEntry {
  readonly at: string;
  readonly root: string;
  readonly fs: string;
  readonly source: string;
  readonly options: readonly string[];
  readonly superOptions: readonly string[];
}

/** Space, tab, newline and backslash stand in the file as octal. */
const unescape = (text: string): string =>
  text.includes("\\")
    ? text.replace(/\\([0-7]{3})/g, (_, code: string) => String.fromCharCode(parseInt(code, 8)))
    : text;

/** One entry per line; a line that is not whole is left out. */
export function parseMountinfo(text: string): readonly MountEntry[] {
  const entries: MountEntry[] = [];
  for (const line of text.split("\n")) {
    const [left, right] = line.split(" - ");
    if (left === undefined || right === undefined) continue;
    const [, , , root, at, options] = left.split(" ");
    const [fs, source, superOptions] = right.split(" ");
    if (root === undefined || at === undefined || fs === undefined) continue;
    entries.push({
      at: unescape(at),
      root: unescape(root),
      fs,
      source: unescape(source ?? ""),
      options: (options ?? "").split(","),
      superOptions: (superOptions ?? "").split(","),
    });
  }
  return entries;
}
