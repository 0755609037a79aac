/** Logs that a keeper wrote, read: frames in order, from the oldest file to the newest. */
import { O_CLOEXEC, O_NOFOLLOW, O_NONBLOCK, O_RDONLY } from "../../ffi/abi/fcntl.ts";
import { openat } from "../../ffi/calls/open.ts";
import { Fd } from "../../ffi/linux/fd.ts";
import { fileIdentity, type FileVersion, fileVersion, readFrom } from "../../ffi/linux/file.ts";

/** A piece of output, as one read(2) of the keeper got it. */
export interface Frame {
  /** Nanoseconds since 1970. */
  readonly timeNs: bigint;
  readonly stream: "stdout" | "stderr";
  readonly bytes: Uint8Array;
  /** Bytes before it that could not be kept: the disk was full. */
  readonly lostBytes: number;
}

/** What a log's newest file holds. */
export interface KeptLog {
  readonly sizeBytes: number;
  /** Lost since its last frame. */
  readonly lostBytes: number;
}

// The form is said to the keeper in runtime/plan/keeper/protocol.ts.
const HEADER_BYTES = 32;
const TIME_BYTES = 12;
const LOST_NANOSECONDS = 476_867_433;
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

export const NO_LOG: KeptLog = { sizeBytes: 0, lostBytes: 0 };

/** What is in the log at `path` by now. */
export function keptLog(path: string): KeptLog {
  const found = fileVersion(path);
  const { lostBytes } = lossOf(found ?? fileVersion(`${path}.1`));
  return { sizeBytes: found?.size ?? 0, lostBytes };
}

const NO_LOSS = { lostBytes: 0, timeNs: 0n };

/** What was lost after the last frame of a file, and when it was lost. */
function lossOf(file: FileVersion | undefined): Pick<Frame, "lostBytes" | "timeNs"> {
  if (file?.modified.nsec !== LOST_NANOSECONDS) return NO_LOSS;
  return { lostBytes: file.modified.sec, timeNs: BigInt(Math.round(file.changedMs * 1e6)) };
}

/** A log that is read on as it grows, over rotations. */
export interface LogReader {
  /**
   * Frames that came since the last call; at first all that are kept. The last one is empty where something was lost behind all: what has
   * been said that way the frame that comes then does not say again.
   */
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
  let saidBytes = 0;
  /** Whoever is told of a loss twice counts it twice. */
  const untold = (frame: Frame): Frame => {
    const lostBytes = Math.max(0, frame.lostBytes - saidBytes);
    saidBytes = 0;
    return { ...frame, lostBytes };
  };
  const next = (): readonly Frame[] => {
    const files = openFiles(logs, name, known);
    const frames: Frame[] = [];
    try {
      const newest = files.at(-1)?.fd.number;
      const loss = newest === undefined ? NO_LOSS : lossOf(fileVersion({ fd: newest }));
      for (const { fd, identity, position } of files) {
        const read = decodeFrames(readFrom(fd.number, position));
        frames.push(...read.frames.map((frame) => saidBytes > 0 ? untold(frame) : frame));
        // Of an empty file nothing tells it from another.
        if (position + read.end > 0) known = { identity, position: position + read.end };
      }
      // Unless a frame came meanwhile, which says it itself.
      if (
        newest !== undefined && loss.lostBytes > saidBytes &&
        lossOf(fileVersion({ fd: newest })).timeNs === loss.timeNs
      ) {
        frames.push({
          ...loss,
          lostBytes: loss.lostBytes - saidBytes,
          stream: "stdout",
          bytes: new Uint8Array(),
        });
        saidBytes = loss.lostBytes;
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
