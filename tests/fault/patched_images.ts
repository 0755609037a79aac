/**
 * Runs the command line in this process, with one record of one of its programs changed: what is written into a memfd is changed before
 * it is sealed. Nothing of the product knows of it.
 *
 * As a program: `patched_images.ts IMAGE RECORD NUMBER WORDS…` runs the command line WORDS so.
 */
import {
  closeSync,
  fstatSync,
  openSync,
  readlinkSync,
  readSync,
  statSync,
  writeSync,
} from "node:fs";
import process from "node:process";
import { F_ADD_SEALS } from "../../ffi/abi/fcntl.ts";
import { kernel, numberOf } from "../../ffi/linux/libc.ts";
import { decode } from "../../ffi/stage/decode.ts";
import * as layout from "../../ffi/stage/layout.ts";
import { main } from "../../runtime/cli/main.ts";

/** Which record of which image gets which number of a system call, or holds whoever comes to it. */
export interface Patch {
  /** Counted from 0, of the programs that the command starts. */
  readonly image: number;
  readonly record: number;
  readonly number: number | "held";
}

/** A program that the command started. */
export interface SealedImage {
  /** Indices of its records that are system calls, and their numbers. */
  readonly calls: ReadonlyMap<number, number>;
  /** How the records are that may hold a process. */
  readonly holds: (record: number) => Hold;
}

export interface PatchedRun {
  readonly code: number;
  readonly output: string;
  readonly images: readonly SealedImage[];
}

/** The file behind a descriptor; `undefined`: it is no stage's whole image. */
function imageOf(fd: number): Uint8Array | undefined {
  if (!readlinkSync(`/proc/self/fd/${fd}`).startsWith("/memfd:containerv (")) return undefined;
  const file = openSync(`/proc/self/fd/${fd}`, "r");
  try {
    const bytes = new Uint8Array(fstatSync(file).size);
    readSync(file, bytes, 0, bytes.length, 0);
    return isWhole(bytes) ? bytes : undefined;
  } finally {
    closeSync(file);
  }
}

function recordOffset(image: Uint8Array, record: number): number {
  const view = new DataView(image.buffer);
  const records = view.getUint32(layout.DATA_OFFSET + layout.HEADER_RECORDS_ADDRESS, true);
  return records - layout.DATA_BASE + record * layout.RECORD_SIZE;
}

/** The shell that is executed has no records but the loader's. */
const isWhole = (image: Uint8Array): boolean =>
  image[recordOffset(image, layout.LOADER_RECORDS)] !== 0;

function callsOf(image: Uint8Array): ReadonlyMap<number, number> {
  return new Map(
    decode(image).records.flatMap(({ kind, number }, index) =>
      kind === "syscall" && index >= layout.LOADER_RECORDS ? [[index, number] as const] : []
    ),
  );
}

/** A record at which processes are held, and what it is else: they can be let go (held.ts). */
export interface Hold {
  /** Where the record stands in the memory of each process. */
  readonly address: number;
  readonly record: Uint8Array;
  /** Address of eight bytes of zeros. */
  readonly zeros: number;
}

function holdOf(image: Uint8Array, record: number): Hold {
  const offset = recordOffset(image, record);
  const view = new DataView(image.buffer);
  const count = view.getUint32(layout.DATA_OFFSET + layout.HEADER_RECORD_COUNT, true);
  return {
    address: layout.DATA_BASE + offset,
    record: image.slice(offset, offset + layout.RECORD_SIZE),
    // The guard behind the last record.
    zeros: layout.DATA_BASE + recordOffset(image, count),
  };
}

/**
 * rt_sigtimedwait(no signal at all) for ever: SIGSTOP and SIGCONT are what it fails after (signal(7)), and then the same record is
 * run again, which is the real one by then.
 */
function holding({ zeros }: Hold, index: number): Uint8Array {
  const record = new Uint8Array(layout.RECORD_SIZE);
  const view = new DataView(record.buffer);
  view.setUint8(layout.RECORD_KIND, layout.KIND_SYSCALL);
  view.setUint32(layout.RECORD_DESTINATION, layout.SLOT_DISCARD, true);
  view.setUint32(layout.RECORD_TARGET, index, true);
  view.setUint32(layout.RECORD_NUMBER, numberOf("rt_sigtimedwait"), true);
  view.setBigUint64(layout.RECORD_WORDS, BigInt(zeros), true);
  view.setBigUint64(layout.RECORD_WORDS + 24, 8n, true);
  return record;
}

function change(fd: number, image: Uint8Array, { record, number }: Patch): void {
  let bytes = image.slice(recordOffset(image, record)).subarray(0, layout.RECORD_SIZE);
  if (number === "held") bytes = holding(holdOf(image, record), record) as typeof bytes;
  else new DataView(bytes.buffer).setUint32(layout.RECORD_NUMBER, number, true);
  const file = openSync(`/proc/self/fd/${fd}`, "r+");
  writeSync(file, bytes, 0, bytes.length, recordOffset(image, record));
  closeSync(file);
}

/** Runs the words of a command line; what it prints is given, not shown. */
export async function runPatched(words: readonly string[], patch?: Patch): Promise<PatchedRun> {
  const libc = kernel() as { call: ReturnType<typeof kernel>["call"] };
  const { call } = libc;
  const { seam } = kernel();
  const [fcntl, write] = [numberOf("fcntl"), numberOf("write")];
  const images: SealedImage[] = [];
  const seen = new Set<string>();
  let output = "";
  libc.call = (number, given) => {
    const [fd, second, third] = given.map(Number);
    if (number === fcntl && second === F_ADD_SEALS && fd !== undefined) {
      const image = imageOf(fd);
      const key = `${fd} ${statSync(`/proc/self/fd/${fd}`).ino}`;
      if (image !== undefined && !seen.has(key)) {
        seen.add(key);
        if (patch?.image === images.length) change(fd, image, patch);
        images.push({ calls: callsOf(image), holds: (record) => holdOf(image, record) });
      }
    } else if (number === write && (fd === 1 || fd === 2)) {
      output += new TextDecoder().decode(
        new Uint8Array(seam.view(second ?? 0, third ?? 0)).slice(),
      );
      return third ?? 0;
    }
    return call(number, given);
  };
  try {
    return { code: await main(words), output, images };
  } finally {
    libc.call = call;
  }
}

if (import.meta.main) {
  const [image, record, number, ...words] = process.argv.slice(2);
  const patch: Patch = {
    image: Number(image),
    record: Number(record),
    number: number === "held" ? number : Number(number),
  };
  const { code, output } = await runPatched(words, patch);
  console.log(output);
  process.exit(code);
}
