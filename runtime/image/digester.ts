/**
 * SHA-256 of a stream. A long one is digested by a thread of its own, from memory that both see, while this one makes the files: else the
 * digest would be a third of the time that a layer takes. What is digested are the bytes that were read for unpacking, not
 * the file read once more: it may change meanwhile (security case T9).
 */
import { createHash } from "node:crypto";
import { Worker } from "node:worker_threads";

export interface Digester {
  /** Takes the bytes; to be awaited where it is a promise, for there is no room for more until then. */
  readonly update: (bytes: Uint8Array) => Promise<void> | undefined;
  /** `sha256:…` of all; to be asked once, at the end. Rejects when the thread failed. */
  readonly digest: () => Promise<string>;
  readonly close: () => Promise<void>;
}

/** A thread takes some 10 ms to begin: that many bytes are digested faster than it. */
const LONG_BYTES = 32 << 20;

/** `size`: about how long the stream is. */
export function createDigester(size: number): Digester {
  return size < LONG_BYTES ? inPlace() : inThread();
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

function inThread(): Digester {
  const shared = new SharedArrayBuffer(SLOTS * SLOT_BYTES);
  const memory = new Uint8Array(shared);
  const worker = new Worker(PROGRAM, { eval: true, workerData: shared });
  const answers = listenTo(worker);
  let sent = 0;
  /** As `update`, of what fits into a slot. */
  const send = (bytes: Uint8Array): void => {
    const offset = (sent++ % SLOTS) * SLOT_BYTES;
    memory.set(bytes, offset);
    worker.postMessage([offset, bytes.length]);
  };
  const sendLater = async (bytes: Uint8Array): Promise<void> => {
    for (let at = 0; at < bytes.length; at += SLOT_BYTES) {
      // The slot that is next must have been read.
      await answers.until(sent - SLOTS + 1);
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
