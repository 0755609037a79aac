/**
 * Specs that were validated before: a start with the same bytes reads their normalised form instead of parsing anew
 * (design rule 10). Nothing else depends on it: a cache that can't be read or written is as good as none.
 *
 * One file per spec in a private directory (0700, ours), named by a hash of its path. It holds the whole text, which is
 * compared, so neither a collision nor a change goes unseen.
 */
import { hash64 } from "../../ffi/abi/hash.ts";
import { unlinkat } from "../../ffi/calls/path.ts";
import { listDirectory } from "../../ffi/linux/directory.ts";
import {
  entryKind,
  isPrivateDirectory,
  makePrivateDirectory,
  readFile,
  replaceFile,
} from "../../ffi/linux/file.ts";
import { callSync, SyscallError } from "../../ffi/linux/run.ts";

/** What the result of loading depends on besides the text. */
export interface CacheKey {
  readonly file: string;
  /** The whole spec. */
  readonly bytes: Uint8Array;
  readonly directory: string;
  readonly version: string;
}

interface Entry<Result> extends Omit<CacheKey, "bytes"> {
  /** The whole spec, one character per byte: exact whatever the bytes are. */
  readonly text: string;
  readonly result: Result;
}

/** Directory of the cache: below XDG_CACHE_HOME, else /var/cache (root) or ~/.cache. */
export function cacheDirectory(
  environment: Readonly<Record<string, string | undefined>>,
  uid: number,
): string | undefined {
  const base = environment["XDG_CACHE_HOME"];
  if (base !== undefined && base.startsWith("/")) return `${base}/containerv`;
  if (uid === 0) return "/var/cache/containerv";
  const home = environment["HOME"];
  return home !== undefined && home.startsWith("/") ? `${home}/.cache/containerv` : undefined;
}

/** Name of what is kept of a spec, without its ending. */
export function cacheName(key: CacheKey): string {
  return hash64(`${key.directory}/${key.file}`);
}

function latin1(bytes: Uint8Array): string {
  let text = "";
  for (let i = 0; i < bytes.length; i += 4096) {
    text += String.fromCharCode(...bytes.subarray(i, i + 4096));
  }
  return text;
}

const sameKey = (a: Partial<Entry<unknown>>, b: CacheKey): boolean =>
  a.version === b.version && a.file === b.file && a.directory === b.directory &&
  a.text === latin1(b.bytes);

/** What was made of the same text before; `undefined` when nothing fits. */
export function readCache<Result>(directory: string, key: CacheKey): Result | undefined {
  const path = `${directory}/${cacheName(key)}.json`;
  // The directory is checked, not only the file: who may write there may plant what is run as us.
  if (!isPrivateDirectory(directory)) return undefined;
  const entry = readEntry<Result>(path);
  return entry !== undefined && sameKey(entry, key) ? entry.result : undefined;
}

/** `undefined`: it is not there, or torn by a full disk; then it is written anew. */
function readEntry<Result>(path: string): Partial<Entry<Result>> | undefined {
  const text = readFile(path);
  if (text === undefined) return undefined;
  try {
    return JSON.parse(text) as Partial<Entry<Result>> | null ?? undefined;
  } catch {
    return undefined;
  }
}

/** More files than that are not kept at a time: who makes a spec anew for each run must not fill the disk. */
const FILES_MAX = 2000;
const OWN = /^([0-9a-f]{16})\.(?:json|run)$/;

/** Keeps a good result. Gives the reason when it could not; that is no error. */
export function writeCache(
  directory: string,
  key: CacheKey,
  result: unknown,
): string | undefined {
  const path = `${directory}/${cacheName(key)}.json`;
  const made = makePrivateDirectory(directory);
  if (made !== undefined) return made;
  // One that is written again takes no more room: then nobody waits until all are listed.
  if (entryKind(path) === undefined) makeRoom(directory);
  const { file, version, bytes } = key;
  const text = latin1(bytes);
  const entry: Entry<unknown> = { file, version, directory: key.directory, text, result };
  return replaceFile(path, JSON.stringify(entry));
}

function makeRoom(directory: string): void {
  const entries = listDirectory(directory);
  if (entries.length >= FILES_MAX) entries.forEach(({ name }) => forget(directory, name));
}

function forget(directory: string, name: string): void {
  if (OWN.test(name)) callSync(unlinkat({ pathname: `${directory}/${name}` }));
}

/** Forgets specs that are not there any more, and what is remembered of their runs; gives how many. With `dryRun` nothing is changed. */
export function forgetGone(directory: string, { dryRun }: { readonly dryRun: boolean }): number {
  if (!isPrivateDirectory(directory)) return 0;
  let count = 0;
  for (const { name, isDirectory } of listDirectory(directory)) {
    const own = name.endsWith(".json") && !isDirectory ? OWN.exec(name)?.[1] : undefined;
    const spec = own === undefined ? undefined : specOf(`${directory}/${name}`);
    if (spec === undefined || !isGone(spec)) continue;
    count++;
    if (!dryRun) { for (const end of ["json", "run"]) forget(directory, `${own}.${end}`); }
  }
  return count;
}

/** Of what can't be looked at nobody says that it is gone. */
function isGone(path: string): boolean {
  try {
    return entryKind(path) === undefined;
  } catch (error) {
    if (error instanceof SyscallError) return false;
    throw error;
  }
}

/** Path of the spec that an entry is of; `undefined`: it does not say so. */
function specOf(path: string): string | undefined {
  const { file, directory } = readEntry(path) ?? {};
  return typeof file !== "string" || typeof directory !== "string"
    ? undefined
    : `${directory}/${file.slice(file.lastIndexOf("/") + 1)}`;
}
