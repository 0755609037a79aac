/** Scratch directories that are gone when their scope ends: `using dir = tempDir();`. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";

export interface TempDir extends Disposable {
  readonly path: string;
  /** Path of `name` in the directory. */
  file(name: string): string;
  /** Writes `name` (with its directories) and gives its path. */
  write(name: string, content: string | Uint8Array): string;
}

/** Makes a directory of mode 0700 below the system's place for temporary files. */
export function tempDir(prefix = "containerv-test-"): TempDir {
  const path = mkdtempSync(join(tmpdir(), prefix));
  const file = (name: string) => join(path, name);
  return {
    path,
    file,
    write(name, content) {
      mkdirSync(dirname(file(name)), { recursive: true });
      writeFileSync(file(name), content);
      return file(name);
    },
    [Symbol.dispose]() {
      rmSync(path, { recursive: true, force: true });
    },
  };
}
