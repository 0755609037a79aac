/** Whether the files that a spec was read from have changed since. By inotify on their directories: editors write a new file and rename it. */
import { watchDirectories } from "./watching.ts";

export interface SpecChanges {
  /** One of the files has changed since the last `settled`. */
  readonly isPending: () => boolean;
  /** Resolves when nothing has changed for a moment: an editor writes in several steps. */
  readonly settled: () => Promise<void>;
  /** These count too, absolute paths, whether they are there or not. */
  readonly add: (files: readonly string[]) => void;
  readonly [Symbol.dispose]: () => void;
}

const QUIET_MS = 50;

/** Calls `ring` at each change of one of the files. */
export function watchFiles(ring: () => void): SpecChanges {
  const files = new Set<string>();
  let count = 0;
  let seen = 0;
  const watching = watchDirectories((directory, name) => {
    if (name !== undefined && !files.has(`${directory}/${name}`)) return;
    count++;
    ring();
  });
  return {
    isPending: () => count > seen,
    async settled() {
      for (let before = -1; before !== count;) {
        before = count;
        await new Promise((resolve) => setTimeout(resolve, QUIET_MS));
      }
      seen = count;
    },
    add(more) {
      for (const file of more) {
        files.add(file);
        watching.add(file.slice(0, Math.max(1, file.lastIndexOf("/"))));
      }
    },
    [Symbol.dispose]: () => watching.close(),
  };
}
