/**
 * SHA-256 of a stream. A long one is digested by a thread of its own while this one makes the files: else the digest would be a third
 * of the time that a layer takes. (A plain archive is read there too: read_ahead.ts.)
 */
import { createHash } from "node:crypto";
import { Worker } from "node:worker_threads";
import { listenTo, RING_BYTES, SLOT_BYTES, slotAt, SLOTS } from "./ring.ts";

export interface Digester {
  /** Takes the bytes; to be awaited where it is a promise, for there is no room for more until then. */
  readonly update: (bytes: Uint8Array) => Promise<void> | undefined;
  /** `sha256:…` of all; to be asked once, at the end. Rejects when the thread failed. */
  readonly digest: () => Promise<string>;
  readonly close: () => Promise<void>;
}

/** A thread takes some 10 ms to begin: that many bytes are digested faster than it. */
const LONG_BYTES = 32 << 20;

export const isLong = (size: number): boolean => size >= LONG_BYTES;

/** `size`: about how long the stream is. */
export function createDigester(size: number): Digester {
  return isLong(size) ? inThread() : inPlace();
}

function inPlace(): Digester {
  const hash = createHash("sha256");
  return {
    update: (bytes) => {
      hash.update(bytes);
      return undefined;
    },
    digest: () => Promise.resolve(`sha256:${hash.digest("hex")}`),
    close: () => Promise.resolve(),
  };
}

/** The thread's program: `[offset, length]` is digested and answered with its length, a length of 0 with the digest. */
const PROGRAM = `
const { parentPort, workerData } = require("node:worker_threads");
const hash = require("node:crypto").createHash("sha256");
const memory = new Uint8Array(workerData);
parentPort.on("message", ([offset, length]) => {
  if (length === 0) parentPort.postMessage(hash.digest("hex"));
  else {
    hash.update(memory.subarray(offset, offset + length));
    parentPort.postMessage(length);
  }
});
`;

function inThread(): Digester {
  const shared = new SharedArrayBuffer(RING_BYTES);
  const memory = new Uint8Array(shared);
  const worker = new Worker(PROGRAM, { eval: true, workerData: shared });
  const answers = listenTo(worker);
  let sent = 0;
  /** As `update`, of what fits into a slot. */
  const send = (bytes: Uint8Array): void => {
    const at = slotAt(sent);
    memory.set(bytes, at);
    worker.postMessage([at, bytes.length]);
    sent++;
  };
  const sendLater = async (bytes: Uint8Array): Promise<void> => {
    for (let at = 0; at < bytes.length; at += SLOT_BYTES) {
      if (sent >= SLOTS) await answers.at(sent - SLOTS);
      send(bytes.subarray(at, at + SLOT_BYTES));
    }
  };
  return {
    update: (bytes) => {
      const isFree = answers.count() > sent - SLOTS;
      if (!isFree || bytes.length > SLOT_BYTES) return sendLater(bytes);
      if (bytes.length > 0) send(bytes);
      return undefined;
    },
    digest: async () => {
      worker.postMessage([0, 0]);
      return `sha256:${await answers.text}`;
    },
    close: async () => {
      await worker.terminate();
    },
  };
}
