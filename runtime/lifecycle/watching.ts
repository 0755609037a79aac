/** Directories that are watched by inotify, through the runtime's own watcher: no timer looks at anything. */
import { type FSWatcher, statSync, watch } from "node:fs";

export interface Watching {
  /** Watches this directory too; one that is watched already, or is not there, changes nothing. False: it is not there. */
  readonly add: (directory: string) => boolean;
  readonly close: () => void;
}

/** Bun keeps equal events of one millisecond back: what they were about is looked at once more when they are over. */
const AGAIN_MS = 10;

/** Calls `changed` with the directory and the name of what changed in it (`undefined`: nobody knows what). */
export function watchDirectories(
  changed: (directory: string, name: string | undefined) => void,
): Watching {
  const watchers = new Map<string, { readonly watcher: FSWatcher; readonly inode: number }>();
  const again = new Map<string, () => void>();
  let timer: ReturnType<typeof setTimeout> | undefined;
  const sayAgain = (): void => {
    timer = undefined;
    const all = [...again.values()];
    again.clear();
    for (const say of all) say();
  };
  const say = (directory: string, name: string | undefined): void => {
    changed(directory, name);
    again.set(`${directory}/${name ?? ""}`, () => changed(directory, name));
    timer ??= setTimeout(sayAgain, AGAIN_MS);
  };
  const forget = (directory: string): void => {
    watchers.get(directory)?.watcher.close();
    watchers.delete(directory);
    changed(directory, undefined);
  };
  return {
    add(directory) {
      const inode = statSync(directory, { throwIfNoEntry: false })?.ino;
      if (inode === undefined) return false;
      const known = watchers.get(directory);
      if (known?.inode === inode) return true;
      // It was removed, and made anew.
      known?.watcher.close();
      try {
        const watcher = watch(directory, (_kind, name) => say(directory, name ?? undefined));
        // It goes with what it holds: the project was removed.
        watcher.on("error", () => forget(directory));
        watchers.set(directory, { watcher, inode });
        return true;
      } catch (error) {
        if ((error as { readonly code?: string }).code === "ENOENT") return false;
        throw error;
      }
    },
    close() {
      clearTimeout(timer);
      for (const { watcher } of watchers.values()) watcher.close();
      watchers.clear();
    },
  };
}
