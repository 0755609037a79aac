/**
 * Who wants which layers of the store. `uses/` has a file per wanter: a container that stays, by its record, or an archive or
 * image that was unpacked. As long as that file is there (and is the one that it was), its layers are kept.
 */
import { createHash } from "node:crypto";
import { unlinkat } from "../../ffi/calls/path.ts";
import { listDirectory } from "../../ffi/linux/directory.ts";
import { fileVersion, readFile, replaceFile } from "../../ffi/linux/file.ts";
import { callSync } from "../../ffi/linux/run.ts";
import { ImageError } from "./error.ts";
import { lock } from "./store.ts";

/** Layers and the file that wants them. */
export interface LayerUse {
  readonly version: 1;
  /** Absolute path. */
  readonly file: string;
  /** What is there until it is called `file`. */
  readonly movedFrom?: string;
  /** What an archive or an image was (`fileVersion`); absent for a container. */
  readonly identity?: string;
  /** Diff ids. */
  readonly layers: readonly string[];
}

const directoryOf = (data: string): string => `${data}/uses`;

const useOf = (data: string, who: string): string =>
  `${directoryOf(data)}/${createHash("sha256").update(who).digest("hex")}`;

/** Name of the lock under which uses are written and forgotten: what is written again meanwhile is not forgotten. */
const LOCK = "uses";

/** `who`: one file of the store each; what it wanted before is forgotten. @throws ImageError when it can't be written. */
export async function noteUse(
  data: string,
  who: string,
  use: Omit<LayerUse, "version">,
): Promise<void> {
  const path = useOf(data, who);
  const text = JSON.stringify({ version: 1, ...use } satisfies LayerUse);
  if (use.identity !== undefined && readFile(path) === text) return;
  using _held = await lock(data, LOCK);
  const reason = replaceFile(path, text);
  if (reason !== undefined) throw new ImageError("STORE_UNUSABLE", reason);
}

/**
 * `move` gives what wants layers, a file that is noted under its own path, the path `to`. Whenever this is cut off, and whoever collects
 * meanwhile: its layers are wanted. @throws ImageError when that can't be written; then it has not moved.
 */
export async function moveUse(
  data: string,
  { from, to }: { readonly from: string; readonly to: string },
  move: () => void,
): Promise<void> {
  const use = parse(readFile(useOf(data, from)));
  if (use === undefined) return move();
  const { layers } = use;
  await noteUse(data, to, { file: to, movedFrom: from, layers });
  move();
  await noteUse(data, to, { file: to, layers });
  // Another may get that path.
  callSync(unlinkat({ pathname: useOf(data, from), flags: 0 }));
}

/** What is wanted, and the files of `uses/` that want nothing any more. */
export interface LayerUses {
  readonly wanted: ReadonlySet<string>;
  readonly over: readonly string[];
}

/** `containers`: what archives and images want is left out. */
export function readUses(data: string, which: "all" | "containers"): LayerUses {
  const wanted = new Set<string>();
  const over: string[] = [];
  for (const { name } of listDirectory(directoryOf(data))) {
    const path = `${directoryOf(data)}/${name}`;
    const use = parse(readFile(path));
    if (use === undefined || !isThere(use)) over.push(path);
    else if (which === "all" || use.identity === undefined) {
      for (const diffId of use.layers) wanted.add(diffId);
    }
  }
  return { wanted, over };
}

function isThere({ file, movedFrom, identity }: LayerUse): boolean {
  if (movedFrom !== undefined && fileVersion(movedFrom) !== undefined) return true;
  const found = fileVersion(file);
  return found !== undefined && (identity === undefined || identity === found.text);
}

/** Written in one piece: what is no use, a writer left that was killed. */
function parse(text: string | undefined): LayerUse | undefined {
  try {
    const value = JSON.parse(text ?? "") as Partial<LayerUse> | null;
    const whole = value?.version === 1 && typeof value.file === "string" &&
      Array.isArray(value.layers);
    return whole ? value as LayerUse : undefined;
  } catch {
    return undefined;
  }
}

/** Forgets who wants nothing any more. */
export async function forgetUses(data: string): Promise<void> {
  if (readUses(data, "all").over.length === 0) return;
  using _held = await lock(data, LOCK);
  for (const pathname of readUses(data, "all").over) callSync(unlinkat({ pathname, flags: 0 }));
}
