/**
 * Many small files below one directory, looked at one after the other with as little as can be done for each: what lists are made of. Their
 * paths are put where the kernel reads them all at once, and nothing is made per file but its result.
 */
import { O_CLOEXEC, O_DIRECTORY, O_NONBLOCK, O_PATH, O_RDONLY } from "../abi/fcntl.ts";
import { STATX, STATX_BASIC_STATS } from "../abi/stat.ts";
import { openat } from "../calls/open.ts";
import { Fd } from "./fd.ts";
import { kernel, numberOf } from "./libc.ts";
import { callSync, createArena } from "./run.ts";

/** How many numbers tell one state of a file from another: inode, length, when it was last written (seconds, nanoseconds). */
export const STAMP_NUMBERS = 4;

/** What is as long, or longer, is not read: it might have been cut. */
const TEXT_BYTES = 4096;

const encoder = new TextEncoder();
const decoder = new TextDecoder();

/** For as long as one function. Never given back: unmapping while the engine's threads run costs more than what is read there. */
const memory = createArena();

/** A file of the same name in each of several directories that lie in one. */
export interface FileOfEach {
  /** The one that they lie in. */
  readonly directory: string;
  readonly names: readonly string[];
  readonly file: string;
}

/**
 * Stamps of the files, `STAMP_NUMBERS` of each; zeros where there is none, or it can't be looked at. A file with the same stamp is the same,
 * unless it was written twice within one tick of the kernel's clock. Throws RangeError for a name with a zero byte.
 */
export function stampsOfEach(files: FileOfEach): Float64Array {
  const count = files.names.length;
  const stamps = new Float64Array(count * STAMP_NUMBERS);
  using below = openDirectory(files.directory);
  if (below === undefined) return stamps;
  const { encoded, address } = placePaths(files);
  const status = memory.allocate(STATX.size);
  const words = new Uint32Array(status.bytes.buffer, status.bytes.byteOffset, STATX.size / 4);
  const { raw } = kernel();
  const statx = numberOf("statx");
  const dirfd = below.number;
  let path = 0;
  for (let at = 0; at < stamps.length; at += STAMP_NUMBERS) {
    const result = raw(
      statx,
      dirfd,
      address + path,
      0,
      STATX_BASIC_STATS,
      status.address,
      0,
    );
    path = encoded.indexOf(0, path) + 1;
    if (Number(result) < 0) continue;
    // struct statx: stx_ino 32, stx_size 40, stx_mtime 112 (64 bits of seconds, then nanoseconds); exact up to 2^53.
    stamps[at] = (words[8] as number) + (words[9] as number) * 2 ** 32;
    stamps[at + 1] = (words[10] as number) + (words[11] as number) * 2 ** 32;
    stamps[at + 2] = (words[28] as number) + (words[29] as number) * 2 ** 32;
    stamps[at + 3] = words[30] as number;
  }
  return stamps;
}

/**
 * What one read(2) gives of each file, less than 4 KiB; `undefined` where there is more, or it can't be read. Throws RangeError for a name
 * with a zero byte.
 */
export function textsOfEach(files: FileOfEach): readonly (string | undefined)[] {
  const count = files.names.length;
  const texts = new Array<string | undefined>(count).fill(undefined);
  using below = openDirectory(files.directory);
  if (below === undefined) return texts;
  const { encoded, address } = placePaths(files);
  const buffer = memory.allocate(TEXT_BYTES);
  const { raw } = kernel();
  const open = numberOf("openat");
  const read = numberOf("read");
  const close = numberOf("close");
  const flags = O_RDONLY | O_CLOEXEC | O_NONBLOCK;
  const dirfd = below.number;
  let path = 0;
  for (let index = 0; index < count; index++) {
    const fd = Number(raw(open, dirfd, address + path, flags, 0, 0, 0));
    path = encoded.indexOf(0, path) + 1;
    if (fd < 0) continue;
    const length = Number(raw(read, fd, buffer.address, TEXT_BYTES, 0, 0, 0));
    raw(close, fd, 0, 0, 0, 0, 0);
    if (length < 0 || length === TEXT_BYTES) continue;
    texts[index] = decoder.decode(buffer.bytes.subarray(0, length));
  }
  return texts;
}

/** `undefined`: it can't be opened. */
function openDirectory(pathname: string): Fd | undefined {
  const flags = O_PATH | O_DIRECTORY | O_CLOEXEC;
  const fd = Number(callSync(openat({ pathname, flags })));
  return fd < 0 ? undefined : new Fd(fd);
}

/** The paths one behind the other, each with its zero, where the kernel reads them. */
function placePaths(
  { names, file }: FileOfEach,
): { readonly encoded: Uint8Array; readonly address: number } {
  const text = names.length === 0 ? "" : `${names.join(`/${file}\0`)}/${file}\0`;
  if (text.split("\0").length !== names.length + 1) throw new RangeError("a name has a zero byte");
  memory.reset();
  const { bytes, address } = memory.place(encoder.encode(text));
  return { encoded: bytes, address };
}
