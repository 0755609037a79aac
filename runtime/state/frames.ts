/** Logs that a keeper wrote, read: frames in order, from the oldest file to the newest. */
import { listDirectory } from "../../ffi/linux/directory.ts";
import { readBytes } from "../../ffi/linux/file.ts";

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
const MAGIC = 0x676f6c63;
const BYTES_MAX = 65_536;

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

/** Reads the log `name` of a directory of logs. */
export function openLog(logs: string, name: string): LogReader {
  let first = true;
  let position = 0;
  let lastTime = 0n;
  const next = (): readonly Frame[] => {
    const path = `${logs}/${name}`;
    const bytes = readBytes(path) ?? new Uint8Array();
    // Shorter than what was read of it: it is a new one, and the rest of the old one has another name.
    const rotated = bytes.length < position;
    const old = first || rotated
      ? oldFrames(logs, name).filter(({ timeNs }) => timeNs > lastTime)
      : [];
    const { frames, end } = decodeFrames(bytes, rotated ? 0 : position);
    first = false;
    position = end;
    const all = [...old, ...frames];
    lastTime = all.at(-1)?.timeNs ?? lastTime;
    return all;
  };
  return { next };
}

function oldFrames(logs: string, name: string): readonly Frame[] {
  const numbers = listDirectory(logs).filter((entry) => entry.name.startsWith(`${name}.`))
    .map((entry) => Number(entry.name.slice(name.length + 1)))
    .sort((a, b) => b - a);
  return numbers.flatMap((number) =>
    decodeFrames(readBytes(`${logs}/${name}.${number}`) ?? new Uint8Array()).frames
  );
}
