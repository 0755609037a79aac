/**
 * Files into a container that runs and out of it. Its root is opened once, through its first process, and everything else goes from
 * descriptor to descriptor: links resolve inside of it and none of /proc is followed, whatever the container does meanwhile.
 */
import { O_CLOEXEC, O_DIRECTORY, O_PATH } from "../../ffi/abi/fcntl.ts";
import { openat } from "../../ffi/calls/open.ts";
import { openBelow, statusOf } from "../../ffi/linux/entries.ts";
import { Fd } from "../../ffi/linux/fd.ts";
import { getuid, readFile } from "../../ffi/linux/file.ts";
import { SyscallError } from "../../ffi/linux/run.ts";
import { ContainervError } from "../plan/error.ts";
import { baseName, type Ids, KEPT_ATTRIBUTES, placeBelow } from "./copy_place.ts";
import { copyBytes, type CopyResult, type CopyRules, copyTree, type Entry } from "./copy_tree.ts";
import { noted } from "./half_copies.ts";
import { type ExecTarget, isAlive, notRunning, openTarget } from "./exec.ts";
import { absolutePath } from "./load.ts";

export type { CopyResult } from "./copy_tree.ts";

/** The part of a container that files need. */
export type CopyTarget = Omit<ExecTarget, "container">;

export interface CopyOptions {
  /** True: the path is the directory that the copy goes into; false: its own path. Absent: what is there decides. */
  readonly into?: boolean;
  /** Permission bits of each file, in place of its own. */
  readonly mode?: number;
  /** The copy belongs to the owner of the directory that it is put in. */
  readonly ownerOfDirectory?: boolean;
}

/** The container's root directory. Throws ContainervError when it has ended. */
export function openRoot(target: CopyTarget): Fd {
  using pidfd = openTarget(target);
  const flags = O_PATH | O_DIRECTORY | O_CLOEXEC;
  const root = Fd.open(openat({ pathname: `/proc/${target.pid}/root`, flags }));
  // While that process lives the pid is its own.
  if (isAlive(pidfd)) return root;
  root[Symbol.dispose]();
  throw notRunning(target.name);
}

/** Copies a file or directory of the host, or bytes, to `to` in the container. Throws ContainervError. */
export function upload(
  target: CopyTarget,
  from: string | Uint8Array,
  to: string,
  options: CopyOptions = {},
): CopyResult {
  return explained(`copy to ${target.name}:${to}`, () => {
    using root = openRoot(target);
    const ids = idsOf(target.pid);
    const name = typeof from === "string" ? baseName(from) : undefined;
    using place = placeBelow(root, to, { name, into: options.into });
    if (typeof from !== "string") {
      const owner = ownerFor(place, options, () => ids.toKernel({ uid: 0, gid: 0 }));
      return copyBytes(from, place, { mode: options.mode ?? 0o644, ...owner });
    }
    using source = openHost(from);
    return copyTree(source, place, {
      ...ownerRule(place, options, ids.toKernel),
      mode: (of) => of.kind === "directory" ? of.mode : options.mode ?? of.mode,
      attribute: (attribute) =>
        KEPT_ATTRIBUTES.test(attribute) || attribute === "security.capability",
    });
  });
}

/** Copies a file or directory of the container to a path of the host. Throws ContainervError. */
export function download(
  target: CopyTarget,
  from: string,
  to: string,
  options: CopyOptions = {},
): CopyResult {
  return explained(`copy ${target.name}:${from}`, () => {
    using root = openRoot(target);
    return downloadFrom(root, { ...target, from, to }, options);
  });
}

/** As `download`, out of a root that was opened before. */
export function downloadFrom(
  root: Fd,
  what: { readonly pid: number; readonly from: string; readonly to: string },
  options: CopyOptions = {},
): CopyResult {
  using source = openBelow(root, what.from);
  using host = openHost("/");
  const path = absolutePath(what.to, process.cwd()) + (what.to.endsWith("/") ? "/" : "");
  using place = placeBelow(host, path, { name: baseName(what.from), into: options.into });
  return noted(place, () =>
    copyTree(source, place, {
      ...ownerRule(place, options, idsOf(what.pid).toInside),
      // A program that runs as its owner inside must not do so on the host, where others can start it.
      mode: (of) => (of.kind === "directory" ? of.mode : options.mode ?? of.mode) & 0o1777,
      attribute: (attribute) => KEPT_ATTRIBUTES.test(attribute),
    }));
}

function ownerFor(place: Entry, options: CopyOptions, otherwise: () => Ids): { owner?: Ids } {
  if (getuid() !== 0) return {};
  return { owner: options.ownerOfDirectory === true ? statusOf(place.directory) : otherwise() };
}

/** Only root gives files away; what others copy is theirs. */
function ownerRule(
  place: Entry,
  options: CopyOptions,
  map: (ids: Ids) => Ids,
): Pick<CopyRules, "owner"> {
  if (getuid() !== 0) return {};
  if (options.ownerOfDirectory !== true) return { owner: map };
  const { uid, gid } = statusOf(place.directory);
  return { owner: () => ({ uid, gid }) };
}

/** The ids of the container's user namespace: numbers inside and the kernel's. What is not mapped belongs to its root. */
export function idsOf(pid: number): {
  readonly toKernel: (ids: Ids) => Ids;
  readonly toInside: (ids: Ids) => Ids;
} {
  const uids = readMap(`/proc/${pid}/uid_map`);
  const gids = readMap(`/proc/${pid}/gid_map`);
  return {
    toKernel: ({ uid, gid }) => ({ uid: outside(uids, uid), gid: outside(gids, gid) }),
    toInside: ({ uid, gid }) => ({ uid: inside(uids, uid), gid: inside(gids, gid) }),
  };
}

interface Range {
  readonly inside: number;
  readonly outside: number;
  readonly count: number;
}

function readMap(path: string): readonly Range[] {
  return (readFile(path) ?? "").trim().split("\n").map((line) => {
    const [inside = 0, outside = 0, count = 0] = line.trim().split(/\s+/).map(Number);
    return { inside, outside, count };
  });
}

function outside(map: readonly Range[], id: number): number {
  for (const range of map) {
    if (id >= range.inside && id - range.inside < range.count) {
      return range.outside + id - range.inside;
    }
  }
  return id === 0 ? 0 : outside(map, 0);
}

function inside(map: readonly Range[], id: number): number {
  for (const range of map) {
    if (id >= range.outside && id - range.outside < range.count) {
      return range.inside + id - range.outside;
    }
  }
  return 0;
}

/** A path of the host, links followed; throws SyscallError. */
function openHost(path: string): Fd {
  const pathname = absolutePath(path, process.cwd());
  return Fd.open(openat({ pathname, flags: O_PATH | O_CLOEXEC }));
}

/** What goes wrong says what was to be done. */
export function explained<Result>(what: string, make: () => Result): Result {
  try {
    return make();
  } catch (error) {
    if (error instanceof ContainervError) throw error;
    if (!(error instanceof Error)) throw error;
    const known = error instanceof SyscallError
      ? { syscall: error.message, errno: error.errno }
      : {};
    throw new ContainervError({
      code: "COPY_FAILED",
      message: `cannot ${what}: ${error.message}`,
      ...known,
    });
  }
}
