/** Logs that a keeper wrote, read: frames in order, from the oldest file to the newest. */
import { O_CLOEXEC, O_NOFOLLOW, O_NONBLOCK, O_RDONLY } from "../../ffi/abi/fcntl.ts";
import { openat } from "../../ffi/calls/open.ts";
import { Fd } from "../../ffi/linux/fd.ts";
import { fileIdentity, readFrom } from "../../ffi/linux/file.ts";

/** A piece of output, as one read(2) of the keeper got it. */
export interface Frame {
  /** Nanoseconds since 1970. */
  readonly timeNs: bigint;
  readonly stream: "stdout" | "stderr";
  readonly bytes: Uint8Array;
  /** Bytes before it that could not be kept: the disk was full. */
  readonly lostBytes: number;
}

// The form is said to the keeper in runtime/plan/keeper/protocol.ts.
const HEADER_BYTES = 32;
const TIME_BYTES = 12;
const MAGIC = 0x676f6c63;
const BYTES_MAX = 65_536;
/** A keeper keeps so many old files at most. */
const OLD_MAX = 9;

/** Whole frames of `bytes` from `offset` on, and where the first that is not whole begins. What is no frame is passed over. */
export function decodeFrames(
  bytes: Uint8Array,
  offset = 0,
): { readonly frames: readonly Frame[]; readonly end: number } {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const frames: Frame[] = [];
  let at = offset;
  while (at + HEADER_BYTES <= bytes.length) {
    const length = view.getUint32(at + 16, true);
    if (view.getUint32(at + 12, true) !== MAGIC || length === 0 || length > BYTES_MAX) {
      at++; // not ours: the next header is looked for
      continue;
    }
    const end = at + HEADER_BYTES + length;
    if (end > bytes.length) break;
    frames.push({
      timeNs: view.getBigUint64(at, true) * 1_000_000_000n + BigInt(view.getUint32(at + 8, true)),
      stream: view.getUint32(at + 20, true) === 2 ? "stderr" : "stdout",
      lostBytes: Number(view.getBigUint64(at + 24, true)),
      bytes: bytes.subarray(at + HEADER_BYTES, end),
    });
    at = end;
  }
  return { frames, end: at };
}

/** A log that is read on as it grows, over rotations. */
export interface LogReader {
  /** Frames that came since the last call; at first all that are kept. */
  readonly next: () => readonly Frame[];
}

/** A file of a log, told apart from every other whatever its name is by now, and what was read of it. */
interface LogFile {
  readonly identity: string;
  readonly position: number;
}

/** Reads the log `name` of a directory of logs. */
export function openLog(logs: string, name: string): LogReader {
  let known: LogFile = { identity: "", position: 0 };
  const next = (): readonly Frame[] => {
    const files = openFiles(logs, name, known);
    const frames: Frame[] = [];
    try {
      for (const { fd, identity, position } of files) {
        const read = decodeFrames(readFrom(fd.number, position));
        frames.push(...read.frames);
        // Of an empty file nothing tells it from another.
        if (position + read.end > 0) known = { identity, position: position + read.end };
      }
    } finally {
      for (const { fd } of files) fd[Symbol.dispose]();
    }
    return frames;
  };
  return { next };
}

type OpenLogFile = LogFile & { readonly fd: Fd };

/** Those that are not read to their end yet, oldest first. They are opened newest first: a rotation meanwhile hides none. */
function openFiles(logs: string, name: string, known: LogFile): readonly OpenLogFile[] {
  const files: OpenLogFile[] = [];
  for (let number = 0; number <= OLD_MAX; number++) {
    const fd = openIfThere(number === 0 ? `${logs}/${name}` : `${logs}/${name}.${number}`);
    // While the files are rotated one of the numbers is missing.
    if (fd === undefined) continue;
    const identity = identityOf(fd.number);
    const isKnown = identity === known.identity;
    // Rotated while we looked: it was seen under its name of before.
    if (files.some((file) => file.identity === identity)) fd[Symbol.dispose]();
    else files.push({ fd, identity, position: isKnown ? known.position : 0 });
    if (isKnown) break;
  }
  return files.reverse();
}

/** With the time of its first frame: a file system may give the inode of a log that is gone to the next one. */
function identityOf(fd: number): string {
  const time = readFrom(fd, 0, TIME_BYTES);
  return `${fileIdentity(fd)} ${[...time].join(".")}`;
}

/** `undefined`: nothing was written yet. Throws SyscallError. */
function openIfThere(pathname: string): Fd | undefined {
  const flags = O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC;
  return Fd.openIfThere(openat({ pathname, flags }));
}
