/** Files in memory, without a name. */
import { AT_EMPTY_PATH } from "../abi/fcntl.ts";
import { MFD_CLOEXEC } from "../abi/memfd.ts";
import { S_IFMT, S_IFREG, STATX_BASIC_STATS } from "../abi/stat.ts";
import { lseek, write } from "../calls/io.ts";
import { close, memfdCreate } from "../calls/open.ts";
import { statx } from "../calls/stat.ts";
import { callSync, check, readCell } from "./run.ts";

const CHUNK_BYTES = 65536;
const SEEK_SET = 0;

/** A memfd that holds the bytes, to be read from its beginning; the caller closes it. Throws SyscallError. */
export function memoryFile(name: string, bytes: Uint8Array): number {
  const fd = check(memfdCreate({ name, flags: MFD_CLOEXEC }));
  try {
    for (let at = 0; at < bytes.length;) {
      at += check(write({ fd, buf: bytes.subarray(at, at + CHUNK_BYTES) }));
    }
    check(lseek({ fd, offset: 0, whence: SEEK_SET }));
    return fd;
  } catch (error) {
    callSync(close({ fd }));
    throw error;
  }
}

const STATX = { cell: "statx", size: 256 } as const;

/** Bytes of a regular file; `undefined` for anything else. struct statx: stx_mode 28, stx_size 40. */
export function regularSize(fd: number): number | undefined {
  check(statx({
    dirfd: fd,
    pathname: "",
    flags: AT_EMPTY_PATH,
    mask: STATX_BASIC_STATS,
    statxbuf: STATX,
  }));
  const cell = readCell(STATX);
  const view = new DataView(cell.buffer, cell.byteOffset, cell.byteLength);
  if ((view.getUint16(28, true) & S_IFMT) !== S_IFREG) return undefined;
  return Number(view.getBigUint64(40, true));
}
