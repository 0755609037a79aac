/** A file, standard input, or an object → a checked spec. Reads through the cache of specs that were validated before. */
import { getuid, readBytes, readInput } from "../../ffi/linux/file.ts";
import type { LoadResult } from "../../spec/model/load_result.ts";
import { cacheDirectory, readCache, writeCache } from "../state/spec_cache.ts";
import { ContainervError } from "../plan/error.ts";
import { VERSION } from "../version.ts";

export interface LoadOptions {
  /** Replaces the last command. */
  readonly command?: readonly string[];
  /** False: the spec is read anew. */
  readonly cache?: boolean;
}

/** A spec can be this long at most; more is refused by the parser, which is given one byte more to see it. */
const SPEC_BYTES_MAX = (1 << 20) + 1;

/** `path` made absolute against `directory`, without `.` and `..`. */
export function absolutePath(path: string, directory: string): string {
  const steps: string[] = [];
  for (const step of (path.startsWith("/") ? path : `${directory}/${path}`).split("/")) {
    if (step === "..") steps.pop();
    else if (step !== "" && step !== ".") steps.push(step);
  }
  return `/${steps.join("/")}`;
}

/** Loads `file`, or standard input for `-`. Errors of the spec are in the result; throws when it can't be read. */
export async function loadFile(file: string, options: LoadOptions = {}): Promise<LoadResult> {
  const isInput = file === "-";
  const path = isInput ? process.cwd() + "/-" : absolutePath(file, process.cwd());
  const bytes = isInput ? readInput(SPEC_BYTES_MAX) : readSpec(path, file);
  const directory = path.slice(0, Math.max(1, path.lastIndexOf("/")));
  const shown = isInput ? "<stdin>" : file;
  const cached = options.cache !== false && options.command === undefined && !isInput;
  const where = cached ? cacheDirectory(process.env, getuid()) : undefined;
  const key = { file: shown, directory, text: latin1(bytes), version: VERSION };
  if (where !== undefined) {
    const known = readCache(where, key);
    if (known !== undefined) return known;
  }
  const { loadSpec } = await import("../../spec/load.ts");
  const result = loadSpec({
    text: bytes,
    file: shown,
    directory,
    ...(options.command === undefined ? {} : { command: options.command }),
  });
  if (where !== undefined && result.desired !== undefined) writeCache(where, key, result);
  return result;
}

/** One character per byte: a key that is exact whatever the bytes are. */
function latin1(bytes: Uint8Array): string {
  let text = "";
  for (let i = 0; i < bytes.length; i += 4096) {
    text += String.fromCharCode(...bytes.subarray(i, i + 4096));
  }
  return text;
}

function readSpec(path: string, shown: string): Uint8Array {
  const read = readBytes(path, { bytes: SPEC_BYTES_MAX, regular: true });
  if (read !== undefined) return read;
  throw new ContainervError({
    code: "SPEC_UNREADABLE",
    message: `cannot read ${shown}: no such file`,
    fix: "name a spec, or `-` for standard input",
  });
}
