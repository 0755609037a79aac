/**
 * SHA-256 of a stream. A long one is digested by a thread of its own, from memory that both see, while this one makes the files: else the
 * digest would be a third of the time that a layer takes. What is digested are the bytes that were read for unpacking, not
 * the file read once more: it may change meanwhile (security case T9).
 */
import { createHash } from "node:crypto";
import { Worker } from "node:worker_threads";
import type { Room } from "./tar/window.ts";

export interface Digester {
  /** Takes the bytes; to be awaited where it is a promise, for there is no room for more until then. */
  readonly update: (bytes: Uint8Array) => Promise<void> | undefined;
  /** `sha256:…` of all; to be asked once, at the end. Rejects when the thread failed. */
  readonly digest: () => Promise<string>;
  readonly close: () => Promise<void>;
}

/** Digests what is read into memory that its thread sees: nothing is copied. */
export interface LentDigester extends Omit<Digester, "update"> {
  /** Where in the memory the next bytes may be put: what was there before has been digested. */
  readonly room: () => Room | Promise<Room>;
  /** They were, at the begin of that room. */
  readonly took: (length: number) => void;
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

const SLOT_BYTES = 4 << 20;
const SLOTS = 4;
/** In front of each slot, for what a reader has not used yet of the one before. */
const GAP_BYTES = 4096;
const STRIDE_BYTES = GAP_BYTES + SLOT_BYTES;
/** As much memory is lent to a thread. */
export const LENT_BYTES = SLOTS * STRIDE_BYTES;

/** The thread's program: `[offset, length]` is digested and answered with null, a length of 0 with the digest. */
const PROGRAM = `
const { parentPort, workerData } = require("node:worker_threads");
const hash = require("node:crypto").createHash("sha256");
const memory = new Uint8Array(workerData);
parentPort.on("message", ([offset, length]) => {
  if (length === 0) parentPort.postMessage(hash.digest("hex"));
  else {
    hash.update(memory.subarray(offset, offset + length));
    parentPort.postMessage(null);
  }
});
`;

/** As `createDigester` for a long stream. */
export function createLentDigester(shared: SharedArrayBuffer): LentDigester {
  const thread = startThread(shared);
  return {
    room() {
      const at = thread.next();
      const room = { at, end: at + SLOT_BYTES };
      return thread.isFree() ? room : thread.free().then(() => room);
    },
    took: thread.send,
    digest: thread.digest,
    close: thread.close,
  };
}

function inThread(): Digester {
  const shared = new SharedArrayBuffer(LENT_BYTES);
  const memory = new Uint8Array(shared);
  const thread = startThread(shared);
  /** As `update`, of what fits into a slot. */
  const send = (bytes: Uint8Array): void => {
    memory.set(bytes, thread.next());
    thread.send(bytes.length);
  };
  const sendLater = async (bytes: Uint8Array): Promise<void> => {
    for (let at = 0; at < bytes.length; at += SLOT_BYTES) {
      await thread.free();
      send(bytes.subarray(at, at + SLOT_BYTES));
    }
  };
  return {
    update: (bytes) => {
      if (!thread.isFree() || bytes.length > SLOT_BYTES) return sendLater(bytes);
      if (bytes.length > 0) send(bytes);
      return undefined;
    },
    digest: thread.digest,
    close: thread.close,
  };
}

interface Thread {
  /** Where the slot that is next begins. */
  readonly next: () => number;
  /** It has been digested, and may be filled again. */
  readonly isFree: () => boolean;
  /** Resolves when it is. */
  readonly free: () => Promise<void>;
  /** That many bytes of it are to be digested. */
  readonly send: (length: number) => void;
  readonly digest: () => Promise<string>;
  readonly close: () => Promise<void>;
}

function startThread(shared: SharedArrayBuffer): Thread {
  const worker = new Worker(PROGRAM, { eval: true, workerData: shared });
  const answers = listenTo(worker);
  let sent = 0;
  const next = (): number => (sent % SLOTS) * STRIDE_BYTES + GAP_BYTES;
  return {
    next,
    isFree: () => answers.count() > sent - SLOTS,
    free: () => answers.until(sent - SLOTS + 1),
    send(length) {
      worker.postMessage([next(), length]);
      sent++;
    },
    digest: async () => {
      worker.postMessage([0, 0]);
      return `sha256:${await answers.digest}`;
    },
    close: async () => {
      await worker.terminate();
    },
  };
}

interface Answers {
  /** How many slots were read. */
  readonly count: () => number;
  /** Resolves when that many were. */
  readonly until: (count: number) => Promise<void>;
  readonly digest: Promise<string>;
}

function listenTo(worker: Worker): Answers {
  let count = 0;
  let wake = (): void => {};
  let broken: { readonly error: unknown } | undefined;
  const { promise: digest, resolve, reject } = Promise.withResolvers<string>();
  // Whoever asks is told; nobody may, when the archive was refused.
  digest.catch(() => {});
  const fail = (error: unknown): void => {
    broken ??= { error };
    reject(error);
    wake();
  };
  worker.on("message", (answer: string | null) => {
    if (answer === null) count++;
    else resolve(answer);
    wake();
  });
  worker.on("error", fail);
  worker.on("exit", () => fail(new Error("the thread that digests has ended")));
  return {
    count: () => count,
    until: async (wanted) => {
      while (count < wanted && broken === undefined) {
        await new Promise<void>((go) => wake = go);
      }
      if (broken !== undefined) throw broken.error;
    },
    digest,
  };
}
