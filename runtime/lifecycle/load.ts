/** A file, standard input, or an object → a checked spec. Reads through the cache of specs that were validated before. */
import { SyscallError } from "../../ffi/linux/error.ts";
import {
  getuid,
  NotRegularError,
  readBytes,
  readBytesInRoot,
  readInput,
} from "../../ffi/linux/file.ts";
import { glanceRegular } from "../../ffi/linux/glance.ts";
import { normalisePath } from "../../spec/model/context.ts";
import type { GivenFile } from "../../spec/merge/resolve.ts";
import type { LoadResult } from "../../spec/model/load_result.ts";
import { cacheDirectory, type CacheKey, readCache, writeCache } from "../state/spec_cache.ts";
import { ContainervError } from "../plan/error.ts";
import { BUILD } from "../version.ts";

export interface LoadOptions {
  /** Replaces the last command. */
  readonly command?: readonly string[];
  /** False: the spec is read anew. */
  readonly cache?: boolean;
  /** Values of declared variables, before all others: `--set NAME=value`. */
  readonly variables?: Readonly<Record<string, string>>;
  /** Files that are merged over it, in this order. */
  readonly over?: readonly string[];
  /** It lies in no directory: relative paths are errors, and nothing is read beside it. */
  readonly baseless?: boolean;
}

/** A spec can be this long at most; more is refused by the parser, which is given one byte more to see it. */
const SPEC_BYTES_MAX = (1 << 20) + 1;

/** `path` made absolute against `directory`, without `.` and `..`. */
export function absolutePath(path: string, directory: string): string {
  return normalisePath(path.startsWith("/") ? path : `${directory}/${path}`);
}

/** A spec and what its caches are known by. */
export interface ReadSpec {
  readonly key: CacheKey;
  /** Directory of the caches; absent when nothing is to be kept. */
  readonly cache?: string;
}

/** Reads `file`, or standard input for `-`. Throws when it can't be read. */
export function readSpec(file: string, options: LoadOptions = {}): ReadSpec {
  const isInput = file === "-";
  const path = isInput ? `${process.cwd()}/-` : absolutePath(file, process.cwd());
  const bytes = isInput ? readInput(SPEC_BYTES_MAX) : readSpecFile(path, file);
  const directory = path.slice(0, Math.max(1, path.lastIndexOf("/")));
  const cached = BUILD !== undefined && options.over === undefined && options.cache !== false &&
    options.command === undefined &&
    options.variables === undefined && !isInput;
  const cache = cached ? cacheDirectory(process.env, getuid()) : undefined;
  const key = {
    file: isInput ? "<stdin>" : file,
    directory,
    bytes,
    version: BUILD ?? "",
  };
  return cache === undefined ? { key } : { key, cache };
}

/** Checks and normalises what was read. Errors of the spec are in the result. */
export async function loadRead(
  { key, cache }: ReadSpec,
  options: LoadOptions = {},
): Promise<LoadResult> {
  if (cache !== undefined) {
    const known = readCache<LoadResult>(cache, key);
    if (known !== undefined) return known;
  }
  const { loadSpec } = await import("../../spec/load.ts");
  const result = loadSpec({
    text: key.bytes,
    file: key.file,
    directory: key.directory,
    ...(options.baseless === true ? { baseless: true } : { read: readBeside(key.directory) }),
    ...(options.over === undefined
      ? {}
      : { over: options.over.map((file) => readOver(file, key.directory)) }),
    ...(options.command === undefined ? {} : { command: options.command }),
    variables: {
      ...(options.variables === undefined ? {} : { set: options.variables }),
      environment: process.env,
      dotenv: () => options.baseless === true ? undefined : readDotenv(key.directory),
    },
  });
  if (cache !== undefined && result.desired !== undefined && isOfTextAlone(result)) {
    writeCache(cache, key, result);
  }
  return result;
}

/** Reads what a spec names by its path, where that does not lead out of its directory. */
function readBeside(directory: string): (path: string) => Uint8Array | string {
  return (path) => {
    try {
      const bytes = readBytesInRoot(directory, path, SPEC_BYTES_MAX - 1);
      if (bytes === undefined) return "no such file";
      return bytes === false ? "it is not a regular file, or may not be read" : bytes;
    } catch (error) {
      if (error instanceof SyscallError) return error.message;
      throw error;
    }
  };
}

/** A further file of a spec in `directory`. Throws SPEC_UNREADABLE. */
function readOver(file: string, directory: string): GivenFile {
  const path = absolutePath(file, process.cwd());
  const slash = path.lastIndexOf("/");
  const own = path.slice(0, Math.max(1, slash));
  return {
    text: readSpecFile(path, file),
    path: path.slice(slash + 1),
    root: {
      prefix: relativeWay(directory, own),
      shown: file.slice(0, file.lastIndexOf("/") + 1),
      read: readBeside(own),
    },
  };
}

/** From one absolute directory to another, with a `/` at its end; empty for the same. */
export function relativeWay(from: string, to: string): string {
  const steps = (path: string): string[] => path.split("/").filter((step) => step !== "");
  const [mine, theirs] = [steps(from), steps(to)];
  let common = 0;
  while (common < mine.length && mine[common] === theirs[common]) common++;
  return [...mine.slice(common).map(() => ".."), ...theirs.slice(common)]
    .map((step) => `${step}/`).join("");
}

/** What was made of variables may be another the next time; of the value of a secret no copy is made. */
export function isOfTextAlone({ desired, volatile }: LoadResult): boolean {
  const secrets = desired?.containers.flatMap((container) => container.secrets) ?? [];
  return volatile !== true && !secrets.some((secret) => "value" in secret);
}

/** Reads and loads. Errors of the spec are in the result; throws when it can't be read. */
export async function loadFile(file: string, options: LoadOptions = {}): Promise<LoadResult> {
  return await loadRead(readSpec(file, options), options);
}

function readSpecFile(path: string, shown: string): Uint8Array {
  const read = readRegular(path, shown);
  if (read !== undefined) return read;
  throw unreadable(`cannot read ${shown}: no such file`, {});
}

/** `.env` beside a spec, when there is one. */
function readDotenv(directory: string): string | undefined {
  const bytes = readRegular(`${directory}/.env`, ".env");
  return bytes === undefined ? undefined : new TextDecoder().decode(bytes);
}

/** `undefined`: there is none. Throws SPEC_UNREADABLE. */
function readRegular(path: string, shown: string): Uint8Array | undefined {
  try {
    // The second says why the first could not; it reads the few that are longer, too.
    return glanceRegular(path) ?? readBytes(path, { bytes: SPEC_BYTES_MAX, regular: true });
  } catch (error) {
    if (error instanceof NotRegularError) throw unreadable(`${shown} is not a regular file`, {});
    if (error instanceof SyscallError) {
      throw unreadable(`cannot read ${shown}`, { syscall: error.message, errno: error.errno });
    }
    throw error;
  }
}

function unreadable(
  message: string,
  facts: { readonly syscall?: string; readonly errno?: number },
): ContainervError {
  const fix = "name a spec, or `-` for standard input";
  return new ContainervError({ code: "SPEC_UNREADABLE", message, fix, ...facts });
}
