/**
 * The store of unpacked layers: `layers/sha256-…` by the digest of the archive's contents (the diff id), made under another
 * name and renamed when whole and on the disk, so that what has the name is good. `archives/` and `digests/` remember what an
 * archive's contents are, by the file's identity and by the digest of its compressed bytes.
 */
import { EEXIST, ENOENT, ENOTEMPTY } from "../../ffi/abi/errno.ts";
import {
  LOCK_EX,
  LOCK_NB,
  LOCK_SH,
  O_CLOEXEC,
  O_DIRECTORY,
  O_NOFOLLOW,
  O_RDONLY,
  RENAME_NOREPLACE,
} from "../../ffi/abi/fcntl.ts";
import { flock, fsync, syncfs } from "../../ffi/calls/io.ts";
import { openat } from "../../ffi/calls/open.ts";
import { fchmod, mkdirat, renameat2, unlinkat } from "../../ffi/calls/path.ts";
import { Fd } from "../../ffi/linux/fd.ts";
import { makePrivateDirectory, readFile, replaceFile } from "../../ffi/linux/file.ts";
import { lockFile } from "../../ffi/linux/lock_file.ts";
import { removeTree } from "../../ffi/linux/directory.ts";
import { callSync, check, SyscallError } from "../../ffi/linux/run.ts";
import { ImageError } from "./error.ts";

/** A digest as it may be part of a path: nothing else ever is (security case T9). */
const DIGEST = /^sha256:[0-9a-f]{64}$/;

/** @throws ImageError unless it is sha256 in full. */
export function checkDigest(text: unknown, what: string): string {
  if (typeof text === "string" && DIGEST.test(text)) return text;
  const shown = typeof text === "string" ? `"${text.slice(0, 80)}"` : String(typeof text);
  throw new ImageError(
    "IMAGE_INVALID",
    `the digest of ${what} is not sha256: and 64 digits: ${shown}`,
  );
}

const fileName = (digest: string): string => checkDigest(digest, "a layer").replace(":", "-");

/** Directory of a layer, whether it is there or not: its files and its record, held by a lock on it. */
export const layerDirectory = (data: string, diffId: string): string =>
  `${data}/layers/${fileName(diffId)}`;

/** Path of the layer's root, whether it is there or not. */
export const layerRoot = (data: string, diffId: string): string =>
  `${layerDirectory(data, diffId)}/fs`;

const recordPath = (data: string, diffId: string): string =>
  `${layerDirectory(data, diffId)}/layer.json`;

const DIRECTORY = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;

/** What is remembered of a layer besides its files. */
export interface LayerRecord {
  readonly version: 1;
  readonly diffId: string;
  /** What could not be kept, as "device nodes", and of how many entries. */
  readonly notes: Readonly<Record<string, number>>;
  readonly whiteouts: number;
}

/** `undefined`: the layer is not there. */
export function findLayer(data: string, diffId: string): LayerRecord | undefined {
  return readRecord<LayerRecord>(recordPath(data, diffId));
}

/** How often whoever looks whether it may remove the layer is waited for, and how long: it looks, or it removes. */
const CLAIM_TRIES = 1000;
const CLAIM_MS = 5;

/**
 * As `findLayer`, and the layer is young again: whoever collects layers lets it be for a while, in which a start comes to
 * hold it.
 */
export async function claimLayer(data: string, diffId: string): Promise<LayerRecord | undefined> {
  const path = layerDirectory(data, diffId);
  for (let tries = 0; tries < CLAIM_TRIES; tries++) {
    const number = Number(callSync(openat({ pathname: path, flags: DIRECTORY })));
    if (number < 0) return undefined;
    using fd = new Fd(number);
    if (Number(callSync(flock({ fd: fd.number, operation: LOCK_SH | LOCK_NB }))) === 0) {
      // The mode that it has: the time of the change is what is meant.
      callSync(fchmod({ fd: fd.number, mode: 0o700 }));
      return findLayer(data, diffId);
    }
    await new Promise((resolve) => setTimeout(resolve, CLAIM_MS));
  }
  throw new ImageError("STORE_UNUSABLE", `the layer ${diffId} is held by who would remove it`);
}

function readRecord<T extends { readonly version: 1 }>(path: string): T | undefined {
  const text = readFile(path);
  if (text === undefined) return undefined;
  try {
    const value = JSON.parse(text) as T;
    return value.version === 1 ? value : undefined;
  } catch {
    return undefined; // torn: it is written anew
  }
}

