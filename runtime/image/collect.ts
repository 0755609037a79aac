/**
 * Takes out of the store what nobody needs: what killed unpackings left, layers that no container has and whose archive or
 * image is gone, and what was remembered of them. A layer that a start holds stays, and one that is just made: its
 * container is about to hold it.
 */
import { LOCK_EX, LOCK_NB, O_CLOEXEC, O_DIRECTORY, O_NOFOLLOW } from "../../ffi/abi/fcntl.ts";
import { flock } from "../../ffi/calls/io.ts";
import { openat } from "../../ffi/calls/open.ts";
import { renameat2, unlinkat } from "../../ffi/calls/path.ts";
import { listDirectory, removeTree } from "../../ffi/linux/directory.ts";
import { Fd } from "../../ffi/linux/fd.ts";
import { fileVersion } from "../../ffi/linux/file.ts";
import { callSync } from "../../ffi/linux/run.ts";
import { findLayer, isNewLayer, layerDirectory, newPath, recallArchive } from "./store.ts";
import { forgetUses, readUses } from "./uses.ts";

export interface CollectOptions {
  /** Nothing is removed, what would be is told. */
  readonly dryRun?: boolean;
  /** Also layers whose archive or image is still there: the next start unpacks them again. */
  readonly unused?: boolean;
  /** Layers that were made so long ago at least. */
  readonly ageMs?: number;
}

export interface CollectedLayers {
  /** Digests of the contents. */
  readonly layers: readonly string[];
  /** Directories of unpackings that did not come to their end. */
  readonly unfinished: number;
}

/** From its making to its container's hold goes less than this, unless the machine stands still. */
const YOUNG_MS = 60_000;

const DIRECTORY = O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;

/** The directory, held against all others; `undefined` when somebody has it, or it is gone. */
function holdAlone(path: string): Fd | undefined {
  const number = Number(callSync(openat({ pathname: path, flags: DIRECTORY })));
  if (number < 0) return undefined;
  const fd = new Fd(number);
  if (Number(callSync(flock({ fd: number, operation: LOCK_EX | LOCK_NB }))) === 0) return fd;
  fd[Symbol.dispose]();
  return undefined;
}

export async function collectLayers(
  data: string,
  options: CollectOptions = {},
): Promise<CollectedLayers> {
  const names = listDirectory(`${data}/layers`).map(({ name }) => name);
  let unfinished = 0;
  for (const name of names.filter(isNewLayer)) {
    const path = `${data}/layers/${name}`;
    using held = holdAlone(path);
    if (held === undefined) continue;
    if (options.dryRun !== true) removeTree(path);
    unfinished++;
  }
  if (options.dryRun !== true && names.length > 0) await forgetUses(data);
  const before = wantedLayers(data, options);
  const layers = names.map((name) => name.replace("-", ":")).filter((diffId) =>
    /^sha256:[0-9a-f]{64}$/.test(diffId) && !before.has(diffId) &&
    collectOne(data, diffId, options)
  );
  if (options.dryRun !== true) forgetArchives(data);
  return { layers, unfinished };
}

/** True: it is removed, or would be. */
function collectOne(data: string, diffId: string, options: CollectOptions): boolean {
  const path = layerDirectory(data, diffId);
  const { ageMs = YOUNG_MS } = options;
  if (isYoung(path, ageMs)) return false;
  using held = holdAlone(path);
  // Who claimed it or noted a use before we had it alone is seen now; who comes later finds it held, or gone.
  if (held === undefined || isYoung(path, ageMs)) return false;
  if (wantedLayers(data, options).has(diffId)) return false;
  if (options.dryRun !== true) removeHeld(data, path);
  return true;
}

/** Under another name first, and without its record: nobody takes a part of it for the whole. */
function removeHeld(data: string, path: string): void {
  const away = newPath(data);
  if (Number(callSync(renameat2({ oldpath: path, newpath: away }))) < 0) return;
  callSync(unlinkat({ pathname: `${away}/layer.json`, flags: 0 }));
  removeTree(away);
}

function isYoung(path: string, ageMs: number): boolean {
  const changed = fileVersion(path)?.changedMs;
  return changed === undefined || Date.now() - changed < ageMs;
}

const wantedLayers = (data: string, { unused }: CollectOptions): ReadonlySet<string> =>
  readUses(data, unused === true ? "containers" : "all").wanted;

/** What archives hold is remembered for the layer's sake. */
function forgetArchives(data: string): void {
  for (const { name } of listDirectory(`${data}/archives`)) {
    const known = recallArchive(data, name);
    if (known !== undefined && findLayer(data, known.diffId) !== undefined) continue;
    callSync(unlinkat({ pathname: `${data}/archives/${name}`, flags: 0 }));
  }
}

/**
 * Forgets one layer, whoever wants it; false when a container has it, or an unpacking holds it: then it stays.
 */
export function removeLayer(data: string, diffId: string): boolean {
  const path = layerDirectory(data, diffId);
  using held = holdAlone(path);
  if (held === undefined) return false;
  removeHeld(data, path);
  return true;
}
