/** Directories that are watched by inotify, through the runtime's own watcher: no timer looks at anything. */
import { type FSWatcher, watch } from "node:fs";

export interface Watching {
  /** Watches this directory too; one that is watched already, or is not there, changes nothing. False: it is not there. */
  readonly add: (directory: string) => boolean;
  readonly close: () => void;
}

/** Calls `changed` with the directory and the name of what changed in it (`undefined`: nobody knows what). */
export function watchDirectories(
  changed: (directory: string, name: string | undefined) => void,
): Watching {
  const watchers = new Map<string, FSWatcher>();
  const forget = (directory: string): void => {
    watchers.get(directory)?.close();
    watchers.delete(directory);
    changed(directory, undefined);
  };
  return {
    add(directory) {
      if (watchers.has(directory)) return true;
      try {
        const watcher = watch(directory, (_kind, name) => changed(directory, name ?? undefined));
        // It goes with what it holds: the project was removed.
        watcher.on("error", () => forget(directory));
        watchers.set(directory, watcher);
        return true;
      } catch (error) {
        if ((error as { readonly code?: string }).code === "ENOENT") return false;
        throw error;
      }
    },
    close() {
      for (const watcher of watchers.values()) watcher.close();
      watchers.clear();
    },
  };
}
