/** An archive → a layer of the store, in one pass: read, hashed, unpacked, compared, named. */
import { O_CLOEXEC, O_NONBLOCK, O_RDONLY } from "../../ffi/abi/fcntl.ts";
import { openat } from "../../ffi/calls/open.ts";
import { Fd } from "../../ffi/linux/fd.ts";
import { fileVersion, getuid } from "../../ffi/linux/file.ts";
import { callSync, createArena, SyscallError } from "../../ffi/linux/run.ts";
import { type SharedPiece, sharePiece } from "../../ffi/linux/shared.ts";
import type { Arena, Piece } from "../../ffi/memory/arena.ts";
import { isLong } from "./digester.ts";
import { ImageError } from "./error.ts";
import { RING_BYTES } from "./ring.ts";
import { archiveSource, compressionOf, type Digests, type Range, rangeSource } from "./source.ts";
import { createLayer, findLayer, type LayerRecord } from "./store.ts";
import { readTar, type TarLimits, type TarSink } from "./tar/read.ts";
import { createWindow } from "./tar/window.ts";
import { createTree } from "./unpack/tree.ts";

export type { Digests } from "./source.ts";

/** One read and, for a large file, one write is as long as this. */
const WINDOW_BYTES = 4 << 20;
const SCRATCH_BYTES = 1 << 20;

const ENTRIES_MAX = 1 << 20;
/** What small archives may become, and how much larger than the archive a layer may be (security case T8). */
const UNPACKED_BYTES_LEAST = 1 << 30;
const UNPACKED_RATIO_MAX = 100;

/** An archive that is read: a file, or a part of one. */
export interface Archive extends Range {
  /** As the user named it. */
  readonly name: string;
}

/** Digests that the archive must have: of its bytes as they are, and of what is in it when it is decompressed. */
export interface Expected {
  readonly digest?: string;
  readonly diffId?: string;
}

export function limitsOf(archiveBytes: number): TarLimits {
  const bytes = Math.max(UNPACKED_BYTES_LEAST, archiveBytes * UNPACKED_RATIO_MAX);
  return { entries: ENTRIES_MAX, bytes };
}

/** Opens an archive. @throws ImageError when there is none. */
export function openArchive(path: string): Archive & Disposable & { readonly identity: string } {
  const call = openat({ pathname: path, flags: O_RDONLY | O_NONBLOCK | O_CLOEXEC });
  const number = Number(callSync(call));
  if (number < 0) {
    const { message, errno } = new SyscallError(call, -number);
    throw new ImageError("ARCHIVE_UNREADABLE", `cannot read the archive ${path}`, {
      syscall: message,
      errno,
    });
  }
  const fd = new Fd(number);
  const identity = fileVersion({ fd: number });
  if (identity?.isFile !== true) {
    fd[Symbol.dispose]();
    throw new ImageError("ARCHIVE_UNREADABLE", `${path} is not a regular file`);
  }
  return {
    name: path,
    fd: number,
    offset: 0,
    size: identity.size,
    identity: identity.text,
    [Symbol.dispose]: () => fd[Symbol.dispose](),
  };
}

/** Reads an archive to its end; what is done with the entries is the sink's. @throws ImageError when it is not good. */
export async function readArchive(
  archive: Archive,
  sink: TarSink,
  options: { readonly memory: ArchiveMemory; readonly limits?: TarLimits },
): Promise<Digests> {
  const { piece, arena } = options.memory;
  const first = await rangeSource({ ...archive, size: Math.min(4, archive.size) })
    .read(piece, 0, 4);
  const compression = compressionOf(piece.bytes.subarray(0, first));
  const source = archiveSource(archive, compression, {
    scratch: () => arena.allocate(SCRATCH_BYTES, 4096),
    shared: "shared" in piece ? piece.shared : undefined,
  });
  const { limits = limitsOf(archive.size) } = options;
  try {
    await readTar({ window: createWindow(piece), source }, sink, limits);
    return await source.digests();
  } finally {
    await source.close();
  }
}

export interface ArchiveMemory extends Disposable {
  readonly arena: Arena;
  /** The window that an archive is seen through. */
  readonly piece: Piece | SharedPiece;
}

/** `size`: how long the archive is. That of a long one is lent to the thread that reads and digests it. */
export function archiveMemory(size: number): ArchiveMemory {
  const arena = createArena(isLong(size) ? SCRATCH_BYTES : WINDOW_BYTES);
  const piece = isLong(size) ? sharePiece(RING_BYTES) : arena.allocate(WINDOW_BYTES, 4096);
  return { arena, piece, [Symbol.dispose]: () => arena[Symbol.dispose]() };
}

/**
 * Unpacks an archive into the store; a layer of the same contents that is there already stays.
 *
 * @throws ImageError when the archive is not good or has other digests; then nothing of it is kept.
 */
export async function unpackArchive(
  data: string,
  archive: Archive,
  expected: Expected & { readonly limits?: TarLimits } = {},
): Promise<Digests & { readonly record: LayerRecord }> {
  using layer = createLayer(data);
  using memory = archiveMemory(archive.size);
  const { arena, piece } = memory;
  const uid = getuid();
  const gid = process.getegid?.() ?? 0;
  const tree = createTree(layer.root, { arena, piece, root: uid === 0, uid, gid });
  const { limits } = expected;
  try {
    const digests = await readArchive(archive, tree, {
      memory,
      ...(limits === undefined ? {} : { limits }),
    });
    compareDigests(archive.name, digests, expected);
    tree.finish();
    const record: LayerRecord = {
      version: 1,
      diffId: digests.diffId,
      notes: Object.fromEntries(tree.notes),
      whiteouts: tree.whiteouts(),
    };
    const known = layer.publish(record);
    return { ...digests, record: known ? findLayer(data, digests.diffId) ?? record : record };
  } finally {
    tree.close();
  }
}

/** @throws ImageError when one is another. */
export function compareDigests(name: string, found: Digests, expected: Expected): void {
  for (const key of ["digest", "diffId"] as const) {
    const wanted = expected[key];
    if (wanted === undefined || wanted === found[key]) continue;
    const what = key === "digest" ? "the archive" : "what is in the archive";
    throw new ImageError(
      "DIGEST_MISMATCH",
      `${what} ${name} has the digest ${found[key]}, not ${wanted}`,
    );
  }
}
