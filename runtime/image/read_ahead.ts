/**
 * A long file that a thread of its own reads and digests, some pieces ahead of who uses them: reading would be a fifth of the time
 * that a layer takes, the digest a third. The bytes that are digested are those that are used, not the file read once
 * more: it may change meanwhile (security case T9).
 */
import { Worker } from "node:worker_threads";
import { listenTo, SLOT_BYTES, slotAt, SLOTS } from "./ring.ts";
import type { ByteSource } from "./tar/window.ts";

/** A part of a file. */
export interface Range {
  readonly fd: number;
  readonly offset: number;
  readonly size: number;
}

export interface ReadAhead extends ByteSource {
  /** `sha256:…` of all; to be asked when the end was seen. */
  readonly digest: () => Promise<string>;
  /** Ends the thread, wherever it is. */
  readonly close: () => Promise<void>;
}

/**
 * The thread's program. It answers with the length of a slot that is filled (0: the end), with the errno of a read that failed as a
 * negative one, as of the open, and with the digest; a message to it frees a slot.
 */
const PROGRAM = `
const { parentPort, workerData } = require("node:worker_threads");
const { openSync, readSync } = require("node:fs");
const { shared, path, offset, size, slotBytes, starts } = workerData;
const hash = require("node:crypto").createHash("sha256");
const memory = new Uint8Array(shared);
let fd, at = 0, turn = 0, free = starts.length;
function fillOne() {
  const start = starts[turn % starts.length];
  const wanted = Math.min(slotBytes, size - at);
  let length = 0;
  while (length < wanted) {
    const got = readSync(fd, memory, start + length, wanted - length, offset + at + length);
    if (got === 0) break;
    length += got;
  }
  parentPort.postMessage(length);
  if (length === 0) {
    parentPort.postMessage(hash.digest("hex"));
    return false;
  }
  hash.update(memory.subarray(start, start + length));
  at += length;
  turn++;
  free--;
  return true;
}
let going = true;
function fill() {
  try {
    fd ??= openSync(path, "r");
    while (going && free > 0) going = fillOne();
  } catch (error) {
    if (typeof error.errno !== "number") throw error;
    going = false;
    parentPort.postMessage(-Math.abs(error.errno));
  }
}
parentPort.on("message", () => {
  free++;
  fill();
});
fill();
`;

/** `shared`: that of the window, as long as a ring; `readError`: what is thrown, of a −errno. */
export function readAhead(
  { fd, offset, size }: Range,
  shared: SharedArrayBuffer,
  readError: (result: number) => Error,
): ReadAhead {
  const worker = new Worker(PROGRAM, {
    eval: true,
    workerData: {
      shared,
      // A descriptor has another number for Node's functions than for the kernel, in some runtimes.
      path: `/proc/self/fd/${fd}`,
      offset,
      size,
      slotBytes: SLOT_BYTES,
      starts: Array.from({ length: SLOTS }, (_, turn) => slotAt(turn)),
    },
  });
  const answers = listenTo(worker, (answer) => answer < 0 ? readError(answer) : undefined);
  let turn = 0;
  return {
    async room() {
      const length = await answers.at(turn);
      const at = slotAt(turn);
      return { at, end: at + length };
    },
    read(_piece, at, end) {
      if (at === end) return 0;
      // What was not used yet of the slot before has been moved in front of this one.
      if (turn > 0) worker.postMessage(null);
      turn++;
      return end - at;
    },
    digest: async () => `sha256:${await answers.text}`,
    close: async () => {
      // Until it has answered it may not have opened the file yet: by then the descriptor may be another's. A failure was told, or nobody asks.
      await answers.at(0).catch(() => {});
      await worker.terminate();
    },
  };
}