/** What an archive holds, as far as it was read before. */
export interface ArchiveRecord {
  readonly version: 1;
  readonly digest: string;
  readonly diffId: string;
}

/** `key`: the identity of a file, or a digest. */
export function recallArchive(data: string, key: string): ArchiveRecord | undefined {
  return readRecord<ArchiveRecord>(`${data}/archives/${key.replace(":", "-")}`);
}

export function rememberArchive(data: string, key: string, record: ArchiveRecord): void {
  replaceFile(`${data}/archives/${key.replace(":", "-")}`, JSON.stringify(record));
}

/** Makes the directories of the store. @throws ImageError when they can't be ours alone. */
export function openStore(data: string): void {
  for (const name of ["layers", "archives", "locks", "uses"]) {
    const reason = makePrivateDirectory(`${data}/${name}`);
    if (reason === undefined) continue;
    throw new ImageError("STORE_UNUSABLE", `the store of layers can't be used: ${reason}`);
  }
}

/** Waits until nobody else holds the lock of that name; the result ends the holding and takes its file away, the end of the process only ends it. */
export async function lock(data: string, name: string): Promise<Disposable> {
  const pathname = `${data}/locks/${name.replace(":", "-")}`;
  const fd = await lockFile(pathname).catch((error: unknown) => {
    if (!(error instanceof SyscallError) || error.errno !== ENOENT) throw error;
    openStore(data);
    return lockFile(pathname);
  });
  return {
    [Symbol.dispose]() {
      callSync(unlinkat({ pathname, flags: 0 }));
      fd[Symbol.dispose]();
    },
  };
}

/** A layer that is being made. Whoever dies leaves a directory that nobody holds. */
export interface NewLayer extends Disposable {
  /** Descriptor of the directory that becomes the layer's root. */
  readonly root: number;
  /** Gives it its name; true when it was there already, and ours is not needed. */
  readonly publish: (record: LayerRecord) => boolean;
}

const NEW = ".new-";
let count = 0;

/** True for what `newPath` gives. */
export const isNewLayer = (name: string): boolean => name.startsWith(NEW);

/** A name that no whole layer has. */
export const newPath = (data: string): string =>
  `${data}/layers/${NEW}${process.pid}-${Date.now()}-${count++}`;

/** How often a directory may be collected between being made and being held. */
const TRIES = 10;

function heldDirectory(data: string): { path: string; held: Fd } {
  for (let tries = 1;; tries++) {
    const path = newPath(data);
    try {
      check(mkdirat({ pathname: path, mode: 0o700 }));
      const held = Fd.open(openat({ pathname: path, flags: DIRECTORY }));
      check(flock({ fd: held.number, operation: LOCK_EX | LOCK_NB }));
      check(mkdirat({ pathname: `${path}/fs`, mode: 0o755 }));
      return { path, held };
    } catch (error) {
      if (!(error instanceof SyscallError) || tries === TRIES) throw error;
      openStore(data);
    }
  }
}

export function createLayer(data: string): NewLayer {
  const { path, held } = heldDirectory(data);
  const root = Fd.open(openat({ pathname: `${path}/fs`, flags: DIRECTORY }));
  let done = false;
  return {
    root: root.number,
    publish(record) {
      const reason = replaceFile(`${path}/layer.json`, JSON.stringify(record));
      if (reason !== undefined) throw new ImageError("STORE_UNUSABLE", reason);
      // What has the name survives the machine's power: all of it is on the disk before (security case T17).
      check(syncfs({ fd: root.number }));
      const layer = layerDirectory(data, record.diffId);
      const call = renameat2({ oldpath: path, newpath: layer, flags: RENAME_NOREPLACE });
      const result = Number(callSync(call));
      if (result === -EEXIST || result === -ENOTEMPTY) return true;
      if (result < 0) throw new SyscallError(call, -result);
      done = true;
      // Its containers may have it from now on.
      callSync(flock({ fd: held.number, operation: LOCK_SH | LOCK_NB }));
      using parent = Fd.open(openat({ pathname: `${data}/layers`, flags: DIRECTORY }));
      check(fsync({ fd: parent.number }));
      return false;
    },
    [Symbol.dispose]() {
      root[Symbol.dispose]();
      if (!done) removeTree(path);
      held[Symbol.dispose]();
    },
  };
}
